"""Pages that take a crowd or a stuck database to see, as the views answer then."""

import time

from django.http import HttpRequest, HttpResponse
from django.urls import path

from dbconnections.pages.views import Page
from dbconnections.throttling import Allowance
from dbconnections.transactions import Busy
from example_project.urls import urlpatterns as site


class TooManyView(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        ends = int(time.time()) + 300
        return self.too_many(Allowance(limit=60, remaining=0, reset_at=ends, is_exceeded=True))


class BusyView(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        raise Busy


urlpatterns = [
    path("too-many/", TooManyView.as_view()),
    path("busy/", BusyView.as_view()),
    *site,
]
