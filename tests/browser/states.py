"""Every page in every state, and how to get there without a mail for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

GIVEN_PASSWORD = "given-kettle-77"
NEW_PASSWORD = "Walnut-ferry-61"
ASK = "/dbconnections/change_password/form"
BRAND = {
    "logo": "example_project/icon.svg",
    "primary_color": "#0f766e",
    "support_email": "help@example.com",
    "support_url": "https://example.com/help",
    "terms_url": "https://example.com/terms",
}


@dataclass(frozen=True)
class State:
    """A state of a page: its address or the ticket behind it, and what a person does there."""

    headline: str
    at: str = ""
    ticket: str = ""
    also: str = ""
    """The ticket whose link is opened in another tab meanwhile."""

    then: Callable[[Page], None] = lambda page: None
    status: int = 200
    is_error: bool = False

    def visit(self, page: Page, links: dict[str, str]) -> None:
        """Bring a page into the state; needs no JavaScript."""
        page.goto(self.at or f"/dbconnections/reset/{links[self.ticket]}")
        if self.also:
            tab = page.context.new_page()
            tab.goto(f"/dbconnections/reset/{links[self.also]}")
            tab.close()
        self.then(page)


def press(action: str) -> Callable[[Page], None]:
    """Return what presses a button by its action, in whatever language it is."""
    return lambda page: page.locator(f"button[name=action][value={action}]").click()


def fill_in(**fields: str) -> Callable[[Page], None]:
    """Return what fills the fields in and presses the main button."""

    def fill(page: Page) -> None:
        for name, value in fields.items():
            page.locator(f"[name={name}]").fill(value)
        page.locator("button.button-main").click()

    return fill


def choose(first: str, second: str) -> Callable[[Page], None]:
    return fill_in(new_password1=first, new_password2=second)


def choose_without_cookie(page: Page) -> None:
    """Send the form when its token is another's, as after a log-in in another tab."""
    page.context.clear_cookies(name="csrftoken")
    choose(NEW_PASSWORD, NEW_PASSWORD)(page)


def look_at_done(page: Page) -> None:
    page.goto("/dbconnections/reset/done/")


STATES = {
    "new-password": State("Set a new password", ticket="new"),
    "new-password-errors": State(
        "Set a new password", ticket="new", then=choose("walnut", "walnut"), is_error=True
    ),
    "new-password-mismatch": State(
        "Set a new password", ticket="new", then=choose(NEW_PASSWORD, "walnut"), is_error=True
    ),
    "new-password-once-more": State(
        "Set a new password", ticket="new", then=choose_without_cookie, status=403, is_error=True
    ),
    "new-password-other-link": State(
        "Set a new password",
        ticket="new",
        also="new_too",
        then=choose(NEW_PASSWORD, NEW_PASSWORD),
        status=409,
        is_error=True,
    ),
    "confirm": State("Confirm your new password", ticket="sealed"),
    "confirm-refused": State(
        "Set a new password", ticket="sealed_weak", then=press("set"), is_error=True
    ),
    "retype": State("Confirm your new password", ticket="retype"),
    "retype-errors": State(
        "Confirm your new password",
        ticket="retype_wrong",
        then=fill_in(password="another"),
        is_error=True,
    ),
    "done": State("Your new password is set", ticket="used", then=look_at_done),
    "done-without-way-back": State(
        "Your new password is set", ticket="used_without_way_back", then=look_at_done
    ),
    "done-and-led-back": State(
        "Your new password is set", ticket="used_and_led_back", then=look_at_done
    ),
    "declined": State("The link no longer works", ticket="to_decline", then=press("decline")),
    "used": State("This link has already been used", ticket="used", status=410),
    "expired": State("This link has expired", ticket="expired", status=410),
    "revoked": State("This link was cancelled", ticket="revoked", status=410),
    "superseded": State("There is a newer link", ticket="superseded", status=410),
    "changed": State("Your account has changed since then", ticket="changed", status=410),
    "closed": State("This link can no longer be used", ticket="closed", status=410),
    "not-found": State("This link does not work", at="/dbconnections/reset/x", status=404),
    "no-cookies": State("This link does not work", at="/dbconnections/reset/", status=404),
    "too-many": State("Please wait a little", at="/too-many/", status=429),
    "busy": State("Please try again", at="/busy/", status=503),
    "ask": State("Get a new password", at=f"{ASK}?client_id=demo"),
    "ask-errors": State(
        "Get a new password",
        at=f"{ASK}?client_id=demo",
        then=fill_in(email="jane@example"),
        is_error=True,
    ),
    "asked": State("Check your email", at=f"{ASK}/sent?client_id=demo"),
    "cannot-ask": State("This address is incomplete", at=f"{ASK}?client_id=nobody", status=404),
    "contact-support": State("Contact support", at=f"{ASK}?client_id=no-self-service", status=403),
}


