"""The administrator's side: what can be set, what is only looked at, and what is never shown."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urldefrag
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Permission, User
from django.contrib.staticfiles import finders
from django.core import mail
from django.db import OperationalError
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dbconnections import links, passwords
from dbconnections.accounts import Account
from dbconnections.admin import SendPasswordResetMixin
from dbconnections.delivery import deliver_due
from dbconnections.models import (
    Client,
    Connection,
    ResetTicket,
    ResetTicketQuerySet,
    TicketState,
)
from dbconnections.passwords.history import remember
from dbconnections.passwords.rules import CharacterType
from dbconnections.prepared import PreparedInsert
from dbconnections.secret import Secret
from tests.factories import (
    AllowedOriginFactory,
    ClientFactory,
    ConnectionFactory,
    MailedTicketFactory,
    ResetTicketFactory,
    UserFactory,
)
from tests.pages.html import parse

pytestmark = pytest.mark.django_db

NOW = timezone.now()
ALL_TICKETS = reverse("admin:dbconnections_resetticket_changelist")
ALL_USERS = reverse("admin:auth_user_changelist")
SENT_TO_USER = "A reset mail was requested for %d user"


def page_of(thing: Any, page: str = "change") -> str:
    """Return the address of an admin page for a model or one of its objects."""
    name = f"admin:{thing._meta.app_label}_{thing._meta.model_name}_{page}"
    return reverse(name, args=[] if isinstance(thing, type) else [thing.pk])


def messages_in(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.fixture
def staff() -> Callable[..., Browser]:
    """Return a function that logs in staff with these permissions."""

    def staff(*codenames: str) -> Browser:
        user = UserFactory(is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        assert user.user_permissions.count() == len(codenames)
        browser = Browser()
        browser.force_login(user)
        return browser

    return staff


def act(browser: Browser, action: str, *things: Any, address: str = "", **fields: Any) -> Any:
    """Run an action of a change list on these objects."""
    address = address or page_of(type(things[0]), "changelist")
    fields |= {"action": action, ACTION_CHECKBOX_NAME: [thing.pk for thing in things]}
    return browser.post(address, fields, follow=True)


def actions_of(browser: Browser, address: str) -> set[str]:
    """Return the actions that a change list offers."""
    options = parse(browser.get(address)).all("option")
    return {option["value"] for option in options} & {
        *("send_again", "revoke", "delete_selected", "send_password_reset")
    }


# Clients


def save_client(browser: Browser, *origins: str, client: Client | None = None, **fields: Any):
    """Submit the form of a client; return the answer."""
    prefix = "allowed_origins"
    form = {"name": "Acme Notes", "client_id": "", "is_active": "on", "confirmation": "button"}
    form |= {"result_url_parameters": "query"}
    form |= {f"{prefix}-TOTAL_FORMS": str(len(origins)), f"{prefix}-INITIAL_FORMS": "0"}
    form |= {f"{prefix}-{number}-origin": origin for number, origin in enumerate(origins)}
    return browser.post(page_of(client) if client else page_of(Client, "add"), form | fields)


def test_client_id_is_made_when_left_empty(admin_client):
    for _ in range(2):
        assert save_client(admin_client).status_code == 302
    ids = Client.objects.values_list("client_id", flat=True)
    assert len(set(ids)) == 2
    assert all(re.fullmatch("[A-Za-z0-9]{32}", client_id) for client_id in ids)


def test_client_id_of_before_is_kept(admin_client):
    client_id = "AaiyAPdpYdesoKnqjj8HJqRn4T5titww"
    save_client(admin_client, client_id=client_id)
    assert Client.objects.get().client_id == client_id


def test_client_is_saved_with_its_origins(admin_client):
    save_client(admin_client, "https://app.example.com", "http://localhost:3000", "")
    origins = Client.objects.get().allowed_origins.values_list("origin", flat=True)
    assert set(origins) == {"https://app.example.com", "http://localhost:3000"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"client_id": "taken"}, "Client with this Client ID already exists."),
        ({"client_id": "with space"}, "Use up to 64 letters, digits, hyphens and underscores."),
        ({"client_id": "x" * 65}, "at most 64 characters"),
        ({"client_id": "démo"}, "Use up to 64 letters"),
        ({"client_id": "a/b"}, "Use up to 64 letters"),
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"confirmation": "none"}, "Select a valid choice."),
        ({"result_url": "app.example.com"}, "Write a full address that starts with https://"),
        ({"result_url": "javascript:alert(1)"}, "Write a full address"),
        ({"result_url": "http://evil.example[::1]/"}, "Write a full address"),
        ({"result_url": "https://[::1]evil.example/"}, "Write a full address"),
        ({"result_url": "https://app..example.com/"}, "Write a full address"),
        ({"result_url": "https://app.example.com/" + "x" * 480}, "at most 500 characters"),
        ({"logo": "missing.png"}, "This site has no static file missing.png."),
        ({"logo": "https://cdn.example.com/logo.png"}, "not be loaded from cdn.example.com"),
        ({"primary_color": "blue"}, "Write # and six digits or letters from a to f"),
        ({"support_email": "help"}, "Enter a valid email address."),
        ({"support_url": "example.com/help"}, "Write a full address"),
        ({"terms_url": "javascript:alert(1)"}, "Write a full address"),
    ],
)
def test_client_that_cannot_be_is_refused(admin_client, fields, sentence):
    ClientFactory(client_id="taken")
    response = save_client(admin_client, **fields)
    assert response.status_code == 200
    assert sentence in " ".join(e.text for e in parse(response).all("ul", class_="errorlist"))
    assert Client.objects.count() == 1


def test_same_origin_twice_is_refused(admin_client):
    response = save_client(admin_client, *["https://app.example.com"] * 2)
    assert response.status_code == 200
    assert "Please correct the duplicate" in response.text
    assert not Client.objects.exists()


def test_same_origin_may_be_allowed_for_two_clients(admin_client):
    AllowedOriginFactory(origin="https://app.example.com")
    assert save_client(admin_client, "https://app.example.com").status_code == 302


@pytest.mark.parametrize(
    "origin", ["https://app.example.com/", "https://*.example.com", "null", "app.example.com"]
)
def test_wrong_origin_is_refused(admin_client, origin):
    response = save_client(admin_client, origin)
    assert "Write scheme and host in lower case and nothing after them" in response.text
    assert not Client.objects.exists()


def test_client_id_is_in_the_list_to_be_copied(admin_client):
    ClientFactory(client_id="copy-me")
    page = parse(admin_client.get(page_of(Client, "changelist")))
    assert page.one("code", class_="dbconnections-copy").text == "copy-me"
    for kind, address in (("script", "src"), ("link", "href")):
        [loaded] = [
            element[address]
            for element in page.all(kind)
            if "dbconnections/admin" in (element.attributes.get(address) or "")
        ]
        assert finders.find(loaded.removeprefix("/static/"))


def test_clients_are_found_by_name_and_id(admin_client):
    wanted = ClientFactory(client_id="copy-me", name="Notes")
    ClientFactory(client_id="other", name="Other")
    for query in ("copy", "notes"):
        response = admin_client.get(page_of(Client, "changelist"), {"q": query})
        assert list(response.context["cl"].result_list) == [wanted]


BRANDING = {
    "logo": "example_project/icon.svg",
    "primary_color": "#3D63DD",
    "support_email": "help@example.com",
    "support_url": "https://example.com/help",
    "terms_url": "https://example.com/terms",
}


def test_branding_is_saved(admin_client):
    assert save_client(admin_client, **BRANDING).status_code == 302
    assert save_connection(admin_client, **BRANDING).status_code == 302
    for branded in (Client.objects.get(), Connection.objects.get()):
        assert {name: getattr(branded, name) for name in BRANDING} == BRANDING


# Previews


PREVIEWS = {
    "new-password": "Set a new password",
    "done": "Your new password is set",
    "reset-mail": "Change your password",
    "changed-mail": "Your password was changed",
}


def preview_of(branded: Any, name: str = "new-password") -> str:
    kind = branded._meta.model_name
    return reverse(f"admin:dbconnections_{kind}_preview", args=[branded.pk, name])


@pytest.fixture
def branded_pair() -> dict[str, Any]:
    """A client and its connection, with the client's colour and the connection's support."""
    client = ClientFactory(primary_color="#aa0000", logo="example_project/icon.svg")
    connection = ConnectionFactory(clients=[client], support_email="help@example.com")
    return {"client": client, "connection": connection}


@pytest.mark.parametrize("kind", ["client", "connection"])
def test_previews_are_framed_on_the_page_of_what_is_branded(admin_client, branded_pair, kind):
    branded = branded_pair[kind]
    frames = parse(admin_client.get(page_of(branded))).all("iframe")
    assert [frame["src"] for frame in frames] == [preview_of(branded, name) for name in PREVIEWS]
    for frame in frames:
        assert frame["sandbox"] == "allow-scripts"  # in an origin of its own
        assert frame["title"]


@pytest.mark.parametrize(("name", "title"), PREVIEWS.items())
@pytest.mark.parametrize("kind", ["client", "connection"])
def test_preview_is_the_page_or_mail_itself(admin_client, branded_pair, kind, name, title):
    response = admin_client.get(preview_of(branded_pair[kind], name))
    assert response.status_code == 200
    page = parse(response)
    assert page.title.startswith(title)
    assert branded_pair["client"].name in page.text
    assert not ResetTicket.objects.exists()
    assert not mail.outbox


def test_preview_has_the_brand_that_was_saved(admin_client, branded_pair):
    for branded in branded_pair.values():
        brand = admin_client.get(preview_of(branded)).context["brand"]
        assert brand.accent == "#aa0000"
        assert brand.logo_url == "/static/example_project/icon.svg"
        assert brand.support_email == "help@example.com"


@pytest.mark.parametrize("name", PREVIEWS)
def test_preview_may_be_framed_here_and_do_nothing(admin_client, branded_pair, name, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"LOGO_HOSTS": ["cdn.example.com"]}
    Client.objects.update(logo="https://cdn.example.com/logo.png")
    response = admin_client.get(preview_of(branded_pair["client"], name))
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    policy = response["Content-Security-Policy"].split("; ")
    assert {
        "sandbox allow-scripts",
        "default-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    } < set(policy)
    assert "img-src 'self' https://cdn.example.com" in policy
    assert "script-src 'self'" in policy
    assert "no-store" in response["Cache-Control"]


def test_preview_stays_where_it_is(admin_client, branded_pair):
    Client.objects.update(result_url="https://app.example.com/", result_url_forwards=True)
    assert "Refresh" not in admin_client.get(preview_of(branded_pair["client"], "done"))


def test_link_in_a_preview_is_of_no_ticket(admin_client, branded_pair):
    page = parse(admin_client.get(preview_of(branded_pair["client"], "reset-mail")))
    # At its top and at the button that stops it.
    [address] = {urldefrag(a).url for a in page.addresses if "/dbconnections/reset/" in a}
    token = address.rpartition("/")[2]
    assert not ResetTicket.objects.filter(pk=links.read_token(token)).exists()
    assert Browser().get(f"/dbconnections/reset/{token}", follow=True).status_code == 404


@pytest.mark.parametrize("kind", ["client", "connection"])
def test_preview_is_for_those_who_may_look(staff, branded_pair, kind):
    address = preview_of(branded_pair[kind])
    assert Browser().get(address)["Location"].startswith("/admin/login/")
    assert staff("view_resetticket").get(address).status_code == 403
    assert staff(f"view_{kind}").get(address).status_code == 200
    assert staff(f"change_{kind}").get(address).status_code == 200


@pytest.mark.parametrize("name", ["nothing", "reset"])
def test_preview_of_what_is_not_there_is_not_found(admin_client, branded_pair, name):
    assert admin_client.get(preview_of(branded_pair["client"], name)).status_code == 404


def test_preview_of_a_client_that_is_not_there_is_not_found(admin_client):
    address = preview_of(Client(pk=4711))
    assert admin_client.get(address).status_code == 404


def test_preview_needs_neither_connection_nor_client(admin_client):
    for alone in (ClientFactory(), ConnectionFactory()):
        for name in PREVIEWS:
            assert admin_client.get(preview_of(alone, name)).status_code == 200


def test_preview_needs_no_address_of_the_site(admin_client, branded_pair, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"BASE_URL": ""}
    page = admin_client.get(preview_of(branded_pair["client"], "reset-mail"))
    assert "https://login.example.com/dbconnections/reset/" in page.text


def test_preview_with_a_policy_that_cannot_be_used_says_so(admin_client):
    connection = ConnectionFactory(password_policy="custom", password_complexity={"min_length": 0})
    response = admin_client.get(preview_of(connection))
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content


def test_strength_there_is_none_of_is_named_and_not_mended_in_silence(admin_client):
    """As one that was written by SQL or by another version."""
    connection = ConnectionFactory(password_policy="best")
    said = "Value 'best' is not a valid choice."
    page = parse(admin_client.get(page_of(connection)))
    assert said in page.text
    # A browser sends the first option where none is selected, and that asks for nothing.
    options = page.one("select", name="password_policy").inside
    assert [o["value"] for o in options if "selected" in o.attributes] == ["best"]
    assert admin_client.get(preview_of(connection)).content.decode() == said
    form = {"name": connection.name, "strategy": "auth0", "user_store": "default"}
    form |= {"ticket_lifetime": "01:00:00", "password_policy": "best"}
    form |= {"password_history_size": "0", "password_dictionary": "0"}
    response = admin_client.post(page_of(connection), form)
    assert "best is not one of" in parse(response).one("ul", class_="errorlist").text
    connection.refresh_from_db()
    assert connection.password_policy == "best"
    response = admin_client.post(page_of(connection), form | {"password_policy": "good"})
    assert response.status_code == 302


def test_nothing_is_previewed_before_it_is_saved(admin_client):
    for model in (Client, Connection):
        page = parse(admin_client.get(page_of(model, "add")))
        assert not page.all("iframe")
        assert "Shown once this is saved." in page.text


# Connections


def save_connection(browser: Browser, **fields: Any):
    """Submit the form of a new connection; return the answer."""
    form = {"name": "Users", "strategy": "auth0", "is_active": "on", "user_store": "default"}
    form |= {"ticket_lifetime": "01:00:00", "password_policy": "good"}
    form |= {"password_history_size": "0", "password_dictionary": "0"}
    return browser.post(page_of(Connection, "add"), form | fields)


def test_password_policy_is_saved(admin_client):
    save_connection(
        admin_client,
        password_policy="custom",
        password_min_length="12",
        password_history_size="5",
        password_dictionary="100000",
        password_dictionary_words=" Acme Notes \n\nacme\n",
        password_no_personal_info="on",
        custom_types=["lowercase", "number"],
        custom_blocks_sequential="on",
        custom_limits_bytes="on",
    )
    connection = Connection.objects.get()
    assert passwords.policy_of(connection) == passwords.Policy(
        min_length=12,
        types=(CharacterType.LOWERCASE, CharacterType.NUMBER),
        blocks_sequential=True,
        max_bytes=72,
        common=100_000,
        words=frozenset({"acme notes", "acme"}),
        refuses_personal_data=True,
        history_size=5,
    )


def test_password_policy_is_shown_as_it_was_saved(admin_client):
    connection = ConnectionFactory(
        password_policy="custom",
        password_complexity={
            "character_types": ["uppercase", "special"],
            "identical_characters": "block",
            "max_length_exceeded": "error",
        },
        password_dictionary_words=["acme", "notes"],
    )
    page = parse(admin_client.get(page_of(connection)))
    checked = {
        box["id"] for box in page.all("input", type="checkbox") if "checked" in box.attributes
    }
    assert checked == {
        *("id_is_active", "id_custom_types_1", "id_custom_types_3"),
        *("id_custom_blocks_identical", "id_custom_limits_bytes"),
    }
    assert page.one("textarea", name="password_dictionary_words").text.strip() == "acme\nnotes"


def test_custom_strength_that_cannot_be_used_is_not_mended_in_silence(admin_client):
    odd = {"character_types": ["uppercase", "digit"]}
    connection = ConnectionFactory(password_policy="custom", password_complexity=odd)
    form = {"name": connection.name, "strategy": "auth0", "user_store": "default"}
    form |= {"ticket_lifetime": "01:00:00", "password_policy": "custom"}
    form |= {"password_history_size": "0", "password_dictionary": "0"}
    response = admin_client.post(page_of(connection), form | {"custom_types": ["uppercase"]})
    assert "character_types cannot be" in response.content.decode()
    connection.refresh_from_db()
    assert connection.password_complexity == odd
    chosen = {"custom_types": ["uppercase", "number"]}
    assert admin_client.post(page_of(connection), form | chosen).status_code == 302


def test_minimum_length_that_an_import_brought_along_outlives_other_changes(admin_client):
    complexity = {"min_length": 20, "max_length_exceeded": "truncate"}
    connection = ConnectionFactory(password_policy="custom", password_complexity=complexity)
    form = {"name": connection.name, "strategy": "auth0", "user_store": "default"}
    form |= {"ticket_lifetime": "01:00:00", "password_policy": "custom"}
    form |= {"password_history_size": "0", "password_dictionary": "0"}
    response = admin_client.post(page_of(connection), form | {"custom_types": ["uppercase"]})
    assert response.status_code == 302
    connection.refresh_from_db()
    assert connection.password_complexity["min_length"] == 20
    assert connection.password_complexity["character_types"] == ["uppercase"]


def test_resulting_rules_are_shown(admin_client):
    connection = ConnectionFactory(password_policy="excellent", password_history_size=3)
    rules = (
        parse(admin_client.get(page_of(connection))).one("ul", class_="dbconnections-rules").text
    )
    for rule in (
        "At least 10 characters.",
        "At least 3 of these",
        "None of your last 3 passwords.",
    ):
        assert rule in rules


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"custom_types": ["lowercase"], "custom_three_of_four": "on"},
            "Three of four needs all four character types",
        ),
        ({"password_dictionary_words": "x" * 51}, "Write up to 200 words of up to 50 characters."),
        ({"password_dictionary_words": "x\n" * 201}, "Write up to 200 words of up to 50"),
        ({"password_min_length": "73", "custom_limits_bytes": "on"}, "at most 72 are allowed"),
        ({"password_history_size": "25"}, "less than or equal to 24"),
        ({"password_min_length": "129"}, "less than or equal to 128"),
        ({"password_min_length": "0"}, "greater than or equal to 1"),
    ],
)
def test_password_policy_that_cannot_be_is_refused(admin_client, fields, said):
    response = save_connection(admin_client, password_policy="custom", **fields)
    assert response.status_code == 200
    assert said in response.content.decode()
    assert not Connection.objects.exists()


def test_connection_is_saved_with_its_clients(admin_client):
    wanted, other = ClientFactory(), ClientFactory()
    assert save_connection(admin_client, clients=[wanted.pk]).status_code == 302
    connection = Connection.objects.get()
    assert list(connection.clients.all()) == [wanted]
    assert connection.ticket_lifetime == timedelta(hours=1)
    assert not other.connections.exists()


def stores_offered(response: Any) -> list[str | None]:
    return [option["value"] for option in parse(response).one("select", name="user_store").inside]


@pytest.fixture
def stores(settings) -> None:
    store = {"BACKEND": "dbconnections.accounts.ModelUserStore"}
    stores = {"staff": store, "customers": store}
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "USER_STORES": stores}


def test_configured_stores_are_offered(admin_client, stores):
    assert stores_offered(admin_client.get(page_of(Connection, "add"))) == ["customers", "staff"]


def test_store_that_is_no_longer_configured_stays_until_another_is_chosen(admin_client, stores):
    connection = ConnectionFactory(user_store="gone")
    assert stores_offered(admin_client.get(page_of(connection))) == ["customers", "gone", "staff"]


def test_store_that_is_not_configured_is_refused(admin_client, stores):
    assert "Select a valid choice." in save_connection(admin_client, user_store="other").text
    assert save_connection(admin_client, user_store="staff").status_code == 302


def test_staff_who_may_only_look_see_the_connection(staff, stores):
    connection = ConnectionFactory(name="Customers", user_store="no-longer-there")
    page = parse(staff("view_connection").get(page_of(connection)))
    assert "no-longer-there" in page.text
    assert not page.all("select", name="user_store")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "taken"}, "Connection with this Name already exists."),
        ({"name": ""}, "This field is required."),
        ({"name": "-Users"}, "with a letter or digit at both ends"),
        ({"name": "Users-"}, "with a letter or digit at both ends"),
        ({"name": "My Users"}, "letters, digits and hyphens"),
        ({"name": "my_users"}, "letters, digits and hyphens"),
        ({"name": "Üsers"}, "letters, digits and hyphens"),
        ({"name": "x" * 129}, "at most 128 characters"),
        ({"ticket_lifetime": ""}, "This field is required."),
        ({"ticket_lifetime": "an hour"}, "Enter a valid duration."),
        ({"ticket_lifetime": "00:04:59"}, "greater than or equal to 0:05:00"),
        ({"ticket_lifetime": "-01:00:00"}, "greater than or equal to 0:05:00"),
        ({"ticket_lifetime": "5 00:00:01"}, "less than or equal to 5 days"),
        ({"clients": ["4711"]}, "Select a valid choice."),
    ],
)
def test_connection_that_cannot_be_is_refused(admin_client, fields, sentence):
    ConnectionFactory(name="taken")
    response = save_connection(admin_client, **fields)
    assert response.status_code == 200
    assert sentence in " ".join(e.text for e in parse(response).all("ul", class_="errorlist"))
    assert Connection.objects.count() == 1


@pytest.mark.parametrize("name", ["u", "42", "Username-Password-Authentication", "x" * 128])
@pytest.mark.parametrize("lifetime", ["00:05:00", "01:00:00", "5 00:00:00"])
def test_connection_that_can_be_is_saved(admin_client, name, lifetime):
    assert save_connection(admin_client, name=name, ticket_lifetime=lifetime).status_code == 302


def test_list_names_the_clients_of_each_connection(admin_client):
    clients = [ClientFactory(name="Notes"), ClientFactory(name="Calendar")]
    ConnectionFactory(name="First", clients=clients)
    ConnectionFactory(name="Second")
    cells = parse(admin_client.get(page_of(Connection, "changelist"))).all(
        "td", class_="field-enabled_clients"
    )
    assert [cell.text for cell in cells] == ["Calendar, Notes", "-"]


# Tickets, to be looked at


STATES = {
    TicketState.REQUESTED: {"due_at": NOW, "sent_at": None},
    TicketState.HANDED_OVER: {"sent_at": None, "handed_over_at": NOW},
    TicketState.SENT: {},
    TicketState.OPENED: {"opened_at": NOW},
    TicketState.USED: {"opened_at": NOW, "used_at": NOW},
    TicketState.REVOKED: {"opened_at": NOW, "revoked_at": NOW},
    TicketState.SUPERSEDED: {"superseded_at": NOW},
    TicketState.NO_ACCOUNT: {"sent_at": None, "no_account_at": NOW},
    TicketState.COALESCED: {"sent_at": None, "coalesced_at": NOW},
    TicketState.SUPPRESSED: {"sent_at": None, "suppressed_at": NOW},
    TicketState.UNDELIVERABLE: {"sent_at": None, "undeliverable_at": NOW},
    TicketState.EXPIRED: {"expires_at": NOW - timedelta(days=1)},
}
OPEN = {
    TicketState.REQUESTED,
    TicketState.HANDED_OVER,
    TicketState.SENT,
    TicketState.OPENED,
}


@pytest.fixture
def tickets() -> dict[TicketState, ResetTicket]:
    """A ticket in each state."""
    assert set(STATES) == set(TicketState)
    client = ClientFactory()
    connection = ConnectionFactory(clients=[client])
    return {
        state: MailedTicketFactory(client=client, connection=connection, **columns)
        for state, columns in STATES.items()
    }


@pytest.fixture
def secrets() -> tuple[ResetTicket, list[str]]:
    """A ticket that holds all the secrets there are, and these."""
    key, password = uuid4(), "given-kettle-77"
    ticket = MailedTicketFactory(
        id=key,
        password_given=True,
        sealed_password=links.seal(Secret(password), key),
        claim=uuid4(),
        base_url="https://base.example",
    )
    token, opened = links.make_token(key), links.make_token(key, links.OPENED)
    hidden = [ticket.sealed_password, password, ticket.fingerprint, token, opened]
    return ticket, [*hidden, token.partition(".")[2], str(ticket.claim), "base.example", "/reset/"]


@pytest.mark.parametrize("column", ["sealed_password", "fingerprint", "claim"])
def test_tickets_are_not_filtered_by_a_secret(admin_client, secrets, column):
    """Filtered by its first letters, whoever may look at tickets could read all of them."""
    for filtered in (f"{column}__startswith", column, f"{column}__isnull"):
        assert admin_client.get(ALL_TICKETS, {filtered: "0"}).status_code == 400
    assert admin_client.get(ALL_TICKETS, {"client__id__exact": "1"}).status_code == 200


def test_tickets_are_listed_with_state_and_whose_they_are(admin_client):
    ticket = MailedTicketFactory(last_error="smtp: 421", email="jane@example.com")
    page = parse(admin_client.get(ALL_TICKETS))
    [row] = [row.text for row in page.all("tr") if "jane@example.com" in row.text]
    for text in ("sent", "Acme Notes", ticket.connection.name, "smtp: 421"):
        assert text in row


@pytest.mark.parametrize("state", TicketState)
def test_tickets_are_filtered_by_state(admin_client, tickets, state):
    response = admin_client.get(ALL_TICKETS, {"state": state.value})
    assert list(response.context["cl"].result_list) == [tickets[state]]
    shown = parse(response).one("td", class_="field-state")
    assert shown.text == state.label


def test_all_states_are_offered_as_filters(admin_client, tickets):
    response = admin_client.get(ALL_TICKETS)
    assert len(response.context["cl"].result_list) == len(TicketState)
    offered = {link["href"] for link in parse(response).all("a") if "href" in link.attributes}
    assert {f"?state={state.value}" for state in TicketState} <= offered


MAILS = {
    "due": {"sent_at": None, "due_at": NOW - timedelta(hours=1)},
    "failing": {"sent_at": None, "due_at": NOW + timedelta(hours=1), "last_error": "OSError"},
    "dead": {"sent_at": None, "undeliverable_at": NOW, "last_error": "OSError"},
    "delivered": {"delivered_at": NOW},
    "bounced": {"bounced_at": NOW, "reject_reason": "550 5.1.1"},
    "rejected": {"rejected_at": NOW, "reject_reason": "spam"},
    "complained": {"delivered_at": NOW - timedelta(hours=1), "complained_at": NOW},
}


@pytest.fixture
def mails() -> dict[str, ResetTicket]:
    """A ticket of each kind that the filter knows, and one of none."""
    MailedTicketFactory()
    return {kind: MailedTicketFactory(**columns) for kind, columns in MAILS.items()}


@pytest.mark.parametrize("kind", MAILS)
def test_tickets_are_filtered_by_what_became_of_the_mail(admin_client, mails, kind):
    response = admin_client.get(ALL_TICKETS, {"delivery": kind})
    found = set(response.context["cl"].result_list)
    expected = {mails[kind]} | ({mails["complained"]} if kind == "delivered" else set())
    assert found == expected
    offered = admin_client.get(ALL_TICKETS).text
    assert f"?delivery={kind}" in offered


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("failing", "OSError"),
        ("delivered", "delivered"),
        ("bounced", "bounced: 550 5.1.1"),
        ("rejected", "rejected: spam"),
        ("complained", "reported as spam"),
    ],
)
def test_list_says_what_became_of_each_mail(admin_client, mails, kind, shown):
    page = parse(admin_client.get(ALL_TICKETS, {"delivery": kind, "q": mails[kind].email}))
    assert page.one("td", class_="field-what_became").text == shown


def test_timeline_has_what_the_provider_told(admin_client, mails):
    page = admin_client.get(page_of(mails["complained"])).text
    assert page.index("<b>delivered</b>") < page.index("<b>reported as spam</b>")
    assert "<b>bounced</b>" in admin_client.get(page_of(mails["bounced"])).text


def test_state_that_is_none_finds_nothing(admin_client, tickets):
    response = admin_client.get(ALL_TICKETS, {"state": "nonsense"})
    assert response.status_code == 200
    assert not response.context["cl"].result_list


@pytest.mark.parametrize(
    "query", ["jane@example", "JANE", "stored@example.com", "192.0.2.7", "2001:db8"]
)
def test_tickets_are_found(admin_client, query):
    ResetTicketFactory(email="joe@example.org", ip="198.51.100.1")
    wanted = {
        MailedTicketFactory(email="jane@example.com", sent_to="stored@example.com", ip=ip)
        for ip in ("192.0.2.7", "2001:db8::1")
    }
    found = set(admin_client.get(ALL_TICKETS, {"q": query}).context["cl"].result_list)
    assert found
    assert found <= wanted


def test_ticket_is_found_by_username(admin_client):
    wanted = ResetTicketFactory(email="", username="wanderlust")
    ResetTicketFactory()
    response = admin_client.get(ALL_TICKETS, {"q": "wander"})
    assert list(response.context["cl"].result_list) == [wanted]
    assert "wanderlust" in response.text


def test_tickets_are_filtered_by_what_they_belong_to(admin_client, tickets):
    other = MailedTicketFactory(password_given=True)
    for parameters in (
        {"client__id__exact": other.client.pk},
        {"connection__id__exact": other.connection.pk},
        {"password_given__exact": "1"},
    ):
        response = admin_client.get(ALL_TICKETS, parameters)
        assert list(response.context["cl"].result_list) == [other]


def test_tickets_are_filtered_by_day(admin_client):
    MailedTicketFactory(requested_at=NOW - timedelta(days=400))
    recent = MailedTicketFactory()
    since = {"requested_at__gte": str(NOW - timedelta(days=1))}
    response = admin_client.get(ALL_TICKETS, since)
    assert list(response.context["cl"].result_list) == [recent]
    addresses = parse(admin_client.get(ALL_TICKETS)).addresses
    assert [address for address in addresses if "requested_at__" in address]


def test_timeline_tells_what_happened_in_order(admin_client):
    start = NOW - timedelta(hours=2)
    steps = ("requested_at", "sent_at", "opened_at", "used_at", "notified_at")
    times = {step: start + timedelta(minutes=number) for number, step in enumerate(steps)}
    ticket = MailedTicketFactory(**times, expires_at=start + timedelta(hours=1))
    page = parse(admin_client.get(page_of(ticket)))
    steps = page.one("ol", class_="dbconnections-timeline").inside
    labels = [step.text for step in steps if step.tag == "b"]
    assert labels == ["requested", "sent", "opened", "used", "change notified", "link ends"]
    assert len({step.text for step in steps if step.tag == "li"}) == len(labels)
    [sheet] = [link["href"] for link in page.all("link") if "dbconnections" in link["href"]]
    assert finders.find(sheet.removeprefix("/static/"))


@pytest.mark.parametrize("state", TicketState)
def test_ticket_of_every_state_can_be_looked_at(admin_client, tickets, state):
    page = parse(admin_client.get(page_of(tickets[state])))
    assert state.label in [element.text for element in page.all("div", class_="readonly")]
    form = page.one("form", id="resetticket_form")
    fields = [element for element in form.inside if element.tag in {"input", "select", "textarea"}]
    assert [field["name"] for field in fields] == ["csrfmiddlewaretoken"]


@pytest.mark.parametrize("page", ["change", "changelist", "history"])
def test_nothing_secret_is_shown(admin_client, secrets, page):
    ticket, hidden = secrets
    address = page_of(ResetTicket if page == "changelist" else ticket, page)
    response = admin_client.get(address)
    assert response.status_code == 200
    assert ticket.submitted in response.text
    for secret in hidden:
        assert secret not in response.text


@pytest.mark.parametrize("action", ["send_again", "revoke"])
def test_nothing_secret_is_shown_by_an_action(admin_client, secrets, action):
    ticket, hidden = secrets
    html = act(admin_client, action, ticket).text
    for secret in hidden:
        assert secret not in html


def test_nothing_secret_is_shown_when_a_client_is_deleted(admin_client, secrets):
    ticket, hidden = secrets
    html = admin_client.get(page_of(ticket.client, "delete")).text
    assert ticket.submitted in html
    for secret in hidden:
        assert secret not in html


def test_history_that_goes_with_a_connection_is_told_by_account_not_by_hash(admin_client, jane):
    connection = ConnectionFactory(password_history_size=3)
    remember(connection, f"account-{jane.pk}", jane.password)
    html = admin_client.get(page_of(connection, "delete")).text
    assert f"account-{jane.pk}" in html
    assert jane.password not in html


# Tickets, not to be written


def test_ticket_cannot_be_added(admin_client):
    address = page_of(ResetTicket, "add")
    client = ClientFactory()
    fields = {"client": client.pk, "connection": ConnectionFactory().pk, "email": "x@example.com"}
    assert admin_client.get(address).status_code == 403
    assert admin_client.post(address, fields).status_code == 403
    assert not ResetTicket.objects.exists()
    assert address not in admin_client.get(ALL_TICKETS).text


def test_ticket_cannot_be_changed(admin_client):
    ticket = MailedTicketFactory()
    before = ResetTicket.objects.values().get()
    fields = {"email": "attacker@example.com", "sent_to": "attacker@example.com", "_save": "Save"}
    assert admin_client.post(page_of(ticket), fields).status_code == 403
    assert ResetTicket.objects.values().get() == before


def test_ticket_cannot_be_deleted(admin_client):
    ticket = MailedTicketFactory()
    address = page_of(ticket, "delete")
    assert admin_client.get(address).status_code == 403
    assert admin_client.post(address, {"post": "yes"}).status_code == 403
    act(admin_client, "delete_selected", ticket, post="yes")
    assert ResetTicket.objects.exists()


def test_tickets_cannot_be_written_with_every_permission_there_is(staff):
    browser = staff(*(f"{verb}_resetticket" for verb in ("add", "change", "delete", "view")))
    ticket = MailedTicketFactory()
    assert browser.get(page_of(ResetTicket, "add")).status_code == 403
    assert browser.post(page_of(ticket), {}).status_code == 403
    assert browser.post(page_of(ticket, "delete"), {"post": "yes"}).status_code == 403
    assert actions_of(browser, ALL_TICKETS) == {"send_again", "revoke"}


# Acting on tickets


@pytest.mark.parametrize(
    ("action", "one", "several"),
    [
        ("send_again", "1 mail is on its way.", "4 mails are on their way."),
        ("revoke", "1 ticket was revoked.", "4 tickets were revoked."),
    ],
)
def test_action_says_what_it_did(admin_client, tickets, action, one, several):
    fields = {"client": tickets[TicketState.SENT].client}
    fields["connection"] = tickets[TicketState.SENT].connection
    ticket = MailedTicketFactory(**fields)
    assert messages_in(act(admin_client, action, ticket)) == [one]
    left = "8 tickets were left alone: they are used, revoked, expired or otherwise closed."
    assert messages_in(act(admin_client, action, *tickets.values())) == [several, left]


@pytest.mark.parametrize("action", ["send_again", "revoke"])
def test_action_on_a_closed_ticket_says_that_it_did_nothing(admin_client, tickets, action):
    before = ResetTicket.objects.values().get(pk=tickets[TicketState.USED].pk)
    said = messages_in(act(admin_client, action, tickets[TicketState.USED]))
    assert said == ["1 ticket was left alone: it is used, revoked, expired or otherwise closed."]
    assert ResetTicket.objects.values().get(pk=tickets[TicketState.USED].pk) == before


def test_send_again_mails_the_same_link(admin_client):
    ticket = MailedTicketFactory()
    act(admin_client, "send_again", ticket)
    assert deliver_due() == {"sent": 1}
    [message] = mail.outbox
    assert message.to == [ticket.sent_to]
    assert links.make_token(ticket.pk) in message.body


def test_revoked_ticket_is_dead(admin_client, tickets):
    act(admin_client, "revoke", *tickets.values())
    revoked = ResetTicket.objects.filter(revoked_at__isnull=False)
    assert set(revoked.values_list("pk", flat=True)) == {
        tickets[state].pk for state in (*OPEN, TicketState.REVOKED)
    }
    assert not ResetTicket.objects.open().exists()


@pytest.mark.parametrize("action", ["send_again", "revoke"])
def test_acting_takes_the_permission_to_change(staff, action):
    ticket = MailedTicketFactory()
    before = ResetTicket.objects.values().get()
    browser = staff("view_resetticket")
    assert browser.get(page_of(ticket)).status_code == 200
    assert actions_of(browser, ALL_TICKETS) == set()
    act(browser, action, ticket)
    assert ResetTicket.objects.values().get() == before

    act(staff("view_resetticket", "change_resetticket"), action, ticket)
    assert ResetTicket.objects.values().get() != before


@pytest.mark.parametrize("action", ["send_again", "revoke"])
def test_acting_takes_a_permission_at_all(staff, action):
    ticket = MailedTicketFactory()
    before = ResetTicket.objects.values().get()
    for browser in (staff(), Browser()):
        act(browser, action, ticket)
    assert staff().get(page_of(ticket)).status_code == 403
    assert ResetTicket.objects.values().get() == before


# Deleting what tickets belong to


@pytest.mark.parametrize("which", ["client", "connection"])
def test_deleting_takes_the_tickets_along(staff, which):
    ticket = MailedTicketFactory()
    thing = getattr(ticket, which)
    browser = staff(f"view_{which}", f"delete_{which}")
    assert "would require deleting" not in browser.get(page_of(thing, "delete")).text
    assert browser.post(page_of(thing, "delete"), {"post": "yes"}).status_code == 302
    assert not type(thing).objects.exists()
    assert not ResetTicket.objects.exists()
    assert User.objects.filter(email=ticket.email).exists()


@pytest.mark.parametrize("which", ["client", "connection"])
def test_deleting_several_takes_the_tickets_along(admin_client, which):
    things = [getattr(MailedTicketFactory(), which) for _ in range(2)]
    page = act(admin_client, "delete_selected", *things)
    assert "Are you sure" in page.text
    act(admin_client, "delete_selected", *things, post="yes")
    assert not ResetTicket.objects.exists()


@pytest.mark.parametrize("which", ["client", "connection"])
def test_deleting_takes_its_permission(staff, which):
    thing = getattr(MailedTicketFactory(), which)
    browser = staff(f"view_{which}", f"change_{which}", "delete_resetticket")
    assert browser.post(page_of(thing, "delete"), {"post": "yes"}).status_code == 403
    assert ResetTicket.objects.exists()


# Lists that grow


def tickets_of_their_own(number):
    for _ in range(number):
        MailedTicketFactory()


@pytest.mark.parametrize(
    ("model", "add"),
    [
        (Client, lambda number: [AllowedOriginFactory() for _ in range(number)]),
        (
            Connection,
            lambda number: [
                ConnectionFactory(clients=[ClientFactory(), ClientFactory()]) for _ in range(number)
            ],
        ),
        (ResetTicket, tickets_of_their_own),
        (User, lambda number: UserFactory.create_batch(number)),
    ],
)
def test_lists_take_the_same_queries_however_long_they_are(admin_client, model, add):
    def queries():
        with CaptureQueriesContext(database) as captured:
            assert admin_client.get(page_of(model, "changelist")).status_code == 200
        return len(captured)

    add(2)
    few = queries()
    add(12)
    assert queries() == few <= 12


# The action of the user admin


@pytest.fixture
def user_admin() -> admin.ModelAdmin:
    return admin.site._registry[User]


def send_to(browser: Browser, *users: User, **fields: Any) -> Any:
    return act(browser, "send_password_reset", *users, **fields)


def test_reset_is_sent_to_the_selected_users(admin_client, app, connection):
    jane, joe, _other = UserFactory.create_batch(3)
    assert messages_in(send_to(admin_client, jane, joe)) == [
        "A reset mail was requested for 2 users. Reset tickets show what becomes of them."
    ]
    assert deliver_due() == {"sent": 2}
    assert {tuple(message.to) for message in mail.outbox} == {(jane.email,), (joe.email,)}


def test_one_user_is_told_in_the_singular(admin_client, jane, connection):
    assert messages_in(send_to(admin_client, jane)) == [
        "A reset mail was requested for 1 user. Reset tickets show what becomes of it."
    ]


@pytest.fixture
def locked(monkeypatch) -> Callable[..., None]:
    """Return a function that has the database give up some work after so many times."""

    def locked(owner: type, name: str, *, after: int = 0) -> None:
        work, left = getattr(owner, name), [after]

        def give_up(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                raise OperationalError("database is locked")
            left[0] -= 1
            return work(*args, **kwargs)

        monkeypatch.setattr(owner, name, give_up)

    return locked


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (0, ["jane, …: Nothing was changed. Try again in a moment."]),
        (
            1,
            [
                "june, …: Nothing was changed. Try again in a moment.",
                "A reset mail was requested for 1 user. Reset tickets show what becomes of it.",
            ],
        ),
        (
            2,
            [
                "zoe: Nothing was changed. Try again in a moment.",
                "A reset mail was requested for 2 users. Reset tickets show what becomes of them.",
            ],
        ),
    ],
)
def test_busy_database_is_told_and_from_whom_on_nothing_is_sent(
    admin_client, connection, locked, after, said
):
    # The list, and with it what is selected, is in order of names.
    users = [UserFactory(username=name) for name in ("jane", "june", "zoe")]
    locked(PreparedInsert, "run", after=after)
    response = send_to(admin_client, *users)
    assert response.status_code == 200
    assert messages_in(response) == said
    assert ResetTicket.objects.count() == after


@pytest.mark.parametrize("action", ["send_again", "revoke"])
def test_busy_database_is_told_where_tickets_are_acted_on(admin_client, locked, action):
    ticket = MailedTicketFactory(email="jane@example.com")
    locked(ResetTicketQuerySet, "update")
    said = messages_in(act(admin_client, action, ticket))
    assert said == ["jane@example.com: Nothing was changed. Try again in a moment."]


def test_ticket_is_bound_to_the_user_who_was_selected(admin_client, connection):
    """Not to another with the same address."""
    _namesake, jane = (
        UserFactory(username=name, email="jane@example.com") for name in ("other", "jane")
    )
    send_to(admin_client, jane)
    assert deliver_due() == {"sent": 1}
    assert ResetTicket.objects.get().account == str(jane.pk)
    assert "jane" in mail.outbox[0].body


def test_administrator_does_not_see_the_link(admin_client, jane, connection):
    html = send_to(admin_client, jane).text
    ticket = ResetTicket.objects.get()
    assert links.make_token(ticket.pk) not in html
    assert str(ticket.pk) not in html


def test_no_password_comes_with_an_administrators_request(admin_client, jane, connection):
    send_to(admin_client, jane, password="chosen-kettle-11", new_password1="chosen-kettle-11")
    ticket = ResetTicket.objects.get()
    assert not ticket.password_given
    assert ticket.sealed_password == ""


def test_page_asks_where_several_ways_could_be_meant(admin_client, jane, connection):
    other = ClientFactory(name="Calendar")
    connection.clients.add(other)
    response = send_to(admin_client, jane)
    page = parse(response)
    assert not ResetTicket.objects.exists()
    choices = {option.text: option["value"] for option in page.all("option")}
    assert set(choices) == {f"Acme Notes - {connection}", f"Calendar - {connection}"}
    assert "jane" in [item.text for item in page.all("li")]

    fields = {field["name"]: field["value"] for field in page.all("input", type="hidden")}
    fields["through"] = choices[f"Calendar - {connection}"]
    fields.pop("csrfmiddlewaretoken", None)
    sent = admin_client.post(ALL_USERS, fields, follow=True)
    assert SENT_TO_USER % 1 in messages_in(sent)[0]
    ticket = ResetTicket.objects.get()
    assert (ticket.client, ticket.connection) == (other, connection)
    assert ticket.account == str(jane.pk)


def test_page_keeps_all_the_users_selected(admin_client, connection):
    connection.clients.add(ClientFactory())
    users = UserFactory.create_batch(3)
    page = parse(send_to(admin_client, *users))
    kept = {field["value"] for field in page.all("input", name=ACTION_CHECKBOX_NAME)}
    assert kept == {str(user.pk) for user in users}


@pytest.mark.parametrize("through", ["", "0", "x"])
def test_way_that_is_none_is_asked_for_again(admin_client, jane, connection, through):
    connection.clients.add(ClientFactory())
    page = parse(send_to(admin_client, jane, through=through))
    assert page.all("ul", class_="errorlist")
    assert page.one("select", name="through")
    assert not ResetTicket.objects.exists()


def test_way_settled_by_the_site_is_not_asked_for(
    admin_client, jane, connection, user_admin, monkeypatch
):
    other = ClientFactory(client_id="calendar")
    second = ConnectionFactory(name="Second", clients=[other])
    connection.clients.add(other)
    monkeypatch.setattr(user_admin, "reset_client_id", "calendar")
    monkeypatch.setattr(user_admin, "reset_connection_name", "Second")
    send_to(admin_client, jane)
    ticket = ResetTicket.objects.get()
    assert (ticket.client, ticket.connection) == (other, second)


@pytest.mark.parametrize(
    "close",
    [
        lambda connection: connection.clients.update(is_active=False),
        lambda connection: connection.clients.clear(),
        lambda connection: Connection.objects.update(is_active=False),
        lambda connection: Connection.objects.update(strategy="google-oauth2"),
    ],
)
def test_no_way_is_told(admin_client, jane, connection, close):
    close(connection)
    assert messages_in(send_to(admin_client, jane)) == [
        "No active client is enabled for an active database connection."
    ]
    assert not ResetTicket.objects.exists()


def test_administrator_may_where_self_service_is_off(admin_client, jane, connection):
    Connection.objects.update(disable_self_service_change_password=True)
    send_to(admin_client, jane)
    assert deliver_due() == {"sent": 1}


def test_ticket_says_which_administrator_asked(admin_client, admin_user, jane, connection):
    send_to(admin_client, jane)
    ticket = ResetTicket.objects.get()
    assert ticket.requested_by == admin_user.get_username()
    assert admin_user.get_username() in [
        element.text for element in parse(admin_client.get(page_of(ticket))).all("div")
    ]


def test_cap_on_mails_does_not_hold_an_administrator_up(admin_client, jane, connection, settings):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "MAIL_CAPS": [(1, timedelta(days=1))]}
    for _ in range(3):
        send_to(admin_client, jane)
        assert deliver_due() == {"sent": 1}


@pytest.mark.parametrize("lack", [{"email": ""}, {"is_active": False}, {"password": "!"}])
def test_user_who_cannot_be_reset_is_told_of_at_once(admin_client, connection, lack):
    cannot = UserFactory()
    User.objects.filter(pk=cannot.pk).update(**lack)
    said = messages_in(send_to(admin_client, UserFactory(), cannot))
    assert [SENT_TO_USER % 1 in said[0], "1 user cannot be sent one" in said[1]] == [True, True]
    assert ResetTicket.objects.count() == 1
    [said] = messages_in(send_to(admin_client, cannot))
    assert "1 user cannot be sent one" in said


def test_mail_of_an_administrator_does_not_claim_the_person_asked(admin_client, connection, jane):
    send_to(admin_client, jane)
    deliver_due()
    [message] = mail.outbox
    [(html, _type)] = message.alternatives
    for text in (message.body.replace("\n", " "), html):
        assert "hopefully you" not in text
        assert "If this was not you" not in text
        assert "sent you this email so that you can choose a new password" in text


class Strangers:
    """A store with accounts of its own, whose keys are numbers as well."""

    def find(self, **wanted):
        return []

    def get(self, account_id, *, for_update=False):
        return Account(account_id, "stranger@example.org", "stranger", user=object())

    def is_resettable(self, account):
        return True

    def fingerprint(self, account):
        return "x"


def test_user_is_not_taken_for_another_stores_account(admin_client, jane, connection, settings):
    strangers = {"strangers": {"BACKEND": "tests.test_admin.Strangers"}}
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "USER_STORES": strangers}
    Connection.objects.update(user_store="strangers")
    send_to(admin_client, jane)
    deliver_due()
    assert not mail.outbox


class OwnActions(SendPasswordResetMixin, UserAdmin):
    actions = ("deactivate",)

    @admin.action
    def deactivate(self, request, queryset):
        queryset.update(is_active=False)


def test_action_stands_beside_those_of_the_site(admin_client, admin_user, rf):
    assert actions_of(admin_client, ALL_USERS) == {"delete_selected", "send_password_reset"}
    request = rf.get(ALL_USERS)
    request.user = admin_user
    offered = OwnActions(User, admin.site).get_actions(request)
    assert set(offered) == {"delete_selected", "deactivate", "send_password_reset"}


def test_sending_takes_the_permission_to_change_users(staff, jane, connection):
    browser = staff("view_user")
    assert actions_of(browser, ALL_USERS) == set()
    send_to(browser, jane)
    assert not ResetTicket.objects.exists()

    browser = staff("view_user", "change_user")
    assert actions_of(browser, ALL_USERS) == {"send_password_reset"}
    send_to(browser, jane)
    assert ResetTicket.objects.exists()


# Names with markup


PAYLOAD = "<b class=x>\"'&{{ x }}{% now %}</b><script>alert(1)</script>"


@pytest.fixture
def views(admin_client) -> Callable[[str], dict[str, Any]]:
    """Return a function that gives every admin page as it looks with this text for all names."""
    ticket = MailedTicketFactory()
    client, connection, user = ticket.client, ticket.connection, User.objects.get(pk=ticket.account)
    connection.clients.add(other := ClientFactory())

    def views(text: str) -> dict[str, Any]:
        Client.objects.update(name=text)
        Client.objects.filter(pk=client.pk).update(client_id=text[:64])
        Connection.objects.update(name=text, user_store=text[:64])
        User.objects.filter(pk=user.pk).update(username=text, email=text, first_name=text)
        named = (
            "email",
            "organization",
            "user_agent",
            "caller",
            "account",
            "sent_to",
            "last_error",
        )
        ResetTicket.objects.update(**dict.fromkeys(named, text))
        got = {
            f"{thing._meta.model_name} {page}": admin_client.get(page_of(thing, page))
            for thing in (client, connection, user, ticket)
            for page in ("change", "delete", "history")
            if (thing, page) != (ticket, "delete")
        }
        for model in (Client, Connection, ResetTicket, User):
            address = page_of(model, "changelist")
            got[f"{model.__name__} list"] = admin_client.get(address)
            got[f"{model.__name__} search"] = admin_client.get(address, {"q": text})
        got["through"] = send_to(admin_client, user)
        got["delete several"] = act(admin_client, "delete_selected", client, other)
        return got

    return views


def test_names_add_no_element_to_any_admin_page(views):
    harmless, harmful = views("Acme"), views(PAYLOAD)
    for name, response in harmful.items():
        assert response.status_code == 200, name
        page = parse(response)
        assert page.shape == parse(harmless[name]).shape, name
        assert PAYLOAD in page.text, name
