"""The stress commands in short, each with its broken control."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT

# The commands wait for events, not for a time; this is for one that hangs.
pytestmark = [pytest.mark.stress, pytest.mark.timeout(900)]

CRASH = ("crash", "--requests", "150", "--kills", "8", "--only")
CAPS = ("caps", "--posts", "1500", "--only")
ENUMERATION = (
    *("enumeration", "--posts", "2000", "--within", "0.05"),
    *("--classes", "known", "--echoes", "0", "--only"),
)


def assert_succeeds(*arguments: str) -> None:
    """Run a command; it prints what was wrong, and pytest shows that."""
    command = [sys.executable, "-m", "tests.stress", *arguments]
    assert subprocess.run(command, cwd=ROOT).returncode == 0


def test_no_mail_is_lost_though_whatever_asks_and_delivers_is_killed():
    assert_succeeds(*CRASH, "outbox")


def test_a_task_queue_as_the_only_record_would_lose_mails():
    assert_succeeds(*CRASH, "queue")


def test_limits_hold_exactly_against_forged_headers_and_16_processes():
    assert_succeeds(*CAPS, "redis")


def test_limits_counted_in_each_process_would_be_exceeded():
    assert_succeeds(*CAPS, "memory")


def test_believing_forged_headers_would_exceed_the_limits():
    assert_succeeds(*CAPS, "forwarded")


def test_identical_posts_within_the_window_lead_to_one_mail_that_works():
    assert_succeeds("repeats", "--only", "app")


def test_identical_posts_would_lead_to_more_mails_if_each_were_taken_by_itself():
    assert_succeeds("repeats", "--only", "separate")


@pytest.mark.parametrize(
    "site", ["server-thread", "server-worker", "process-thread", "process-worker"]
)
def test_times_do_not_tell_who_has_an_account(site):
    assert_succeeds(*ENUMERATION, site)


@pytest.mark.parametrize("site", ["server-naive", "process-naive"])
def test_times_would_tell_if_the_request_sent_the_mail(site):
    assert_succeeds(*ENUMERATION, site)
