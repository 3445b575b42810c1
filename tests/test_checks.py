"""Every system check: what makes it speak, and that it is silent when all is right."""

import inspect
import os
import re
import subprocess
import sys
from datetime import timedelta
from typing import Any

import django
import pytest
from django.core.checks import ERROR, INFO, WARNING, CheckMessage, run_checks
from django.db.models import JSONField, Value
from django.urls import include, path

from dbconnections import checks
from dbconnections.conf import all_settings
from dbconnections.models import Connection
from tests.factories import AllowedOriginFactory, ClientFactory, ConnectionFactory
from tests.support.processes import ROOT

try:
    from django.tasks.backends.immediate import ImmediateBackend
except ImportError:
    from django_tasks.backends.immediate import ImmediateBackend

SMTP = "django.core.mail.backends.smtp.EmailBackend"
CORS = "corsheaders.middleware.CorsMiddleware"
STORE = "dbconnections.accounts.ModelUserStore"

RIGHT = {
    "BASE_URL": "https://login.example.com",
    "WAKE_UP": "none",
    "RATE_LIMIT_STORAGE": "redis://127.0.0.1:6379/1",
}

DUMMY = f"{ImmediateBackend.__module__.rpartition('.')[0]}.dummy.DummyBackend"

LEVELS = {"E": ERROR, "W": WARNING, "I": INFO}

urlpatterns = [path("auth/", include("dbconnections.urls"))]


class NothingIncluded:
    urlpatterns: list[Any] = []


class TicketsElsewhere:
    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "elsewhere" if model._meta.app_label == "dbconnections" else None


class Queue(ImmediateBackend):
    """A backend that, for all the checks know, has a worker."""


def mailing(backend: str, timeout: int | None = None) -> dict[str, Any]:
    """Return the settings for mailing through a backend."""
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": {"timeout": timeout}}}}
    return {"EMAIL_BACKEND": backend, "EMAIL_TIMEOUT": timeout}


SITE = {
    **mailing("django.core.mail.backends.locmem.EmailBackend"),
    "ALLOWED_HOSTS": ["login.example.com", "[2001:db8::1]"],
    "DEFAULT_FROM_EMAIL": "noreply@example.com",
}


def store(backend: str, **options: Any) -> dict[str, Any]:
    return {"USER_STORES": {"default": {"BACKEND": backend, **options}}}


def queue(**options: Any) -> dict[str, Any]:
    return {"TASKS": {"default": {"BACKEND": f"{__name__}.Queue", **options}}}


