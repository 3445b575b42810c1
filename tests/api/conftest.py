"""Fixtures for the endpoint's tests."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client as Browser

from dbconnections.models import Client, Connection, ResetTicket
from tests.conftest import URL
from tests.factories import PASSWORD, UserFactory


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Change keys of ``DBCONNECTIONS``."""

    def change(**values: Any) -> None:
        settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, **values}

    return change


@pytest.fixture
def send(connection: Connection, client: Browser) -> Callable[..., HttpResponse]:
    """Post a body byte for byte."""

    def post(body: bytes, content_type: str = "application/json", **extra: Any) -> Any:
        return client.generic("POST", URL, body, content_type, **extra)

    return post


@pytest.fixture
def ask_legacy(ask: Callable[..., HttpResponse], legacy_app: Client) -> Callable[..., HttpResponse]:
    """Post for the client that may send a password."""

    def post(**fields: Any) -> Any:
        return ask(**{"client_id": legacy_app.client_id} | fields)

    return post


@pytest.fixture
def ticket(db: None) -> Callable[[], ResetTicket]:
    """Return the one ticket there is."""
    return ResetTicket.objects.get


@pytest.fixture
def people(db: None) -> dict[str, str]:
    """Return an address for every kind of account, and for none."""
    UserFactory(email="known@example.com", first_name="Aurelia", last_name="Quintessa")
    UserFactory(email="inactive@example.com", is_active=False)
    sso: User = UserFactory(email="sso-only@example.com")
    sso.set_unusable_password()
    sso.save()
    UserFactory(email="twice@example.com")
    UserFactory(email="twice@example.com")
    assert User.objects.get(email="known@example.com").check_password(PASSWORD)
    kinds = ("known", "unknown", "inactive", "sso-only", "twice")
    return {kind: f"{kind}@example.com" for kind in kinds}
