"""Counting requests, and telling one caller and one mailbox from another."""

import re
import socket
import threading
import time
import tracemalloc
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.test import RequestFactory, override_settings
from redis import Redis

from dbconnections import throttling
from dbconnections.throttling import Allowance, client_ip, count, mailbox_key, network
from dbconnections.windows import WindowStorage
from tests.conftest import URL
from tests.support import processes

RATE_HEADERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


@pytest.fixture
def configure(settings):
    def change(**values):
        settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, **values}

    return change


@pytest.fixture
def knock(client, connection):
    """Post a request from an address, as a proxy may have forwarded it."""

    def post(email="jane@example.com", ip="192.0.2.1", forwarded=None, **fields):
        body = {"client_id": "demo", "connection": connection.name, "email": email}
        headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
        return client.post(URL, body | fields, "application/json", headers=headers, REMOTE_ADDR=ip)

    return post


@pytest.fixture
def ten(configure):
    configure(RATE_LIMIT="10/10 minutes", RATE_LIMIT_PER_IP="")


def statuses(responses):
    return [response.status_code for response in responses]


# What a request gets


def test_ten_and_no_more(knock, ten):
    assert statuses(knock() for _ in range(12)) == [200] * 10 + [429] * 2


def test_what_is_left_is_counted_down(knock, ten):
    left = [int(knock()["X-RateLimit-Remaining"]) for _ in range(12)]
    assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0]


def test_headers_of_an_accepted_request(knock, ten):
    before = int(time.time())
    response = knock()
    assert response["X-RateLimit-Limit"] == "10"
    assert response["X-RateLimit-Remaining"] == "9"
    assert before + 600 <= int(response["X-RateLimit-Reset"]) <= time.time() + 601
    assert "Retry-After" not in response


def test_body_and_headers_of_a_refused_request(knock, ten):
    for _ in range(10):
        knock()
    response = knock()
    assert response.json() == {
        "name": "TooManyRequestsError",
        "code": "too_many_requests",
        "error": "too_many_requests",
        "errorCode": "too_many_requests",
        "description": "Too many requests. Check the X-RateLimit-* headers and try again later.",
        "error_description": (
            "Too many requests. Check the X-RateLimit-* headers and try again later."
        ),
        "statusCode": 429,
        "message": "Too many requests. Check the X-RateLimit-* headers and try again later.",
    }
    assert list(response.json())[-1] == "message"
    assert response["X-RateLimit-Remaining"] == "0"
    assert 500 <= int(response["Retry-After"]) <= 601
    reset = int(response["X-RateLimit-Reset"])
    assert abs(reset - time.time() - int(response["Retry-After"])) < 10


def test_every_answer_carries_whole_numbers(knock, configure, client):
    configure(RATE_LIMIT="3/minute", RATE_LIMIT_PER_IP="100/minute")
    answers = [
        knock(),
        knock(client_id="unknown"),
        knock(connection="unknown"),
        knock(password="x"),
        knock(),  # the fourth
        knock(email="not an address"),
        client.get(URL),
        client.post(URL, b"{", "application/json"),
        client.post(URL, b"{}", "text/plain"),
        client.post(URL, b"x" * 9000, "application/json"),
    ]
    assert statuses(answers) == [200, 400, 400, 429, 429, 400, 405, 400, 415, 413]
    for answer in answers:
        assert set(answer.headers) >= RATE_HEADERS
        for name in RATE_HEADERS | ({"Retry-After"} & set(answer.headers)):
            assert re.fullmatch(r"[0-9]+", answer[name])


def test_unforeseen_error_carries_them_too(knock, ten, client, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("dbconnections.tickets.issue", lambda request: 1 / 0)
    response = knock()
    assert response.status_code == 500
    assert response["X-RateLimit-Remaining"] == "9"


def test_window_ends(knock, ten, monkeypatch):
    assert statuses(knock() for _ in range(11))[-1] == 429
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 500)
    assert knock().status_code == 429
    monkeypatch.setattr(time, "time", lambda: now() + 602)
    assert statuses(knock() for _ in range(11)) == [200] * 10 + [429]


def test_refused_requests_do_not_move_the_window(knock, ten, monkeypatch):
    reset = knock()["X-RateLimit-Reset"]
    now = time.time
    for later in range(0, 500, 40):
        monkeypatch.setattr(time, "time", lambda later=later: now() + later)
        assert knock()["X-RateLimit-Reset"] == reset


