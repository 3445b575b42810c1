"""The pages behind a mailed link.

Following the link only moves its token out of the address, into a signed cookie, and looking at
a page changes nothing: mail scanners follow links, press nothing, and burn nothing. What changes
something is a form the person submits.
"""

import math
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from dbconnections import links, passwords, tickets
from dbconnections.accounts import Account
from dbconnections.conf import settings
from dbconnections.models import Client, ResetTicket
from dbconnections.pages.forms import ConfirmForm, NewPasswordForm, RetypeForm
from dbconnections.pages.headers import protect
from dbconnections.pages.rules import shown_rules
from dbconnections.throttling import Allowance, client_ip, count, network
from dbconnections.tickets import Reason, TicketRefused

# "token" in the name has Django, and most trackers, leave the value out of error reports.
COOKIE = "dbconnections_reset_token"

# How long after a change the way back names the address.
REDIRECT_WINDOW = timedelta(minutes=15)

# Auth0's own sentence, which front ends show.
SUCCESS_MESSAGE = "You can now login to the application with the new password."


@method_decorator(
    [never_cache, csrf_protect, sensitive_post_parameters()],
    name="dispatch",
)
class Page(View):
    """A page of the flow, in the person's language and with its headers."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override(translation.get_language_from_request(request)):
            try:
                response = super().dispatch(request, *args, **kwargs)
            except tickets.Busy:
                response = self.busy()
            if isinstance(response, TemplateResponse):
                response.render()
        protect(response)
        return response

    def page(
        self, name: str, ticket: ResetTicket | None = None, status: int = 200, **context: Any
    ) -> TemplateResponse:
        """Return a rendered page; ``page`` in its context tells what the ticket is about."""
        context["page"] = {
            "ticket": links.make_token(ticket.pk, links.SHOWN) if ticket else "",
            "application": ticket.client.name if ticket else "",
            "account": masked(ticket.sent_to or ticket.email) if ticket else "",
            "requested_at": ticket.requested_at if ticket else None,
            "return_url": ticket.return_address if ticket else "",
        }
        context["action_url"] = reverse("dbconnections:reset")
        template = f"dbconnections/{name}.html"
        return TemplateResponse(self.request, template, context, status=status)

    def refused(self, refusal: TicketRefused) -> HttpResponse:
        """Return the page that says why a link does not work, and what to do now."""
        status = 404 if refusal.reason == Reason.UNKNOWN else 410
        return self.page("refused", refusal.ticket, status, reason=refusal.reason)

    def too_many(self, allowance: Allowance) -> HttpResponse:
        """Return the page for someone who has tried too often."""
        minutes = math.ceil(allowance.retry_after / 60)
        response = self.page("too_many", status=429, minutes=minutes)
        response["Retry-After"] = str(allowance.retry_after)
        return response

    def busy(self) -> HttpResponse:
        """Return the page for when the database could not decide; nothing was changed."""
        response = self.page("busy", status=503)
        response["Retry-After"] = "1"
        return response

    def exceeded(self, scope: str) -> Allowance | None:
        """Count a try; return the allowance if it is used up.

        Each scope has its own: a page elsewhere that embeds unknown links as images can spend
        a visitor's, but not the tries of a person with a form.
        """
        caller = network(client_ip(self.request))
        allowance = count(scope, settings.RATE_LIMIT_PAGES, caller)
        return allowance if allowance and allowance.is_exceeded else None

    def ticket_id(self) -> UUID | None:
        """Return the ticket whose link this browser followed last."""
        return links.read_token(self.request.COOKIES.get(COOKIE, ""), links.OPENED)


class LinkView(Page):
    """Where the mail leads to: keep the ticket in a cookie and show the page without it.

    A cookie of our own rather than the session: nothing is written when a scanner calls, a
    planted session is of no use to anyone, and `SESSION_COOKIE_SAMESITE = "Strict"` does not
    lose people who come from webmail. It is as good as the link, so only the browser sees it.
    """

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        ticket_id = links.read_token(token)
        if ticket_id is None:
            if allowance := self.exceeded("unknown-links"):
                return self.too_many(allowance)
            return self.refused(TicketRefused(Reason.UNKNOWN))
        response = HttpResponseRedirect(reverse("dbconnections:reset"))
        response.set_cookie(
            COOKIE,
            links.make_token(ticket_id, links.OPENED),
            path=reverse("dbconnections:reset"),
            secure=request.is_secure() or links.absolute("").startswith("https://"),
            httponly=True,
            samesite="Lax",
        )
        return response


class ResetView(Page):
    """Choose a new password, or confirm the one sent with the request."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            ticket, _account = tickets.open(self.ticket_id())
        except TicketRefused as refusal:
            return self.refused(refusal)
        return self.form_page(ticket)

    def post(self, request: HttpRequest) -> HttpResponse:
        if allowance := self.exceeded("forms"):
            return self.too_many(allowance)
        try:
            opened = ticket, _account = tickets.open(self.ticket_id(), submitted=True)
            if links.read_token(request.POST.get("ticket", ""), links.SHOWN) != ticket.pk:
                return self.other_ticket(ticket)
            if request.POST.get("action") == "decline":
                return self.decline(ticket)
            return self.set_password(request, opened)
        except TicketRefused as refusal:
            return self.refused(refusal)

    def other_ticket(self, ticket: ResetTicket) -> HttpResponse:
        """Show the ticket at hand instead of acting on it with a form made for another.

        The browser has one cookie, but may have two tabs, and a stranger's link opened in the
        second must not receive what was meant for the first.
        """
        problem = _("You have opened another link meanwhile. Check what it is for and try again.")
        return self.form_page(ticket, status=409, problem=problem)

    def decline(self, ticket: ResetTicket) -> HttpResponse:
        if not tickets.revoke(ticket.pk, "declined"):
            # It ended in this moment; the person is to know how.
            tickets.open(ticket.pk)
        return self.page("declined", ticket)

    def set_password(
        self, request: HttpRequest, opened: tuple[ResetTicket, Account]
    ) -> HttpResponse:
        ticket, _account = opened
        is_confirming = "new_password1" not in request.POST and ticket.sealed_password
        form = form_for(ticket, request.POST) if is_confirming else NewPasswordForm(request.POST)
        if not form.is_valid():
            return self.form_page(ticket, form)
        try:
            tickets.redeem(
                ticket.pk,
                password=form.cleaned_data.get("new_password1"),
                retyped=form.cleaned_data.get("password"),
                opened=opened,
            )
        except tickets.WrongRetype:
            form.add_error("password", _("This is not the password you asked for."))
            return self.form_page(ticket, form)
        except passwords.PasswordRefused as refused:
            if is_confirming:
                problem = _("The password you asked for cannot be used. Please choose another.")
                return self.form_page(
                    ticket, NewPasswordForm(), problem=problem, problem_details=refused.sentences
                )
            for sentence in refused.sentences:
                form.add_error("new_password1", sentence)
            return self.form_page(ticket, form)
        return HttpResponseRedirect(reverse("dbconnections:done"))

    def form_page(
        self,
        ticket: ResetTicket,
        form: forms.Form | None = None,
        *,
        status: int = 200,
        **context: Any,
    ) -> HttpResponse:
        form = form or form_for(ticket)
        name = "confirm"
        if isinstance(form, NewPasswordForm):
            name = "new_password"
            rules, notes = passwords.requirements(passwords.policy_of(ticket.connection))
            form.guide_generators(rules)
            context["rules"] = shown_rules(rules, notes)
        return self.page(name, ticket, status, form=form, **context)


