import json

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.test import override_settings

from dbconnections.accounts import ModelUserStore
from dbconnections.delivery import deliver_due
from dbconnections.management.commands import import_auth0
from dbconnections.models import Client, Connection, ResetTicket
from tests.auth0_import.conftest import CONNECTION, HASHERS, PASSWORD, bcrypt_of, user
from tests.conftest import URL
from tests.pages.person import Tab
from tests.support.documentation import ROOT, marked
from tests.support.mail import link_in

pytestmark = pytest.mark.django_db

CLIENT_ID = "aCmeNotes0123456789abcdefghijkLM"


@pytest.fixture(autouse=True)
def hashers(settings):
    settings.PASSWORD_HASHERS = HASHERS


def is_empty():
    return not (Client.objects.exists() or Connection.objects.exists() or User.objects.exists())


def test_without_apply_nothing_is_written(tenant, export, capsys):
    call_command("import_auth0", tenant, users=export(user()))
    out = capsys.readouterr().out
    assert "client Acme Notes (aCmeNotes0123456789abcdefghijkLM): new" in out
    assert "Users: 1 new, 0 already there, 0 left out." in out
    assert out.endswith("Dry run: nothing was written. Add --apply to do it.\n")
    assert is_empty()


def test_second_time_nothing_changes(tenant, export, capsys):
    path = export(user())
    call_command("import_auth0", tenant, users=path, apply=True)
    capsys.readouterr()
    call_command("import_auth0", tenant, users=path, apply=True)
    out = capsys.readouterr().out
    assert "4 are as they should be." in out
    assert "Users: 0 new, 1 already there, 0 left out." in out
    assert "Clients and connections:" not in out


def test_no_secret_is_printed(tenant, export, capsys):
    call_command("import_auth0", tenant, users=export(user()), apply=True, verbosity=3)
    printed = "".join(capsys.readouterr())
    for secret in ("very-secret", "CONNECTIONS_OAUTH2_SECRET", bcrypt_of(), "ann@example.com"):
        assert secret not in printed


def test_names_cannot_move_the_cursor_of_whoever_reads_the_report(tmp_path, capsys):
    """At Auth0 strangers may name clients, by dynamic client registration."""
    fakes = {"name": "App\x1b[1A\x1b[2K", "client_id": "abc", "\ud800": 1, "\x9b": 1}
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients/a.json").write_text(json.dumps(fakes))
    (tmp_path / "clients/b.json").write_text(json.dumps(fakes | {"name": "App", "client_id": "b"}))
    call_command("import_auth0", tmp_path, apply=True)
    out = capsys.readouterr().out
    assert Client.objects.get().name == "App"
    assert r"App\x1b[1A\x1b[2K: has a client_id or a name that cannot be kept; left out." in out
    assert r"nothing here for: \x9b, \ud800." in out
    assert all(line.isprintable() for line in out.splitlines())


def test_section_that_is_no_text_is_told_as_any_other(yaml_file, capsys):
    call_command("import_auth0", yaml_file("clients: []\n2024: [1]\n"))
    assert "2024: not carried over." in capsys.readouterr().out


def test_users_that_were_imported_are_told_whatever_ends_it(tenant, export, monkeypatch, capsys):
    batches = iter([ModelUserStore.import_accounts])

    def lost(*args, **options):
        for import_accounts in batches:
            return import_accounts(*args, **options)
        raise OperationalError

    monkeypatch.setattr(ModelUserStore, "import_accounts", lost)
    users = export(*(user(f"u{number}@example.com") for number in range(501)))
    with pytest.raises(OperationalError):
        call_command("import_auth0", tenant, users=users, apply=True)
    assert User.objects.count() == 500
    assert "Users: 500 new" in capsys.readouterr().out


BROKEN = {
    "configuration": ("clients: [{name: 7}]", [], r"clients\[0\]\.name: must be a text"),
    "NUL": (r'clients: [{name: "a\0b"}]', [], r"clients\[0\]\.name: holds a NUL character"),
    "types": (None, [user(email=7)], r"line 1\.email: must be a text"),
    "last line": (None, [user(), '{"email": "bob@exa'], "line 2: this is not one JSON object"),
}


