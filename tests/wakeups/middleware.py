"""A site whose requests end in a rollback when they ask for it."""

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse

View = Callable[[HttpRequest], HttpResponse]


def roll_back(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        if "X-Roll-Back" not in request.headers:
            return get_response(request)
        with transaction.atomic():
            response = get_response(request)
            transaction.set_rollback(True)
        return response

    return middleware
