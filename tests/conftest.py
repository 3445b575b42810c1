"""Fixtures of the whole suite."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.http import HttpResponse
from django.test import Client as Browser

from dbconnections import accounts, models, throttling, tickets
from dbconnections.models import Client, Connection
from dbconnections.prepared import PreparedInsert, PreparedQuery, PreparedUpdate
from tests.factories import ClientFactory, ConnectionFactory, UserFactory

URL = "/dbconnections/change_password"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Give each of the processes that `make mutants` forks a database of its own."""
    if "MUTANT_UNDER_TEST" in os.environ:
        test = connections["default"].settings_dict["TEST"]
        test["NAME"] = f"{test['NAME']}.{os.getpid()}"


@pytest.fixture(autouse=True)
def statements_are_compiled_anew() -> None:
    """Have each test that `make mutants` runs compile its statements, of changed code."""
    if "MUTANT_UNDER_TEST" in os.environ:
        vars(connections["default"]).pop("_dbconnections_converters", None)
        accounts._by_key.cache_clear()
        for it in (*vars(models).values(), *vars(tickets).values()):
            if isinstance(it, PreparedInsert | PreparedUpdate):
                it._plans.clear()
            elif isinstance(it, PreparedQuery):
                it._selections.clear()


@pytest.fixture(autouse=True)
def fresh_limits() -> Iterator[None]:
    """Let no test count the requests of another."""
    yield
    throttling._limiter.cache_clear()


@pytest.fixture
def jane(db: None) -> User:
    return UserFactory(username="jane", email="jane@example.com")


@pytest.fixture
def app(db: None) -> Client:
    """A client of Lock 9 and later."""
    return ClientFactory(client_id="demo")


@pytest.fixture
def legacy_app(connection: Connection) -> Client:
    """A client of Lock 8, which sends the new password along."""
    client = ClientFactory(client_id="demo-lock8", accepts_password=True)
    connection.clients.add(client)
    return client


@pytest.fixture
def connection(app: Client) -> Connection:
    return ConnectionFactory(name="Username-Password-Authentication", clients=[app])


@pytest.fixture
def ask(connection: Connection, client: Browser) -> Callable[..., HttpResponse]:
    """Post a request to the endpoint; keyword arguments replace or add fields."""

    def post(*, headers: dict[str, str] | None = None, **fields: Any) -> Any:
        body = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
        return client.post(URL, body | fields, content_type="application/json", headers=headers)

    return post