def test_wait_is_a_second_at_least():
    over = Allowance(limit=1, remaining=0, reset_at=int(time.time()) - 5, is_exceeded=True)
    assert over.headers()["Retry-After"] == "1"


def test_window_does_not_slide(knock, ten, monkeypatch):
    now = time.time
    assert statuses(knock() for _ in range(5)) == [200] * 5
    monkeypatch.setattr(time, "time", lambda: now() + 500)
    assert statuses(knock() for _ in range(6)) == [200] * 5 + [429]
    monkeypatch.setattr(time, "time", lambda: now() + 602)
    assert statuses(knock() for _ in range(11)) == [200] * 10 + [429]


def test_limit_is_per_caller_and_mailbox(knock, ten):
    for _ in range(10):
        knock()
    assert knock().status_code == 429
    assert knock(email="joan@example.com").status_code == 200
    assert knock(ip="192.0.2.2").status_code == 200


def test_username_is_counted_where_there_is_no_address(knock, ten):
    assert statuses(knock(email="", username="jane") for _ in range(11))[-1] == 429
    assert knock(email="", username="joan").status_code == 200
    assert knock(username="jane").status_code == 200


def test_requests_that_are_refused_later_count(knock, ten):
    for _ in range(10):
        assert knock(connection="unknown").status_code == 400
    assert knock().status_code == 429


def test_nothing_is_looked_up_for_a_request_over_the_limit(
    knock, configure, django_assert_num_queries
):
    configure(RATE_LIMIT="1/minute")
    knock()
    with django_assert_num_queries(0):
        assert knock().status_code == 429


def test_caller_is_limited_whatever_it_asks_for(knock, configure):
    configure(RATE_LIMIT_PER_IP="5/minute")
    asked = statuses(knock(email=f"person{number}@example.com") for number in range(7))
    assert asked == [200] * 5 + [429] * 2
    assert knock(ip="192.0.2.2").status_code == 200


def test_caller_is_limited_before_its_body_is_read(knock, configure, client):
    configure(RATE_LIMIT_PER_IP="2/minute")
    bodies = (b"{", b" ", b"x" * 9000, b"{}")
    answers = [client.post(URL, body, "application/json") for body in bodies]
    assert statuses(answers) == [400, 400, 429, 429]
    assert client.get(URL).status_code == 405


def test_default_limits(settings, knock, connection):
    settings.DBCONNECTIONS = {"BASE_URL": "https://login.example.com", "WAKE_UP": "none"}
    assert statuses(knock() for _ in range(11)) == [200] * 10 + [429]
    emails = [f"person{number}@example.com" for number in range(90)]
    assert statuses(knock(email=email) for email in emails) == [200] * 89 + [429]


def test_tightest_limit_is_the_one_told(knock, configure):
    configure(RATE_LIMIT="10/minute", RATE_LIMIT_PER_IP="3/minute")
    assert knock()["X-RateLimit-Limit"] == "3"
    configure(RATE_LIMIT="2/minute", RATE_LIMIT_PER_IP="30/minute")
    assert knock(ip="192.0.2.9")["X-RateLimit-Limit"] == "2"


def test_limit_that_is_reached_is_the_one_told(knock, configure):
    configure(RATE_LIMIT="1/minute", RATE_LIMIT_PER_IP="2/hour")
    knock()
    response = knock()
    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 61
    assert response["X-RateLimit-Limit"] == "1"
    assert int(response["X-RateLimit-Reset"]) <= time.time() + 61


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_counted(client, knock, configure, method):
    """Any page can have its visitors fetch this address, as an image or by a form."""
    configure(RATE_LIMIT_PER_IP="2/minute")
    for _ in range(5):
        response = client.generic(method, URL, REMOTE_ADDR="192.0.2.1")
        assert response.status_code in {204, 405}
        assert response.get("X-RateLimit-Remaining", "2") == "2"
    assert statuses(knock() for _ in range(3)) == [200, 200, 429]


def test_other_methods_carry_the_headers(client, connection, configure):
    configure(RATE_LIMIT_PER_IP="2/minute")
    assert set(client.get(URL).headers) >= RATE_HEADERS


def test_empty_rates_switch_it_off(knock, configure):
    configure(RATE_LIMIT="", RATE_LIMIT_PER_IP="")
    for _ in range(120):
        response = knock()
        assert response.status_code == 200
    assert not RATE_HEADERS & set(response.headers)


