"""Where things are, and the least a site must have for them to work."""

import json
import os
import subprocess
import sys

import django
import pytest
from django.urls import NoReverseMatch, resolve, reverse

from dbconnections.api.views import ChangePasswordView
from dbconnections.pages.views import DoneView, LinkView, ResetView
from tests.api.wire import assert_error
from tests.support.processes import ROOT

TOKEN = "AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    ("name", "args", "address"),
    [
        ("change_password", [], "/dbconnections/change_password"),
        ("reset", [], "/dbconnections/reset/"),
        ("done", [], "/dbconnections/reset/done/"),
        ("link", [TOKEN], f"/dbconnections/reset/{TOKEN}"),
    ],
)
def test_name_leads_to(name, args, address):
    assert reverse(f"dbconnections:{name}", args=args) == address


@pytest.mark.parametrize(
    ("address", "view"),
    [
        ("/dbconnections/change_password", ChangePasswordView),
        ("/dbconnections/change_password/", ChangePasswordView),
        ("/dbconnections/reset/", ResetView),
        ("/dbconnections/reset/done/", DoneView),
        (f"/dbconnections/reset/{TOKEN}", LinkView),
    ],
)
def test_address_is_answered_by(address, view):
    assert resolve(address).func.view_class is view


@pytest.mark.parametrize(
    "address",
    [
        "/dbconnections/",
        "/dbconnections/change_passwords",
        "/DBCONNECTIONS/change_password",
        "/x/dbconnections/change_password",
        f"/dbconnections/reset/{TOKEN}/more",
    ],
)
def test_nothing_else_is_answered(client, address, db):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("rest", ["challenge", "/", "form/nothing", "a/b"])
def test_below_the_endpoint_is_an_error_that_its_callers_can_read(client, db, method, rest):
    """auth0-js asks for a captcha there, where it was given a state."""
    response = getattr(client, method)(f"/dbconnections/change_password/{rest}")
    assert_error(response, 404, "not_found", "There is nothing at this address.")


def test_names_are_in_a_namespace():
    with pytest.raises(NoReverseMatch):
        reverse("change_password")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("append_slash", [True, False])
def test_endpoint_is_not_redirected(client, connection, settings, slash, append_slash):
    """A redirect would make a browser ask once more with GET, or drop the body."""
    settings.APPEND_SLASH = append_slash
    body = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    address = f"/dbconnections/change_password{slash}"
    assert client.post(address, body, content_type="application/json").status_code == 200


# A site that has next to nothing, in a process of its own: it goes through the flow once for each
# of the given pairs of request and forms, and prints the statuses and what became of it.
SITE = """
import json, re, sys, warnings
warnings.simplefilter("error")
import django
from django.conf import settings

options, flows = json.loads(sys.argv[1]), json.loads(sys.argv[2])
urlpatterns = []
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(
    SECRET_KEY="minimal-0123456789abcdefghijklmnopqrstuvwxyz-0123456789",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF="__main__",
    DATABASES={"default": database | options.pop("DATABASE")},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    DBCONNECTIONS={"BASE_URL": "https://login.example.com", "WAKE_UP": "none"},
    **options,
)
django.setup()

from django.core import mail
from django.core.management import call_command
from django.test import Client as Browser
from django.test.utils import setup_test_environment
from django.urls import include, path

urlpatterns.append(path("", include("dbconnections.urls")))
setup_test_environment()
call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)

from django.contrib.auth.models import User
from dbconnections.delivery import deliver_due
from dbconnections.models import Client, Connection

client = Client.objects.create(client_id="demo", name="Acme Notes", accepts_password=True)
connection = Connection.objects.create(name="Users")
connection.clients.add(client)


def go_through(number, body, forms):
    email = f"jane{number}@example.com"
    user = User.objects.create_user(f"jane{number}", email, "old-tractor-violin-41")
    body |= {"client_id": "demo", "connection": "Users", "email": email}
    browser = Browser(enforce_csrf_checks=True)
    mail.outbox.clear()
    answer = browser.post("/dbconnections/change_password", body, content_type="application/json")
    deliver_due()
    link = re.search(r"https://login.example.com(/\\S+)", mail.outbox[0].body)[1]
    answers = [answer, browser.get(link), browser.get("/dbconnections/reset/")]
    for form in forms:
        hidden = re.findall(r'type="hidden" name="(\\w+)" value="(.+?)"', answers[-1].text)
        answers.append(browser.post("/dbconnections/reset/", form | dict(hidden)))
    answers.append(browser.get("/dbconnections/reset/done/"))
    deliver_due()
    user.refresh_from_db()
    statuses = [answer.status_code for answer in answers]
    return statuses, user.check_password("fresh-kettle-88"), len(mail.outbox)


print(json.dumps([go_through(number, *flow) for number, flow in enumerate(flows)]))
"""

CSRF = "django.middleware.csrf.CsrfViewMiddleware"
FEWEST_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "dbconnections"]

NEW = {"new_password1": "fresh-kettle-88", "new_password2": "fresh-kettle-88"}
DIFFERENT = {"new_password1": "fresh-kettle-88", "new_password2": "fresh-kettle-99"}
FLOWS: list[tuple[dict[str, str], list[dict[str, str]]]] = [
    ({}, [NEW]),
    ({"password": "fresh-kettle-88"}, [{}]),
    ({}, [DIFFERENT, {"action": "decline"}]),
]


@pytest.mark.parametrize(
    ("apps", "middleware", "atomic_requests"),
    [
        ([*FEWEST_APPS, "rest_framework"], [], False),
        ([*FEWEST_APPS, "rest_framework"], [], True),
        ([*FEWEST_APPS], [CSRF], True),
    ],
    ids=["no middleware", "ATOMIC_REQUESTS", "rest_framework not among the apps"],
)
def test_flow_needs_next_to_nothing_of_a_site(tmp_path, apps, middleware, atomic_requests):
    options = {
        "INSTALLED_APPS": apps,
        "MIDDLEWARE": middleware,
        "DATABASE": {"ATOMIC_REQUESTS": atomic_requests},
        **through_memory(),
    }
    (tmp_path / "minimal.py").write_text(SITE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    process = subprocess.run(
        [sys.executable, "minimal.py", json.dumps(options), json.dumps(FLOWS)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    new, confirmed, declined = json.loads(process.stdout.splitlines()[-1])
    assert new == [[200, 302, 200, 302, 200], True, 2]
    assert confirmed == [[200, 302, 200, 302, 200], True, 2]
    assert declined == [[200, 302, 200, 200, 200, 302], False, 1]


def through_memory() -> dict[str, object]:
    """Return the settings that keep mails in memory."""
    backend = "django.core.mail.backends.locmem.EmailBackend"
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend}}}
    return {"EMAIL_BACKEND": backend}