# What each check finds wrong: its id, then DBCONNECTIONS, then the settings of Django.
WRONG = [
    ("E001", {"BASE_ULR": "https://login.example.com"}, {}),
    ("E001", {"base_url": "https://login.example.com"}, {}),
    ("E002", {"MAX_BODY_SIZE": "8192"}, {}),
    ("E002", {"TRUSTED_PROXIES": True}, {}),
    ("E002", {"TRUSTED_PROXIES": -1}, {}),
    ("E002", {"RESET_UNUSABLE_PASSWORDS": 1}, {}),
    ("E002", {"DELIVERY_LEASE": 120}, {}),
    ("E002", {"DELIVERY_LEASE": timedelta(seconds=-1)}, {}),
    ("E002", {"WAKE_UP": "celery"}, {}),
    ("E002", {"MANAGEMENT_PERMISSION_CLASSES": [object]}, {}),
    ("E002", {"RESULT_URL_HOSTS": "app.example.com"}, {}),
    ("E002", {"RESULT_URL_HOSTS": [1]}, {}),
    ("E023", {"MANAGEMENT_AUTHENTICATION_CLASSES": ["example.Nothing"]}, {}),
    ("E023", {"MANAGEMENT_PERMISSION_CLASSES": ["IsAdminUser"]}, {}),
    ("E023", {"MANAGEMENT_PERMISSION_CLASSES": ["rest_framework.permissions"]}, {}),
    ("E023", {"MANAGEMENT_PERMISSION_CLASSES": ["django.contrib.auth.models.User"]}, {}),
    ("E028", {"MANAGEMENT_PERMISSION_CLASSES": []}, {}),
    ("E028", {"MANAGEMENT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"]}, {}),
    ("E024", {"RESULT_URL_HOSTS": ["https://app.example.com"]}, {}),
    ("E024", {"RESULT_URL_HOSTS": ["app.example.com:8443"]}, {}),
    ("E024", {"RESULT_URL_HOSTS": ["App.example.com"]}, {}),
    ("E024", {"RESULT_URL_HOSTS": ["*.example.com"]}, {}),
    ("E002", {"BRANDING": []}, {}),
    ("E002", {"BRANDING": {"color": "#3d63dd"}}, {}),
    ("E002", {"BRANDING": {"name": None}}, {}),
    ("E002", {"BRANDING": {"primary_color": "blue"}}, {}),
    ("E002", {"BRANDING": {"logo": "https://cdn.example.com/logo.png"}}, {}),
    ("E002", {"BRANDING": {"logo": "missing.png"}}, {}),
    ("E002", {"BRANDING": {"support_email": "help"}}, {}),
    ("E002", {"BRANDING": {"support_url": "javascript:alert(1)"}}, {}),
    ("E002", {"BRANDING": {"terms_url": "/terms"}}, {}),
    ("E040", {"LOGO_HOSTS": ["https://cdn.example.com"]}, {}),
    ("E040", {"LOGO_HOSTS": ["*.example.com"]}, {}),
    ("E040", {"LOGO_HOSTS": ["cdn.example.com:8443"]}, {}),
    ("E002", {"BASE_URL": None}, {}),
    ("W022", {"BASE_URL": ""}, {"DEBUG": True}),
    ("E003", {"BASE_URL": ""}, {}),
    ("E004", {"BASE_URL": "login.example.com"}, {}),
    ("E004", {"BASE_URL": "//login.example.com"}, {}),
    ("E004", {"BASE_URL": "ftp://login.example.com"}, {}),
    ("E004", {"BASE_URL": "https://"}, {}),
    ("E004", {"BASE_URL": "https://login.example.com/auth"}, {}),
    ("E004", {"BASE_URL": "https://login.example.com?a=1"}, {}),
    ("E004", {"BASE_URL": "https://login.example.com/?"}, {}),
    ("E004", {"BASE_URL": "https://login.example.com/#"}, {}),
    ("E004", {"BASE_URL": "https://login.example.com#a"}, {}),
    ("E004", {"BASE_URL": "https://[::1"}, {}),
    ("E004", {"BASE_URL": "https://login.example.com:port"}, {}),
    ("E004", {"BASE_URL": "https://user@login.example.com"}, {}),
    ("E004", {"BASE_URL": " https://login.example.com"}, {}),
    ("E004", {"BASE_URL": "https://login.example.com\n"}, {}),
    ("E005", {"USER_STORES": {"default": {}}}, {}),
    ("E005", {"USER_STORES": {"default": "dbconnections.accounts.ModelUserStore"}}, {}),
    ("E005", store("dbconnections.accounts.Missing"), {}),
    ("E005", store("missing.module.Store"), {}),
    ("E005", store("Store"), {}),
    ("E005", store(STORE, OPTIONS={"unknown": 1}), {}),
    ("E005", store(STORE, OPTIONS={"email_verified_field": "verified"}), {}),
    ("E005", store(STORE, OPTIONS={"personal_fields": ["nick"]}), {}),
    ("E006", {"RATE_LIMIT": "often"}, {}),
    ("E006", {"RATE_LIMIT_PER_IP": "10"}, {}),
    ("E006", {"RATE_LIMIT_PAGES": "10 per fortnight"}, {}),
    ("E007", {"RATE_LIMIT_STORAGE": "nothing://"}, {}),
    ("E007", {"RATE_LIMIT_STORAGE": "127.0.0.1:6379"}, {}),
    ("E007", {"RATE_LIMIT_STORAGE": "redis://127.0.0.1:x/1"}, {}),
    ("W009", {}, {"ROOT_URLCONF": NothingIncluded}),
    ("W010", {}, {"ROOT_URLCONF": __name__}),
    ("W011", {}, {"MIDDLEWARE": [CORS]}),
    ("W011", {}, {"MIDDLEWARE": [CORS], "CORS_URLS_REGEX": r"^/(api|dbconnections)/"}),
    ("W014", {"BASE_URL": "http://login.example.com"}, {}),
    ("W015", {}, {"ALLOWED_HOSTS": ["login.example.com", "*"]}),
    ("W016", {}, mailing(SMTP)),
    ("W044", {}, mailing(SMTP, timeout=120)),
    ("W044", {"DELIVERY_LEASE": timedelta(seconds=30)}, mailing(SMTP)),
    ("W044", {"EMAIL_TIMEOUT": timedelta(minutes=3)}, mailing(SMTP)),
    ("W017", {"RATE_LIMIT": ""}, {}),
    ("W017", {"RATE_LIMIT_PER_IP": ""}, {}),
    ("W018", {"RATE_LIMIT_STORAGE": "memory://"}, {}),
    ("I019", {"WAKE_UP": "thread"}, {}),
    ("E020", {}, {"DATABASE_ROUTERS": [f"{__name__}.TicketsElsewhere"]}),
    ("W025", {"BASE_URL": "https://login.example.org"}, {}),
    ("W025", {"BASE_URL": "https://login.example.org:8443/"}, {}),
    ("W026", {}, {"DEFAULT_FROM_EMAIL": "webmaster@localhost"}),
    ("E021", {"WAKE_UP": "task"}, {}),
    ("E021", {"WAKE_UP": "task"}, {"TASKS": {"default": {"BACKEND": DUMMY}}}),
    ("E042", {"WAKE_UP": "task", "TASK_BACKEND": "mial"}, queue()),
    ("E042", {"WAKE_UP": "task"}, {"TASKS": {"default": {}}}),
    ("E042", {"WAKE_UP": "task"}, {"TASKS": {"default": {"BACKEND": "missing.Backend"}}}),
    ("E043", {"WAKE_UP": "task", "TASK_QUEUE": "mails"}, queue()),
    ("E043", {"WAKE_UP": "task"}, queue(QUEUES=["mails"])),
    ("E002", {"WAKE_UP": "task", "TASK_BACKEND": None}, queue()),
    ("E002", {"WAKE_UP": "task", "TASK_QUEUE": []}, queue()),
]