def test_known_and_unknown_addresses_are_limited_alike(knock, ten, jane):
    known = statuses(knock(email="jane@example.com") for _ in range(20))
    unknown = statuses(knock(email="nobody@example.com") for _ in range(20))
    assert known == unknown == [200] * 10 + [429] * 10


# One mailbox


ONE_MAILBOX = [
    "jane.doe@example.com",
    "JANE.DOE@EXAMPLE.COM",
    "janedoe@example.com",
    "j.a.n.e.d.o.e@example.com",
    "jane.doe+1@example.com",
    "jane.doe+a.b+c@example.com",
    "JaneDoe+x@Example.Com",
    " jane.doe@example.com ",
    "jane.doe@\uff45xample.com",
    "jane.doe@ex\u24d0mple.com",
]


def test_variants_of_an_address_count_as_one(knock, ten):
    variants = [ONE_MAILBOX[number % len(ONE_MAILBOX)] for number in range(11)]
    assert statuses(knock(email=email) for email in variants) == [200] * 10 + [429]


@pytest.mark.parametrize("address", ONE_MAILBOX)
def test_key_of_a_mailbox(address):
    assert mailbox_key(address.strip()) == "janedoe@example.com"


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("straße@example.com", "STRASSE@example.com"),
        ("\u212aate", "kate"),
        ("ﬁona", "FIONA"),
        ("Åsa", "A\u030asa"),
        ("σίσυφος", "ΣΊΣΥΦΟΣ"),
    ],
)
def test_key_without_case_and_form(one, same):
    assert mailbox_key(one) == mailbox_key(same)


@pytest.mark.parametrize(
    "other",
    [
        "janedoe@example.org",
        "janedo@example.com",
        "janedoe@examplecom",
        "janedoe",
        "jane-doe@example.com",
    ],
)
def test_key_of_another_mailbox(other):
    assert mailbox_key(other) != "janedoe@example.com"


def test_dots_of_a_username_count():
    assert mailbox_key("jane.doe") == "jane.doe"


# One caller


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        (None, "unknown"),
    ],
)
def test_network(ip, expected):
    assert network(ip) == expected


def test_hosts_of_one_ipv6_network_count_as_one(knock, configure):
    configure(RATE_LIMIT_PER_IP="10/minute")
    hosts = [f"2001:db8:0:1:{number:x}::{number:x}" for number in range(1, 13)]
    assert statuses(knock(ip=host) for host in hosts) == [200] * 10 + [429] * 2
    assert knock(ip="2001:db8:0:2::1").status_code == 200


CHAIN = "203.0.113.1, 203.0.113.2, 203.0.113.3"


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "expected"),
    [
        (0, "192.0.2.1", None, "192.0.2.1"),
        (0, "192.0.2.1", CHAIN, "192.0.2.1"),
        (0, "2001:DB8::0:1", CHAIN, "2001:db8::1"),
        (0, "::ffff:192.0.2.1", CHAIN, "192.0.2.1"),
        (0, "fe80::1%eth0", None, "fe80::1"),
        (0, "", CHAIN, None),
        (0, "/run/gunicorn.sock", CHAIN, None),
        (1, "192.0.2.1", None, "192.0.2.1"),
        (1, "192.0.2.1", "203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.1", CHAIN, "203.0.113.3"),
        (1, "192.0.2.1", "203.0.113.1,203.0.113.2 ", "203.0.113.2"),
        (1, "192.0.2.1", "198.51.100.1, 2001:db8::1", "2001:db8::1"),
        (1, "192.0.2.1", "198.51.100.1, [2001:db8::1]", "2001:db8::1"),
        (1, "192.0.2.1", "198.51.100.1, ::ffff:203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.1", "203.0.113.9, unknown", None),
        (1, "192.0.2.1", "203.0.113.9, ", None),
        (1, "192.0.2.1", "203.0.113.9, 1.2.3.4.5", None),
        (1, "192.0.2.1", "203.0.113.9, <script>", None),
        (1, "192.0.2.1", "203.0.113.9, 010.0.0.1", None),
        (1, "", "203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.1", "", "192.0.2.1"),
        (1, "192.0.2.1", "198.51.100.1, 203.0.113.9:41234", "203.0.113.9"),
        (1, "192.0.2.1", "198.51.100.1, [2001:db8::1]:41234", "2001:db8::1"),
        (1, "192.0.2.1", "198.51.100.1, 203.0.113.9:x", None),
        (1, "192.0.2.1", "198.51.100.1, [[2001:db8::1]]", None),
        (1, "192.0.2.1", "fe80::1%eth0", "fe80::1"),
        (2, "192.0.2.1", CHAIN, "203.0.113.2"),
        (2, "192.0.2.1", "203.0.113.1, 203.0.113.2", "203.0.113.1"),
        (2, "192.0.2.1", "203.0.113.1", "192.0.2.1"),
        (3, "192.0.2.1", CHAIN, "203.0.113.1"),
        (4, "192.0.2.1", CHAIN, "192.0.2.1"),
    ],
)
def test_client_ip(configure, proxies, remote, forwarded, expected):
    configure(TRUSTED_PROXIES=proxies)
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    request = RequestFactory().post(URL, headers=headers, REMOTE_ADDR=remote)
    assert client_ip(request) == expected


