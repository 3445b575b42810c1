"""A person with a mailed link, as far as a browser without a screen can be one."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client as Browser

from dbconnections import links
from dbconnections.models import ResetTicket
from tests.factories import PASSWORD
from tests.pages.html import hidden_fields

RESET = "/dbconnections/reset/"
DONE = "/dbconnections/reset/done/"
COOKIE = "dbconnections_reset_token"

GIVEN_PASSWORD = "given-kettle-77"
NEW_PASSWORD = "fresh-kettle-88"


def link(ticket: ResetTicket) -> str:
    """Return the path of the ticket's mailed link."""
    return RESET + links.make_token(ticket.pk)


def has_password(user: User, password: str) -> bool:
    """Say whether this is the user's password now."""
    return User.objects.get(pk=user.pk).check_password(password)


def is_unchanged(user: User) -> bool:
    """Say whether the user still has the password of before."""
    return has_password(user, PASSWORD)


class Tab:
    """A browser's tab: the page it shows, and the form on it."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.form: dict[str, str | None] = {}

    def follow(self, ticket: ResetTicket) -> HttpResponse:
        """Follow a ticket's link to its page."""
        return self._show(self.browser.get(link(ticket), follow=True))

    def submit(
        self, first: str | None = None, second: str | None = None, **fields: str
    ) -> HttpResponse:
        """Submit the form on the page, filled in; a redirect is not followed."""
        if first is not None:
            fields |= {"new_password1": first, "new_password2": first if second is None else second}
        return self._show(self.browser.post(RESET, {"action": "set"} | self.form | fields))

    def _show(self, response: Any) -> HttpResponse:
        self.form = hidden_fields(response) or self.form
        return response
