"""The example of `docs/delivery.md` counts what delivery does."""

import json
import re

import pytest
from prometheus_client import REGISTRY

from dbconnections import signals, tickets
from dbconnections.delivery import deliver_due, status
from tests.factories import ResetTicketFactory
from tests.support.documentation import ROOT, marked

DOCS = ROOT / "docs" / "delivery.md"


@pytest.fixture
def example():
    """Run the example; take its receivers and metrics away afterwards."""
    code = marked("delivery.md", "metrics: run by a test")
    names: dict[str, object] = {}
    exec(compile(code, DOCS, "exec"), names)  # noqa: S102 (our own documentation)
    yield
    signals.delivery_attempted.disconnect(names["count_attempt"])
    signals.delivery_reported.disconnect(names["count_report"])
    for name in ("ATTEMPTS", "WAITED", "REPORTS"):
        REGISTRY.unregister(names[name])


def test_example_counts_attempts_seconds_and_reports(example, jane, app, connection):
    ticket = ResetTicketFactory(client=app, connection=connection, email=jane.email)
    ResetTicketFactory(client=app, connection=connection)
    deliver_due()
    tickets.report(ticket.pk, "delivered")

    def value(name, **labels):
        return REGISTRY.get_sample_value(name, labels)

    assert value("reset_mail_attempts_total", outcome="sent") == 1
    assert value("reset_mail_attempts_total", outcome="no_account") == 1
    assert value("reset_mail_seconds_count") == 1
    assert value("reset_mail_reports_total", outcome="delivered") == 1


@pytest.mark.django_db
def test_figures_of_the_outbox_are_those_in_the_docs():
    [shown] = re.findall(r"^ +(\{\"due\".*\})$", DOCS.read_text(), re.MULTILINE)
    assert list(json.loads(shown)) == list(status())
