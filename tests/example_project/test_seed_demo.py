"""The command that fills the demo."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from dbconnections.models import AllowedOrigin, Client, Connection

BASE_URL = "http://127.0.0.1:8000"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def site(settings) -> None:
    settings.DEBUG = True
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "BASE_URL": BASE_URL}


def seed() -> str:
    output = StringIO()
    call_command("seed_demo", stdout=output)
    return output.getvalue()


def printed_password(output: str, username: str) -> str:
    [line] = [line for line in output.splitlines() if line.split()[:1] == [username]]
    return line.split()[1]


def test_seeds_a_connection_and_its_clients():
    seed()
    connection = Connection.objects.get(name="Username-Password-Authentication")
    assert {(client.client_id, client.accepts_password) for client in connection.clients.all()} == {
        ("demo", False),
        ("demo-lock8", True),
    }
    for client in Client.objects.all():
        client.full_clean()
        assert client.result_url == f"{BASE_URL}/"
        origins = set(client.allowed_origins.values_list("origin", flat=True))
        assert origins == {BASE_URL, "http://localhost:8000"}


def test_origin_of_a_site_on_its_default_port(settings):
    settings.DBCONNECTIONS["BASE_URL"] = "https://demo.example.com"
    seed()
    assert set(AllowedOrigin.objects.values_list("origin", flat=True)) == {
        "https://demo.example.com"
    }


@pytest.mark.parametrize("debug", [True, False])
def test_prints_passwords_that_work(settings, debug):
    settings.DEBUG = debug
    output = seed()
    jane, admin = User.objects.get(username="jane"), User.objects.get(username="admin")
    assert jane.check_password(printed_password(output, "jane"))
    assert admin.check_password(printed_password(output, "admin"))
    assert (jane.is_staff, admin.is_superuser) == (False, True)


def test_known_passwords_are_for_debug_only(settings):
    settings.DEBUG = False
    first = printed_password(seed(), "jane")
    User.objects.all().delete()
    assert printed_password(seed(), "jane") != first


def test_second_run_keeps_everything():
    first = seed()
    Client.objects.filter(client_id="demo").update(name="Mine", result_url="", is_active=False)
    User.objects.get(username="jane").delete()
    jane = User.objects.create_user("jane", "mine@example.com", "my-own-password")

    second = seed()
    demo = Client.objects.get(client_id="demo")
    assert (demo.name, demo.result_url, demo.is_active) == ("Mine", "", False)
    assert (Client.objects.count(), Connection.objects.count()) == (2, 1)
    assert (User.objects.count(), AllowedOrigin.objects.count()) == (2, 4)
    jane.refresh_from_db()
    assert jane.email == "mine@example.com"
    assert jane.check_password("my-own-password")
    assert second.count("password kept") == 2
    assert printed_password(first, "admin") not in second


def test_prints_where_to_look_and_two_requests_in_plain_ascii(settings, tmp_path):
    settings.MAIL_DIR = tmp_path
    output = seed()
    assert output.isascii()
    for address in (f"{BASE_URL}/", f"{BASE_URL}/outbox/", f"{BASE_URL}/admin/"):
        assert f" {address}\n" in output
    assert output.count(f"curl -i {BASE_URL}/dbconnections/change_password") == 2
    assert '"client_id": "demo"' in output
    assert '"client_id": "demo-lock8", "password": "correct-horse-battery-7"' in output


def test_prints_no_outbox_when_there_is_none():
    assert "/outbox/" not in seed()
