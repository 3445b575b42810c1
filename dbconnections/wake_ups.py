"""Have delivery look for what is due, once what makes it due is committed.

A lost wake-up loses no mail: the next one, or the command, finds what is due.
"""

import logging

from django.db import transaction
from django.dispatch import receiver

from dbconnections import signals
from dbconnections.conf import settings
from dbconnections.failures import log_failure
from dbconnections.transactions import database


@receiver([signals.reset_requested, signals.password_changed])
def wake_after_commit(**kwargs: object) -> None:
    """Wake whoever delivers, soon after the transaction at hand."""
    transaction.on_commit(_wake, using=database(), robust=True)


def _wake() -> None:
    # Not left to `robust`: Django would log the error's text, which may quote an address.
    failure: Exception | None = None
    try:
        wake()
    except Exception as error:
        failure = error
    if failure:
        log_failure("Nobody was woken to deliver: %s.", logging.ERROR, failure)


def wake() -> None:
    """Wake whoever ``WAKE_UP`` says delivers."""
    # Both are imported when first needed: a process that issues nothing need not send.
    match settings.WAKE_UP:
        case "thread":
            from dbconnections.delivery import delivery_thread

            delivery_thread.wake()
        case "task":
            from dbconnections.tasks import enqueue

            enqueue()
