"""The two mails as samples: for tests, for `docs/mails.md` and for its pictures."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.mail import EmailMultiAlternatives

from dbconnections import links
from dbconnections.accounts import Account
from dbconnections.mail import changed_message, reset_message
from dbconnections.models import Client, Connection, ResetTicket

TICKET = UUID("5f0c9a4e-4b77-4c53-9d6a-1f2e3d4c5b6a")
REQUESTED_AT = datetime(2026, 1, 5, 10, 4, tzinfo=UTC)
CHANGED_AT = REQUESTED_AT + timedelta(minutes=12)
AGENT = "Mozilla/5.0 (Linux; Android 16) Chrome/143.0 Mobile Safari/537.36"
CONNECTION = "Username-Password-Authentication"

BRAND = {
    "logo": "acme/logo.png",
    "primary_color": "#0a7d55",
    "support_email": "help@acme.example",
    "support_url": "https://acme.example/help",
    "terms_url": "https://acme.example/terms",
}


def url() -> str:
    """Return the link of every sample."""
    return links.mailed_url(TICKET)


def ask_url() -> str:
    """Return the address of the page to ask for another."""
    return links.absolute(links.ask_url("demo", CONNECTION))


def sample(
    name: str,
    *,
    language: str = "en",
    password_given: bool = False,
    asked_by_support: bool = False,
    application: str = "Acme Notes",
    login: str = "jane@example.com",
    may_ask: bool = True,
    lifetime: timedelta = timedelta(hours=1),
    brand: dict[str, str] | None = None,
    **ticket: Any,
) -> EmailMultiAlternatives:
    """Write the mail ``reset`` or ``changed``, with no database."""
    fields = {
        "language": language,
        "sealed_password": "sealed" if password_given else "",
        "requested_by": "admin" if asked_by_support else "",
        "ip": "192.0.2.7",
        "user_agent": AGENT,
        "requested_at": REQUESTED_AT,
        "expires_at": REQUESTED_AT + lifetime,
        "used_at": CHANGED_AT if name == "changed" else None,
    }
    client = Client(client_id="demo", name=application, **(brand or {}))
    connection = Connection(name=CONNECTION, disable_self_service_change_password=not may_ask)
    asked = ResetTicket(id=TICKET, client=client, connection=connection, **(fields | ticket))
    account = Account(id="1", email="jane@example.com", login=login, user=None)
    if name == "changed":
        return changed_message(asked, account, to=account.email)
    return reset_message(asked, account)


def html_of(message: EmailMultiAlternatives) -> str:
    """Return the HTML part."""
    [(html, _type)] = message.alternatives
    return str(html)