@pytest.mark.parametrize(("text", "users", "complaint"), BROKEN.values(), ids=BROKEN)
def test_broken_files_write_nothing(tenant, yaml_file, export, text, users, complaint):
    configuration = yaml_file(text) if text else tenant
    with pytest.raises(CommandError, match=complaint):
        call_command("import_auth0", configuration, users=export(*users), apply=True)
    assert is_empty()


@pytest.mark.parametrize(
    "hashers", [HASHERS[:1], [HASHERS[0], "django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]]
)
def test_without_a_hasher_no_hash_is_written(tenant, export, settings, capsys, hashers):
    settings.PASSWORD_HASHERS = hashers
    call_command("import_auth0", tenant, users=export(user()))
    assert "PASSWORD_HASHERS has no hasher" in capsys.readouterr().out
    with pytest.raises(CommandError, match="PASSWORD_HASHERS has no hasher"):
        call_command("import_auth0", tenant, users=export(user()), apply=True)
    assert is_empty()
    call_command("import_auth0", tenant, users=export(user(passwordHash=None)), apply=True)


def test_store_that_cannot_import_is_named_before_anything_is_written(tenant, export):
    stores = {"default": {"BACKEND": "builtins.object"}}
    with (
        override_settings(DBCONNECTIONS={"USER_STORES": stores}),
        pytest.raises(CommandError, match="has no import_accounts"),
    ):
        call_command("import_auth0", tenant, users=export(user()), apply=True)
    assert is_empty()


def test_interruption_says_where_it_stopped(tenant, export, monkeypatch, capsys):
    monkeypatch.setattr(ModelUserStore, "import_accounts", interrupt)
    with pytest.raises(CommandError, match="Stopped after line 0") as caught:
        call_command("import_auth0", tenant, users=export(user()), apply=True)
    assert caught.value.returncode == 130
    assert "Users: 0 new" in capsys.readouterr().out


def interrupt(*args, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "step", ["read_configuration", "survey", "apply"], ids=["configuration", "users", "writing"]
)
def test_interruption_before_the_users_writes_nothing(tenant, export, monkeypatch, step):
    monkeypatch.setattr(import_auth0, step, interrupt)
    with pytest.raises(CommandError, match="Nothing was written") as caught:
        call_command("import_auth0", tenant, users=export(user()), apply=True)
    assert caught.value.returncode == 130
    assert is_empty()


@pytest.mark.parametrize(
    ("verbosity", "lines"),
    [(1, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …"), (2, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")],
)
def test_lines_of_a_loss_are_named_all_if_asked(tenant, export, capsys, verbosity, lines):
    path = export(*(user(f"u{number}@example.com", email_verified=False) for number in range(11)))
    call_command("import_auth0", tenant, users=path, verbosity=verbosity)
    assert f"(line {lines})\n" in capsys.readouterr().out


def test_progress_is_told_apart_from_the_report(tenant, export, monkeypatch, capsys):
    path = export(*(user(f"u{number}@example.com") for number in range(1001)))
    call_command("import_auth0", tenant, users=path)
    assert capsys.readouterr().err.splitlines() == ["500 of 1001 users", "1000 of 1001 users"]


def test_imported_user_logs_in_with_the_old_password_which_is_hashed_anew(
    tenant, export, client, settings
):
    call_command("import_auth0", tenant, users=export(user()), apply=True)
    assert User.objects.get().password == f"bcrypt${bcrypt_of()}"
    assert not client.login(username="ann@example.com", password="wrong")
    assert client.login(username="ann@example.com", password=PASSWORD)
    assert User.objects.get().password.startswith("md5$"), "the site's own hasher"
    assert client.login(username="ann@example.com", password=PASSWORD)


def test_imported_user_resets_the_password_through_the_imported_client(tenant, export, client):
    call_command("import_auth0", tenant, users=export(user()), apply=True)
    body = {"client_id": CLIENT_ID, "email": "ann@example.com", "connection": CONNECTION}
    answer = client.post(
        URL, body, content_type="application/json", headers={"Origin": "https://notes.acme.example"}
    )
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "https://notes.acme.example"
    deliver_due()
    (message,) = mail.outbox
    assert message.to == ["ann@example.com"]
    assert link_in(message)
    tab = Tab(client)
    tab.follow(ResetTicket.objects.get())
    assert tab.submit("Kettle-88").status_code != 302, "the export asks for 12 characters"
    assert tab.submit("Fresh-kettle-88").status_code == 302
    assert client.login(username="ann@example.com", password="Fresh-kettle-88")


def test_user_a_database_may_refuse_is_named_by_line_and_the_rest_goes_on(tenant, export, capsys):
    users = export(user(), user("b@example.com", given_name="Bob\0"), user("c@example.com"))
    call_command("import_auth0", tenant, users=users, apply=True)
    out = capsys.readouterr().out
    assert "Users: 2 new, 0 already there, 1 left out." in out
    assert "1 left out: a NUL or half a surrogate pair in a value" in out
    assert "(line 2)" in out
    assert User.objects.count() == 2


@pytest.mark.parametrize("apply", [False, True])
def test_unverified_addresses_are_told_with_what_that_means(tenant, export, capsys, apply):
    users = export(user(), user("b@example.com", email_verified=False))
    call_command("import_auth0", tenant, users=users, apply=apply)
    out = capsys.readouterr().out
    assert "Users: 2 new, 0 already there, 0 left out." in out
    assert "1 with an address never verified at Auth0: whoever reads its mail can take over" in out


def test_unverified_addresses_are_left_out_if_asked(tenant, export, capsys):
    users = export(user(), user("b@example.com", email_verified=False))
    call_command("import_auth0", tenant, users=users, apply=True, verified_only=True)
    out = capsys.readouterr().out
    assert "Users: 1 new, 0 already there, 1 left out." in out
    assert "1 left out, as --verified-only asks" in out
    assert User.objects.get().email == "ann@example.com"


def test_configuration_alone(tenant, capsys):
    call_command("import_auth0", tenant, apply=True)
    assert "Users:" not in capsys.readouterr().out
    assert Connection.objects.count() == 2


def test_file_without_users(tenant, export, capsys):
    call_command("import_auth0", tenant, users=export(), apply=True)
    assert "Users: 0 new, 0 already there, 0 left out." in capsys.readouterr().out


def test_user_with_a_username_logs_in_by_address_through_the_back_end_of_the_page(
    tenant, export, client, settings
):
    shown = marked("import-auth0.md", "example: example_project/backends.py")
    assert shown.strip() == (ROOT / "example_project/backends.py").read_text().strip()
    path = export(user(username="ann"), user("bob@example.com"))
    call_command("import_auth0", tenant, users=path, apply=True)
    assert not client.login(username="ann@example.com", password=PASSWORD)
    settings.AUTHENTICATION_BACKENDS = ["example_project.backends.EmailOrUsernameBackend"]
    for login in ("ann", "ann@example.com", "bob@example.com"):
        assert client.login(username=login, password=PASSWORD)


def test_connections_that_share_a_user_store_are_named(yaml_file, capsys, settings):
    """At Auth0 no client could ask for the users of the other database."""
    store = "dbconnections.accounts.ModelUserStore"
    names = ("default", "staff")
    settings.DBCONNECTIONS = {"USER_STORES": {name: {"BACKEND": store} for name in names}}
    said = "A, B share the user store default, so each serves all of its users."
    path = yaml_file("databases:\n- {name: A, strategy: auth0}\n- {name: B, strategy: auth0}\n")
    call_command("import_auth0", path, apply=True)
    assert said in capsys.readouterr().out
    Connection.objects.filter(name="B").update(user_store="staff")
    call_command("import_auth0", path)
    assert "share" not in capsys.readouterr().out