# What no check has anything to say to.
FINE = [
    ({}, {}),
    ({}, {"DEBUG": True}),
    ({"BASE_URL": "https://login.example.com/"}, {}),
    ({"BASE_URL": "https://login.example.com:8443"}, {}),
    ({"BASE_URL": "https://[2001:db8::1]:8443"}, {}),
    (store(STORE), {}),
    (store(STORE, OPTIONS={"filter": {"is_staff": False}}), {}),
    ({"RATE_LIMIT": "5 per minute", "RATE_LIMIT_PAGES": ""}, {}),
    ({"TRUSTED_PROXIES": 2, "DELIVERY_LEASE": timedelta(minutes=5)}, {}),
    ({"MAIL_CAPS": []}, {}),
    ({"BRANDING": {"support_email": "", "terms_url": "https://example.com/terms"}}, {}),
    ({"LOGO_HOSTS": ["cdn.example.com"]}, {}),
    ({"RESULT_URL_HOSTS": ["app.example.com", "www.example.com"]}, {}),
    ({"FROM_EMAIL": "noreply@example.com"}, {"DEFAULT_FROM_EMAIL": "webmaster@localhost"}),
    ({}, {"ALLOWED_HOSTS": [".example.com"]}),
    ({}, {"MIDDLEWARE": [CORS], "CORS_URLS_REGEX": r"^(?!/dbconnections/)"}),
    ({}, {"MIDDLEWARE": [CORS], "CORS_URLS_REGEX": r"^/api/"}),
    ({}, {"CORS_URLS_REGEX": r"^.*$"}),
    ({}, mailing(SMTP, timeout=10)),
    ({"DELIVERY_LEASE": timedelta(seconds=10)}, mailing(SMTP, timeout=9)),
    ({"EMAIL_TIMEOUT": timedelta(minutes=3)}, mailing(SMTP, timeout=119)),
    ({"EMAIL_TIMEOUT": timedelta(minutes=3)}, {}),
    ({}, mailing("anymail.backends.test.EmailBackend")),
    ({"WAKE_UP": "task"}, queue()),
    ({"WAKE_UP": "task", "TASK_QUEUE": "mails"}, queue(QUEUES=["mails"])),
    ({"WAKE_UP": "task", "TASK_QUEUE": "mails"}, queue(QUEUES=[])),
    ({"WAKE_UP": "none", "TASK_BACKEND": "mial", "TASK_QUEUE": "mails"}, {}),
]


@pytest.fixture
def found(settings):
    """Return a function that gives what the checks find with these settings, by id."""

    def found(
        ours: dict[str, Any], site: dict[str, Any], *, deploy: bool = True, databases: Any = ()
    ) -> dict[str, CheckMessage]:
        settings.DBCONNECTIONS = RIGHT | ours
        for name, value in (SITE | site).items():
            setattr(settings, name, value)
        messages = run_checks(
            tags=["dbconnections"], include_deployment_checks=deploy, databases=databases
        )
        return {message.id.removeprefix("dbconnections."): message for message in messages}

    return found


