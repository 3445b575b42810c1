"""A shop with users, log-in, headers and rules of its own, to which the app is added."""

import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.conf import settings

from tests.sites.server import Browser, link_in, running, wait_for_mails
from tests.support.servers import free_port

pytestmark = pytest.mark.sites

SHOP = Path(__file__).parent / "existing"
ORIGIN = "https://app.example.com"
SHOP_ORIGIN = "https://shop.example.com"  # of the shop's own API, as its settings say
ADDRESS = "jane@example.com"
OLD, NEWEST = "old-Tractor-41", "late-Harbour-7"

SET_UP = f"""
from dbconnections.models import Client, Connection
from shop.models import Person

client = Client.objects.create(client_id="shop-app", name="The Shop")
client.allowed_origins.create(origin={ORIGIN!r})
Connection.objects.create(name="Users").clients.add(client)
Person.objects.create_user({ADDRESS!r}, {OLD!r}, full_name="Jane Doe")
"""


@contextmanager
def database() -> Iterator[dict[str, str]]:
    """Make a database on the PostgreSQL server of ``DATABASE_URL``; yield its variables."""
    server = settings.DATABASES["default"]
    if server["ENGINE"] != "django.db.backends.postgresql":
        pytest.fail("Set DATABASE_URL to a database on a PostgreSQL server.", pytrace=False)
    import psycopg

    name = f"test_dbconnections_ci_{uuid4().hex}"
    variables = {key: str(server[key]) for key in ("USER", "PASSWORD", "HOST", "PORT")}
    login = {key.lower(): value for key, value in variables.items() if value}
    with closing(psycopg.connect(dbname="postgres", autocommit=True, **login)) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield {f"DB_{key}": value for key, value in {"NAME": name, **variables}.items()}
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def shop(tmp_path: Path, make_environment: Any) -> Iterator[tuple[Path, str]]:
    """The running shop: its directory and its address."""
    environment = make_environment(
        "psycopg[binary]>=3.2.2", "django-allauth>=65.14", "django-cors-headers>=4.7"
    )
    directory = tmp_path / "shop"
    shutil.copytree(SHOP, directory)
    port = free_port()
    with database() as variables:
        variables["BASE_URL"] = f"http://127.0.0.1:{port}"

        def manage(*arguments: str) -> str:
            return environment.run("python", "manage.py", *arguments, cwd=directory, **variables)

        manage("makemigrations", "shop")
        manage("migrate", "--verbosity", "0")
        manage("shell", "--command", SET_UP)
        said = manage("check", "--database", "default")
        assert said == "System check identified no issues (0 silenced).\n"
        with running(environment, directory, port, **variables) as url:
            yield directory, url


def preflight(url: str, path: str, origin: str) -> requests.structures.CaseInsensitiveDict[str]:
    """Return the headers of what a browser asks before it posts JSON from another origin."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = requests.options(url + path, headers=asked, timeout=30)
    assert answer.ok, answer.status_code
    return answer.headers


def ask(url: str, email: str) -> requests.Response:
    """Ask for a reset as a German person's browser does from a front end elsewhere."""
    body = {"client_id": "shop-app", "connection": "Users", "email": email}
    headers = {"Origin": ORIGIN, "Accept-Language": "de"}
    return requests.post(
        f"{url}/dbconnections/change_password", json=body, headers=headers, timeout=30
    )


def test_shop_gets_the_reset_and_keeps_what_it_has(shop):
    directory, url = shop
    shopper = Browser(url)
    shopper.visit("/accounts/login/")
    shopper.send("form:has(input[name=login])", login=ADDRESS, password=OLD)
    assert shopper.url == f"{url}/accounts/email/"

    # Neither the shop's defaults for its own API nor its CORS headers meddle.
    for address in ("Jane@Example.com", "nobody@example.com"):
        answer = ask(url, address)
        assert answer.json() == "We've just sent you an email to reset your password."
        # One such header, or they would be joined.
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in answer.headers

    # Each of the two speaks for its own addresses and origins alone.
    our, their = "/dbconnections/change_password", "/accounts/login/"
    assert preflight(url, our, ORIGIN)["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in preflight(url, our, SHOP_ORIGIN)
    assert preflight(url, their, SHOP_ORIGIN)["Access-Control-Allow-Origin"] == SHOP_ORIGIN
    assert "Access-Control-Allow-Origin" not in preflight(url, their, ORIGIN)

    person = Browser(url, Accept_Language="de")
    [mail] = wait_for_mails(directory, 1)
    assert mail.recipients == ADDRESS
    assert "Passwort" in mail.subject
    assert "The Shop" in person.visit(link_in(mail))
    assert person.page.html["lang"] == "de"
    said = person.send(new_password1="my-Shop-number-1", new_password2="my-Shop-number-1")
    assert "Leave the name of the shop out." in said
    person.send(new_password1="fresh-Kettle-88", new_password2="fresh-Kettle-88")
    assert person.url == f"{url}/dbconnections/reset/done/"

    shopper.visit("/accounts/email/")
    assert "/accounts/login/" in shopper.url, "the old session is still there"
    shopper.send("form:has(input[name=login])", login=ADDRESS, password="fresh-Kettle-88")
    assert shopper.url == f"{url}/accounts/email/"

    wait_for_mails(directory, 2)  # ours told the person of the change
    # allauth's own reset goes on beside ours, to its end.
    forgetful = Browser(url)
    forgetful.visit("/accounts/password/reset/")
    forgetful.send("form:has(input[name=email])", email=ADDRESS)
    [*_, theirs] = wait_for_mails(directory, 3)
    [link] = re.findall(r"http\S+/accounts/password/reset/key/\S+", theirs.text)
    forgetful.visit(link)
    forgetful.send("form:has(input[name=password1])", password1=NEWEST, password2=NEWEST)
    forgetful.visit("/accounts/login/")
    forgetful.send("form:has(input[name=login])", login=ADDRESS, password=NEWEST)
    assert forgetful.url == f"{url}/accounts/email/"
