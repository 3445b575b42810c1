"""Tickets that were mailed, and a tab to open their links in."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client as Browser

from dbconnections import links
from dbconnections.models import Client, Connection, ResetTicket
from dbconnections.secret import Secret
from tests.factories import MailedTicketFactory
from tests.pages.person import GIVEN_PASSWORD, Tab


@pytest.fixture
def ticket(app: Client, connection: Connection, jane: User) -> ResetTicket:
    """A mailed ticket that lets jane choose a new password."""
    return MailedTicketFactory(client=app, connection=connection, user=jane)


@pytest.fixture
def seal(legacy_app: Client, connection: Connection, jane: User) -> Callable[..., ResetTicket]:
    """Return a function that makes a mailed ticket which holds a password to be confirmed."""

    def seal(password: str = GIVEN_PASSWORD, **fields: Any) -> ResetTicket:
        key = uuid4()
        fields = {"client": legacy_app, "connection": connection, "user": jane} | fields
        sealed = links.seal(Secret(password), key)
        return MailedTicketFactory(id=key, password_given=True, sealed_password=sealed, **fields)

    return seal


@pytest.fixture
def sealed_ticket(seal: Callable[..., ResetTicket]) -> ResetTicket:
    return seal()


@pytest.fixture
def retype_ticket(seal: Callable[..., ResetTicket], legacy_app: Client) -> ResetTicket:
    legacy_app.confirmation = Client.Confirmation.RETYPE
    legacy_app.save()
    return seal()


@pytest.fixture
def tab(client: Browser) -> Tab:
    return Tab(client)


@pytest.fixture
def follow(tab: Tab) -> Callable[[ResetTicket], HttpResponse]:
    return tab.follow


@pytest.fixture
def submit(tab: Tab) -> Callable[..., HttpResponse]:
    return tab.submit