def issue_links(site: Site, visits: int = 1) -> list[dict[str, str]]:
    """Return, for each visit, the links to tickets of its own on a running site."""
    code = f"from tests.browser.states import print_links; print_links({visits})"
    links: list[dict[str, str]] = json.loads(
        site.manage("shell", "--verbosity", "0", "--command", code)
    )
    return links


def print_links(visits: int) -> None:
    """Print, for each visit, the links to tickets of its own; run it in a shell of the site."""
    from django.utils import timezone

    from dbconnections import links
    from dbconnections.models import Client, ResetTicket
    from dbconnections.secret import Secret
    from tests.factories import ClientFactory, ConnectionFactory, MailedTicketFactory, UserFactory

    client = Client.objects.get(client_id="demo")
    connection = client.connections.get()
    retyping = ClientFactory(
        client_id="retype",
        accepts_password=True,
        confirmation="retype",
        result_url=client.result_url,
    )
    closed = ClientFactory(client_id="closed", is_active=False)
    ending = ClientFactory(client_id="ending")
    leading = ClientFactory(
        client_id="leading", result_url=client.result_url, result_url_forwards=True
    )
    by_support = ClientFactory(client_id="no-self-service")
    ConnectionFactory(
        name="By-support", clients=[by_support], disable_self_service_change_password=True
    )
    for each in (retyping, closed, ending, leading):
        connection.clients.add(each)
    Client.objects.update(accepts_password=True)
    Client.objects.update(**BRAND)
    now = timezone.now()

    def ticket(key: UUID, **columns: Any) -> ResetTicket:
        # An account of its own: what one ticket changes leaves the others alone.
        user = columns.pop("user", None) or UserFactory(username=key.hex, email="jane@example.com")
        columns.setdefault("client", client)
        # As old as a person who has just looked into the mail.
        columns.setdefault("requested_at", now - timedelta(minutes=3))
        return MailedTicketFactory(id=key, connection=connection, user=user, **columns)

    def sealed(password: str = GIVEN_PASSWORD, **columns: Any) -> Callable[[UUID], ResetTicket]:
        return lambda key: ticket(
            key,
            password_given=True,
            sealed_password=links.seal(Secret(password), key),
            **columns,
        )

    def changed(key: UUID) -> ResetTicket:
        made = ticket(key)
        ResetTicket.objects.filter(pk=key).update(fingerprint="of another password")
        return made

    make: dict[str, Callable[[UUID], ResetTicket]] = {
        "new": ticket,
        "new_too": ticket,
        "sealed": sealed(),
        "sealed_weak": sealed("kettle"),
        "retype": sealed(client=retyping),
        "retype_wrong": sealed(client=retyping),
        "to_decline": ticket,
        "used": lambda key: ticket(key, used_at=now),
        "used_without_way_back": lambda key: ticket(key, used_at=now, client=ending),
        "used_and_led_back": lambda key: ticket(key, used_at=now, client=leading),
        "expired": lambda key: ticket(
            key, requested_at=now - timedelta(hours=3), expires_at=now - timedelta(hours=2)
        ),
        "revoked": lambda key: ticket(key, revoked_at=now),
        "superseded": lambda key: ticket(key, superseded_at=now),
        "changed": changed,
        "closed": lambda key: ticket(key, client=closed),
    }
    sets = [
        {name: links.make_token(make_one(uuid4()).pk) for name, make_one in make.items()}
        for _ in range(visits)
    ]
    print(json.dumps(sets))  # noqa: T201 (this is how the shell answers)
