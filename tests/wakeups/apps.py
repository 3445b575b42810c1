from datetime import timedelta

from django.apps import AppConfig


class HurryConfig(AppConfig):
    """Has a failed mail tried again after a second rather than ten."""

    name = "tests.wakeups"

    def ready(self) -> None:
        from dbconnections import delivery

        delivery.FIRST_DELAY = timedelta(seconds=1)
