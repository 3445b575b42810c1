"""Windows of requests counted in memory."""

import threading

import pytest

from dbconnections.windows import WindowStorage


class Clock:
    now = 1000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("dbconnections.windows.time", clock)
    return clock


def test_window_opens_with_the_first_request_and_ends(clock):
    storage = WindowStorage()
    assert storage.get("key") == 0
    assert storage.get_expiry("key") == 1000
    assert [storage.incr("key", 60), storage.incr("key", 60, 2)] == [1, 3]
    clock.now += 59
    assert storage.incr("key", 60) == 4
    assert (storage.get("key"), storage.get_expiry("key")) == (4, 1060)
    clock.now += 1
    assert storage.get("key") == 0
    assert storage.get_expiry("key") == 1060
    assert storage.incr("key", 60) == 1
    assert storage.get_expiry("key") == 1120


def test_windows_are_apart(clock):
    storage = WindowStorage()
    storage.incr("key", 60)
    assert storage.incr("other", 60) == 1
    storage.clear("key")
    assert (storage.get("key"), storage.get("other")) == (0, 1)
    assert storage.reset() == 1
    assert storage.get("other") == 0
    assert storage.check()


def test_windows_that_have_ended_are_dropped(clock):
    storage = WindowStorage()
    for second in range(20_000):
        clock.now = 1000.0 + second
        storage.incr(f"key {second}", 60)
        assert len(storage.windows) <= 1024
    assert storage.get("key 19999") == 1


def test_windows_are_looked_through_when_their_number_has_doubled(clock):
    """Or a site with many callers would look through all of them at every request."""
    storage = WindowStorage()
    for number in range(1030):
        storage.incr(f"key {number}", 60)
    clock.now += 60
    sizes = []
    for number in range(1030, 2100):
        storage.incr(f"key {number}", 60)
        sizes.append(len(storage.windows))
    assert max(sizes) == 2048
    assert sizes[-1] == 2100 - 1030


def test_window_that_was_never_open_is_cleared(clock):
    storage = WindowStorage()
    storage.clear("key")
    assert storage.get("key") == 0


def test_windows_that_are_open_are_kept(clock):
    storage = WindowStorage()
    for number in range(5000):
        storage.incr(f"key {number}", 60)
    assert all(storage.get(f"key {number}") for number in range(5000))


def test_no_thread_is_started():
    before = threading.active_count()
    storage = WindowStorage()
    for number in range(100):
        storage.incr(f"key {number}", 1)
    assert threading.active_count() == before
