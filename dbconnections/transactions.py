"""Transactions that change tickets: on which database, begun to write, tried again."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from django.db import OperationalError, router, transaction

from dbconnections.models import ResetTicket

T = TypeVar("T")


class Busy(Exception):
    """The database failed or could not decide in time; this transaction changed nothing."""

    def __init__(self, message: str = "The database failed or could not decide in time.") -> None:
        super().__init__(message)


def database() -> str:
    """Return the alias of the database that tickets are written to."""
    return router.db_for_write(ResetTicket)


@contextmanager
def writing() -> Iterator[None]:
    """Open a transaction that is going to write.

    SQLite lets such a one wait for its turn only if it says so at its start. One that reads
    first, as Django opens them by default, fails with "database is locked" when it comes to write.
    """
    connection: Any = transaction.get_connection(database())
    with ExitStack() as stack:
        if connection.vendor == "sqlite":
            connection.ensure_connection()  # which sets the mode as configured
            stack.callback(setattr, connection, "transaction_mode", connection.transaction_mode)
            connection.transaction_mode = "IMMEDIATE"
        stack.enter_context(transaction.atomic(using=database()))
        yield


def retrying(change: Callable[[], T], attempts: int = 3) -> T:
    """Return what a transaction returns, trying again after an ``OperationalError``.

    Any: deadlock, failure to serialize, lock, a server that is away, a table that is not there.
    Raises ``Busy`` after the last attempt, or at once inside another transaction.
    """
    attempt = 1
    while True:
        try:
            return change()
        except OperationalError as error:
            # Inside somebody else's transaction a second attempt could only fail as well.
            if attempt == attempts or transaction.get_connection(database()).in_atomic_block:
                raise Busy from error
        time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 (spreads load only)
        attempt += 1
