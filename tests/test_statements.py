"""How many statements each step of a person's takes; `benchmarks` has the times.

Control of transactions is left out: tests have savepoints where a site has transactions.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection as database

from tests.conftest import URL
from tests.factories import AllowedOriginFactory, MailedTicketFactory
from tests.pages.person import NEW_PASSWORD, Tab, has_password

pytestmark = pytest.mark.django_db

CONTROL = {"BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK"}


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note the first word of every statement."""
    seen: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if (verb := sql.split(None, 1)[0].upper()) not in CONTROL:
            seen.append(verb)
        return execute(sql, *rest)

    with database.execute_wrapper(note):
        yield seen


@pytest.mark.parametrize("address", ["jane@example.com", "nobody@example.com"])
@pytest.mark.parametrize("origin", ["", "https://app.example.com", "https://evil.example.com"])
def test_request(client, app, connection, jane, address, origin):
    AllowedOriginFactory(client=app, origin="https://app.example.com")
    fields = {"client_id": app.client_id, "email": address, "connection": connection.name}
    with statements() as seen:
        response = client.post(
            URL,
            json.dumps(fields),
            content_type="application/json",
            headers={"Origin": origin} if origin else {},
        )
    assert response.status_code == 200
    assert seen == ["SELECT", "INSERT"]


def test_link_and_page(client, app, connection, jane):
    ticket = MailedTicketFactory(client=app, connection=connection, user=jane)
    with statements() as seen:
        assert Tab(client).follow(ticket).status_code == 200
    assert seen == ["SELECT"] * 2


def test_new_password(client, app, connection, jane):
    ticket = MailedTicketFactory(client=app, connection=connection, user=jane)
    tab = Tab(client)
    tab.follow(ticket)
    with statements() as seen:
        assert tab.submit(NEW_PASSWORD).status_code == 302
    assert has_password(jane, NEW_PASSWORD)
    # The ticket and its account; then, in one transaction, the ticket is claimed, the account
    # locked and changed, its API tokens deleted, and its other tickets closed.
    assert seen == ["SELECT"] * 2 + ["UPDATE", "SELECT", "UPDATE", "DELETE", "UPDATE"]


def test_new_password_that_is_remembered(client, app, connection, jane):
    connection.password_history_size = 2
    connection.save()
    for number in range(2):
        ticket = MailedTicketFactory(client=app, connection=connection, user=jane)
        tab = Tab(client)
        tab.follow(ticket)
        with statements() as seen:
            assert tab.submit(f"{NEW_PASSWORD}-{number}").status_code == 302
        jane.refresh_from_db()
    # Three more to compare and to remember, and one to forget what is too old.
    remembering = ["SELECT", "INSERT", "DELETE"]
    assert seen == ["SELECT"] * 3 + ["UPDATE", "SELECT", "UPDATE", *remembering, "DELETE", "UPDATE"]