def test_huge_chain_is_read_from_its_end_only(configure):
    configure(TRUSTED_PROXIES=2)
    request = RequestFactory().post(URL)
    request.META["HTTP_X_FORWARDED_FOR"] = "," * 500_000 + "203.0.113.2, 203.0.113.3"
    tracemalloc.start()
    try:
        assert client_ip(request) == "203.0.113.2"
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 600_000, "what is left of them is cut off, not apart"


@pytest.mark.parametrize(
    "header",
    ["X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "Client-IP"],
)
@pytest.mark.parametrize("proxies", [0, 1])
def test_other_headers_are_never_believed(configure, header, proxies):
    configure(TRUSTED_PROXIES=proxies)
    value = "for=203.0.113.9" if header == "Forwarded" else "203.0.113.9"
    request = RequestFactory().post(URL, headers={header: value}, REMOTE_ADDR="192.0.2.1")
    assert client_ip(request) == "192.0.2.1"


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_forged_addresses_count_as_one(knock, configure, proxies):
    """A caller writes what it likes; each trusted proxy adds where the request came from."""
    configure(TRUSTED_PROXIES=proxies, RATE_LIMIT_PER_IP="10/minute")
    added = ["198.51.100.7", "198.51.100.8"][:proxies]
    forged = [", ".join([f"203.0.113.{number}", *added]) for number in range(100)]
    got = statuses(knock(forwarded=forwarded) for forwarded in forged)
    assert got == [200] * 10 + [429] * 90


def test_callers_behind_one_proxy_count_each(knock, configure):
    configure(TRUSTED_PROXIES=1, RATE_LIMIT_PER_IP="1/minute")
    callers = [f"203.0.113.{number}" for number in range(5)]
    assert statuses(knock(forwarded=caller) for caller in callers) == [200] * 5
    assert statuses(knock(forwarded=caller) for caller in callers) == [429] * 5


@pytest.mark.parametrize("ip", ["fe80::1%eth0", "", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1"])
def test_request_from_any_kind_of_address(knock, configure, ip):
    configure(RATE_LIMIT="10/minute")
    assert knock(ip=ip).status_code == 200


def test_callers_without_address_share_an_allowance(knock, configure):
    configure(RATE_LIMIT_PER_IP="2/minute")
    assert statuses(knock(ip="") for _ in range(3)) == [200, 200, 429]


# Counting


def test_scopes_are_counted_apart():
    assert count("one", "1/minute", "key").remaining == 0
    assert count("two", "1/minute", "key").is_exceeded is False


def test_parts_of_a_key_do_not_run_together():
    assert count("x", "1/minute", "ab", "c").is_exceeded is False
    assert count("x", "1/minute", "a", "bc").is_exceeded is False


def test_looking_spends_nothing():
    for _ in range(3):
        assert count("x", "1/minute", "key", spend=False).remaining == 1
    assert count("x", "1/minute", "key").remaining == 0
    assert count("x", "1/minute", "key", spend=False).is_exceeded is False


def test_no_rate_no_count():
    assert count("x", "", "key") is None


def test_addresses_are_not_kept_in_the_storage():
    count("x", "1/minute", "192.0.2.1", "jane@example.com")
    windows = throttling._limiter("memory://").storage.windows
    assert windows
    assert not [key for key in windows if "jane" in key or "192" in key]


def counted_by_32_threads():
    """Return how many of 64 requests got through where ten may, and what went wrong."""
    start = threading.Barrier(32)
    passed, errors = [], []

    def run():
        start.wait()
        try:
            passed.extend(not count("x", "10/minute", "key").is_exceeded for _ in range(2))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return passed.count(True), errors


class SlowClock:
    """A clock that takes its time, so that threads meet where it is read."""

    def time(self):
        time.sleep(0.0005)
        return time.time()


def test_32_threads_pass_exactly_ten(monkeypatch):
    count("x", "10/minute", "another key")
    monkeypatch.setattr("dbconnections.windows.time", SlowClock())
    assert counted_by_32_threads() == (10, [])


def test_32_threads_of_a_new_process_pass_exactly_ten(monkeypatch):
    def slowly():
        time.sleep(0.01)
        return WindowStorage()

    monkeypatch.setattr("dbconnections.windows.WindowStorage", slowly)
    throttling._limiter.cache_clear()
    assert counted_by_32_threads() == (10, [])


# A storage that fails


def closed_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def test_storage_that_is_down_limits_nobody(knock, configure, caplog):
    configure(
        RATE_LIMIT="1/minute",
        RATE_LIMIT_PER_IP="1/minute",
        RATE_LIMIT_STORAGE=f"redis://127.0.0.1:{closed_port()}/0",
    )
    started = time.monotonic()
    answers = [knock() for _ in range(2)]
    assert time.monotonic() - started < 20
    assert statuses(answers) == [200] * 2
    assert not RATE_HEADERS & set(answers[0].headers)
    records = [record for record in caplog.records if record.name == "dbconnections"]
    assert len(records) == 4
    assert {record.levelname for record in records} == {"ERROR"}
    assert records[0].getMessage() == (
        "Requests are not limited, the storage fails: ConnectionError."
    )


def test_storage_that_never_answers_is_not_waited_for(configure, caplog):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        configure(RATE_LIMIT_STORAGE=f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        started = time.monotonic()
        assert count("x", "1/minute", "key") is None
        assert time.monotonic() - started < 4
    assert "Requests are not limited" in caplog.text


def test_log_of_a_failing_storage_holds_no_password(configure, caplog):
    configure(RATE_LIMIT_STORAGE=f"redis://:canary@127.0.0.1:{closed_port()}/0")
    assert count("x", "1/minute", "key") is None
    assert "Requests are not limited" in caplog.text
    assert "canary" not in caplog.text


def test_fault_of_our_own_is_not_taken_for_a_storage_that_is_down(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("limits.strategies.FixedWindowRateLimiter.hit", fail)
    with pytest.raises(RuntimeError):
        count("x", "1/minute", "key")


# Redis


@pytest.fixture
def redis(configure):
    assert django_settings.REDIS_URL, "Set REDIS_URL to run tests marked redis."
    configure(RATE_LIMIT_STORAGE=django_settings.REDIS_URL)
    return django_settings.REDIS_URL


@pytest.mark.redis
def test_redis_counts(redis, knock, configure):
    configure(RATE_LIMIT="3/minute", RATE_LIMIT_PER_IP="")
    email = f"{uuid4().hex}@example.com"
    answers = [knock(email=email) for _ in range(5)]
    assert statuses(answers) == [200] * 3 + [429] * 2
    assert [answer["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 61


@pytest.mark.redis
def test_redis_is_shared(redis, configure):
    key = uuid4().hex
    assert count("x", "1/minute", key).is_exceeded is False
    throttling._limiter.cache_clear()
    assert count("x", "1/minute", key).is_exceeded is True


@pytest.mark.redis
def test_redis_holds_no_address(redis):
    email = f"{uuid4().hex}@example.com"
    count("x", "1/minute", "192.0.2.1", email)
    assert not [key for key in Redis.from_url(redis).scan_iter() if email.encode() in key]


def passed(key, storage):
    """Count twenty requests, in a process of its own; return how many were within the limit."""
    with override_settings(DBCONNECTIONS={"RATE_LIMIT_STORAGE": storage}):
        return sum(not count("x", "50/minute", key).is_exceeded for _ in range(20))


@pytest.mark.redis
def test_16_processes_pass_exactly_the_limit(redis):
    assert sum(processes.run(passed, 16, key=uuid4().hex, storage=redis)) == 50