@pytest.mark.parametrize(("wanted", "ours", "site"), WRONG)
def test_check_speaks(found, wanted, ours, site):
    message = found(ours, site)[wanted]
    assert message.level == LEVELS[wanted[0]]
    assert message.hint


@pytest.mark.parametrize(("ours", "site"), FINE)
def test_checks_are_silent(found, ours, site):
    assert found(ours, site) == {}


@pytest.mark.parametrize("caps", [[3], [(3,)], [(3, 900)], [(True, timedelta(minutes=15))]])
def test_cap_on_mails_that_is_no_pair_is_told(found, caps):
    assert "must be a list of pairs" in found({"MAIL_CAPS": caps}, {})["E002"].msg


@pytest.mark.parametrize("name", sorted(all_settings()))
@pytest.mark.parametrize("value", [None, b"x"])
def test_setting_of_the_wrong_type_is_told_by_name(found, name, value):
    message = found({name: value}, {})["E002"]
    assert message.msg.startswith(f'DBCONNECTIONS["{name}"] must be of type ')
    assert message.hint == all_settings()[name].meaning


def test_unknown_setting_is_told_with_those_there_are(found):
    message = found({"BASE_ULR": ""}, {})["E001"]
    assert message.msg == 'DBCONNECTIONS["BASE_ULR"] is no setting of this app.'
    assert "BASE_URL" in message.hint


def test_tasks_are_missed_where_they_are_wanted(found, monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    monkeypatch.setattr(django, "VERSION", (5, 2, 0, "final", 0))
    assert set(found({"WAKE_UP": "task"}, {}, deploy=False)) == {"E008"}
    assert found({"WAKE_UP": "thread"}, {}, deploy=False) == {}


@pytest.mark.parametrize("value", [None, [], "https://login.example.com"])
def test_settings_that_are_no_dict_are_told(found, settings, value):
    assert found({}, {}) == {}
    settings.DBCONNECTIONS = value
    messages = run_checks(tags=["dbconnections"], databases=())
    [message] = [message for message in messages if message.id == "dbconnections.E000"]
    assert message.level == ERROR
    assert message.hint


@pytest.mark.django_db
def test_connections_are_checked_where_the_database_is(found):
    client = ClientFactory()
    ConnectionFactory(name="Fine", ticket_lifetime=timedelta(hours=24), clients=[client])
    assert found({}, {}, databases=["default"]) == {}

    ConnectionFactory(name="Gone", user_store="ldap")
    ConnectionFactory(name="Long", ticket_lifetime=timedelta(hours=24, seconds=1))
    messages = found({}, {}, databases=["default"])
    assert set(messages) == {"E012", "W013"}
    assert "Connection Gone uses the user store 'ldap'" in messages["E012"].msg
    assert "Links of connection Long work for 1 day, 0:00:01." in messages["W013"].msg
    assert {message.level: bool(message.hint) for message in messages.values()} == {
        ERROR: True,
        WARNING: True,
    }


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(all_settings()))
def test_setting_of_the_wrong_type_keeps_no_check_from_speaking(found, name):
    logo = "https://cdn.example.com/logo.png"
    ConnectionFactory(user_store="ldap", clients=[ClientFactory(logo=logo)])
    ours = {"WAKE_UP": "task", "BRANDING": {"logo": logo}}
    assert "E002" in found({**ours, name: None}, {}, databases=["default"])


@pytest.mark.parametrize("wanted", ["refuse", "refuse_unchecked"])
def test_package_that_knows_of_breaches_is_missed_where_it_is_wanted(found, monkeypatch, wanted):
    assert found({"BREACHED_PASSWORDS": wanted}, {}) == {}
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert set(found({"BREACHED_PASSWORDS": wanted}, {})) == {"E029"}
    assert found({"BREACHED_PASSWORDS": "ignore"}, {}) == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "options", [{"password_policy": "better"}, {"password_complexity": {"min_length": 0}}]
)
def test_policy_that_cannot_be_used_is_told(found, options):
    fields = {"password_policy": "custom", **options}
    ConnectionFactory(name="Odd", clients=[ClientFactory()], **fields)
    messages = found({}, {}, databases=["default"])
    assert set(messages) == {"E031"}
    assert "Connection Odd has a password policy" in messages["E031"].msg


