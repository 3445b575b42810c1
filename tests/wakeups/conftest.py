"""A site for each wake-up, with a mail server."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.wakeups.queues import Table
from tests.wakeups.sink import SlowSink
from tests.wakeups.site import WAKE_UPS, Site, WakeUp


@pytest.fixture(scope="package")
def sink() -> Iterator[SlowSink]:
    with SlowSink() as sink:
        yield sink


def each(wake_ups: Iterable[WakeUp]) -> list[Any]:
    """Return parameters, of which those of one wake-up stay with one worker of pytest."""
    return [
        pytest.param(wake_up, id=wake_up.name, marks=pytest.mark.xdist_group(wake_up.name))
        for wake_up in wake_ups
    ]


@pytest.fixture(scope="package", params=each(WAKE_UPS))
def running_site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sink: SlowSink,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[Site]:
    with django_db_blocker.unblock():
        site = Site(request.param, tmp_path_factory.mktemp(request.param.name), sink)
    if isinstance(site.queue, Table):
        site.shell("python manage.py migrate --verbosity 0")
    yield site
    site.end()


@pytest.fixture
def idle_site(running_site: Site, sink: SlowSink, transactional_db: None) -> Site:
    """The site with an empty queue and no worker."""
    if running_site.worker:
        running_site.kill_worker()
    running_site.start()
    if running_site.queue:
        running_site.queue.empty()
    sink.forget()
    return running_site


@pytest.fixture
def site(running_site: Site, sink: SlowSink, transactional_db: None) -> Site:
    """The site with a worker."""
    if running_site.queue:
        running_site.queue.start()
    running_site.start_worker()
    running_site.start()
    sink.forget()
    return running_site
