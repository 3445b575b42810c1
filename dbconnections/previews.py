"""Pages and mails as a brand makes them look, for an administrator: sample data, and no ticket."""

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from dbconnections import links, mail
from dbconnections.accounts import Account
from dbconnections.branding import brand_of
from dbconnections.models import Client, Connection, ResetTicket
from dbconnections.pages.headers import only_show
from dbconnections.pages.views import DoneView, ResetView

# example.com is reserved for this (RFC 2606).
PERSON = "jane@example.com"
SITE = "https://login.example.com"


def preview(
    name: str, request: HttpRequest, client: Client, connection: Connection
) -> HttpResponse:
    """Return a page or the HTML of a mail, one of ``PREVIEWS``, to be shown in a frame."""
    _label, make = PREVIEWS[name]
    now = timezone.now()
    ticket = ResetTicket(
        client=client,
        connection=connection,
        email=PERSON,
        sent_to=PERSON,
        language=translation.get_language() or "",
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
        base_url=_base_url(request),
        requested_at=now,
        expires_at=now + connection.ticket_lifetime,
        used_at=now,
    )
    response = make(request, ticket)
    del response["Refresh"]  # which would lead the frame away
    only_show(response, brand_of(client, connection).logo_origin)
    return response


def _base_url(request: HttpRequest) -> str:
    """Return what links would start with; where none can be mailed yet, an example."""
    try:
        return links.base_url(request)
    except ImproperlyConfigured:
        return SITE


def _new_password(request: HttpRequest, ticket: ResetTicket) -> HttpResponse:
    view = ResetView()
    view.setup(request)
    return view.form_page(ticket)


def _done(request: HttpRequest, ticket: ResetTicket) -> HttpResponse:
    view = DoneView()
    view.setup(request)
    return view.done(ticket)


def _reset_mail(request: HttpRequest, ticket: ResetTicket) -> HttpResponse:
    return _html_of(mail.reset_message(ticket, _account()))


def _changed_mail(request: HttpRequest, ticket: ResetTicket) -> HttpResponse:
    return _html_of(mail.changed_message(ticket, _account(), to=PERSON))


def _account() -> Account:
    return Account(id="", email=PERSON, login=PERSON, user=get_user_model()())


def _html_of(message: EmailMultiAlternatives) -> HttpResponse:
    [(html, _type)] = message.alternatives
    return HttpResponse(str(html))


# Each by name, with what it is called and what makes it.
PREVIEWS: dict[str, tuple[object, Callable[[HttpRequest, ResetTicket], HttpResponse]]] = {
    "new-password": (_("Page: new password"), _new_password),
    "done": (_("Page: done"), _done),
    "reset-mail": (_("Mail: reset"), _reset_mail),
    "changed-mail": (_("Mail: changed"), _changed_mail),
}