@pytest.mark.django_db
@pytest.mark.parametrize(
    "options",
    [
        {"password_policy": "excellent"},
        {"password_policy": "custom", "password_complexity": {"min_length": 9}},
        {"password_policy": "none", "password_min_length": 9},
    ],
)
def test_policy_that_no_password_meets_is_told(found, options):
    ConnectionFactory(name="Odd", clients=[ClientFactory()], **options)
    assert found({}, {}, databases=["default"]) == {}
    message = found({"PASSWORD_MAX_LENGTH": 8}, {}, databases=["default"])["E031"]
    assert message.msg == (
        "Connection Odd has a password policy that cannot be used: "
        "No password could be long enough: at most 8 are allowed."
    )


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["password_dictionary_words", "password_complexity"])
def test_policy_with_a_null_is_told(found, field):
    connection = ConnectionFactory(password_policy="custom", clients=[ClientFactory()])
    Connection.objects.filter(pk=connection.pk).update(**{field: Value(None, JSONField())})
    assert set(found({}, {}, databases=["default"])) == {"E031"}


@pytest.mark.django_db
def test_origin_that_no_browser_sends_is_told(found):
    client = ClientFactory()
    ConnectionFactory(clients=[client])
    AllowedOriginFactory(client=client, origin="https://app.example.com")
    assert found({}, {}, databases=["default"]) == {}
    AllowedOriginFactory(client=client, origin="https://app.example.com/")
    assert set(found({}, {}, databases=["default"])) == {"W032"}


@pytest.mark.parametrize("logo", ["gone.png", "https://cdn.example.com/logo.png", "//x/logo.png"])
@pytest.mark.parametrize("kind", [ClientFactory, ConnectionFactory])
@pytest.mark.django_db
def test_logo_that_is_not_shown_is_told(found, kind, logo):
    ConnectionFactory(clients=[ClientFactory(logo="example_project/icon.svg")])
    assert found({}, {}, databases=["default"]) == {}
    branded = kind(name="Somebody", logo=logo)
    message = found({}, {}, databases=["default"])["W041"]
    assert f"{branded} goes without its logo: " in message.msg
    assert message.level == WARNING


@pytest.mark.django_db
def test_history_that_is_fed_by_halves_is_told(found):
    ConnectionFactory(name="Short", password_history_size=1, clients=[ClientFactory()])
    assert set(found({}, {}, databases=["default"])) == {"W030"}
    complete = {"AUTH_PASSWORD_VALIDATORS": [{"NAME": checks.HISTORY}]}
    assert found({}, complete, databases=["default"]) == {}


@pytest.mark.django_db
@pytest.mark.parametrize("enabled", [False, True])
def test_site_that_nobody_can_ask_yet_is_told(found, enabled):
    """There may be clients and connections, but none of them belong together."""
    ConnectionFactory(clients=[ClientFactory(is_active=False)] if enabled else [])
    ClientFactory()
    message = found({}, {}, databases=["default"])["I027"]
    assert (message.level, bool(message.hint)) == (INFO, True)


def test_ordinary_check_leaves_the_database_alone():
    # This test has no access to it.
    assert run_checks(tags=["dbconnections"], databases=()) is not None


@pytest.mark.parametrize("wanted", ["W014", "W015", "W016", "W017", "W018", "I019", "W025", "W026"])
def test_what_is_fine_for_a_start_is_told_on_deployment_only(found, wanted):
    [(ours, site), *_] = [(ours, site) for name, ours, site in WRONG if name == wanted]
    assert found(ours, site, deploy=False) == {}


def test_every_id_is_given_once_and_tried_here():
    ids = re.findall(r'id="dbconnections\.([EWI][0-9]{3})"', inspect.getsource(checks))
    assert len(ids) == inspect.getsource(checks).count("id=")
    assert len(set(ids)) == len(ids)
    assert set(ids) == {name for name, _ours, _site in WRONG} | {
        *("E000", "E008", "E012", "W013", "I027", "E029", "W030", "E031", "W032", "W041")
    }


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | environment,
        capture_output=True,
        text=True,
    )


def test_check_for_deployment_runs():
    process = manage("check", "--deploy", "--fail-level", "CRITICAL")
    assert process.returncode == 0
    # The settings of these tests do not limit requests.
    assert set(re.findall(r"\(dbconnections\.(\w+)\)", process.stderr)) == {"W017"}


def test_first_migration_runs_before_there_is_anything_to_check(tmp_path):
    process = manage(
        "migrate", "--verbosity", "0", DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3"
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert (tmp_path / "new.sqlite3").exists()