class DoneView(Page):
    """Success, and the way back to the application."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            tickets.open(self.ticket_id())
        except TicketRefused as refusal:
            if refusal.reason == Reason.USED and refusal.ticket:
                return self.done(refusal.ticket)
        return HttpResponseRedirect(reverse("dbconnections:reset"))

    def done(self, ticket: ResetTicket) -> HttpResponse:
        return self.page("done", ticket, return_url=way_back(ticket))


def form_for(ticket: ResetTicket, data: Any = None) -> forms.Form:
    """Return the form a ticket asks for."""
    if tickets.given_password(ticket) is None:
        return NewPasswordForm(data)
    if ticket.client.confirmation == Client.Confirmation.RETYPE:
        return RetypeForm(data)
    return ConfirmForm(data)


def way_back(ticket: ResetTicket) -> str:
    """Return where the last page leads back to, with what is to be told there."""
    if not ticket.return_address:
        return ""
    more = {}
    # Not for ever: whoever opens the spent link later is not to read the address here.
    if ticket.used_at and timezone.now() - ticket.used_at < REDIRECT_WINDOW:
        more["email"] = ticket.email if ticket.include_email_in_redirect else ""
    if ticket.handed_over_at:
        # A back end named it; in a public request it is anybody's text.
        more["organization_id"] = ticket.organization
    return links.result_url(ticket.return_address, SUCCESS_MESSAGE, **more)


def masked(address: str) -> str:
    """Return an address its owner recognises and a stranger cannot write to."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}•••{at}{domain}" if at else ""
