"""The pages behind a mailed link.

Following the link only moves its token out of the address, into a signed cookie, and looking at
a page changes nothing: mail scanners follow links, press nothing, and burn nothing. What changes
something is a form the person submits.
"""

import logging
import math
import re
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import BadRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseForbidden,
    HttpResponseRedirect,
)
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.decorators import decorator_from_middleware, method_decorator
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from dbconnections import links, passwords, tickets
from dbconnections.accounts import Account
from dbconnections.branding import brand_of
from dbconnections.conf import settings
from dbconnections.models import Client, Connection, ResetTicket
from dbconnections.pages.forms import ConfirmForm, NewPasswordForm, RetypeForm
from dbconnections.pages.headers import protect
from dbconnections.pages.rules import shown_rules
from dbconnections.throttling import Allowance, client_ip, count, network
from dbconnections.tickets import Reason, TicketRefused
from dbconnections.transactions import Busy
from dbconnections.validators import printable

# "token" in the name has Django, and most trackers, leave the value out of error reports.
COOKIE = "dbconnections_reset_token"

# How long after a change the way back names the address, and is taken unasked.
REDIRECT_WINDOW = timedelta(minutes=15)

# WCAG 2.2, 2.2.1: at least 20 seconds to stop what happens by itself.
FORWARD_AFTER = timedelta(seconds=20)

# Auth0's own sentences, which front ends show.
SUCCESS_MESSAGE = "You can now login to the application with the new password."
EXPIRED_MESSAGE = "Access expired"


class Forged(HttpResponseForbidden):
    """The place of a page for a form that Django's check refuses."""

    # The person's own log-in in another tab takes the token from a form.
    problem = gettext_lazy("This page was open while you did something else. Try once more.")


class Unreadable(HttpResponseBadRequest):
    """The place of a page for a form that Django cannot read, such as one in UTF-16."""

    problem = gettext_lazy("The form is not valid or has too many fields.")


class CsrfCheck(CsrfViewMiddleware):
    """Django's check, whose refusal the person sees as a page of the flow."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        # As Django does, but for what may hold a token: the request, which is in Django's record,
        # the address, and all but the origin of a referrer.
        said = _BEYOND_ORIGIN.sub(r"://\1", printable(reason, MAX_REASON))
        route = f"/{request.resolver_match.route}" if request.resolver_match else ""
        csrf_logger.warning("Forbidden (%s): %s", said, route, extra={"status_code": 403})
        return Forged(reason)


csrf_logger = logging.getLogger("django.security.csrf")

# What a header holds that a reason quotes is up to whoever sends it.
MAX_REASON = 1_000
_BEYOND_ORIGIN = re.compile(r"://(?:[^/?#\s@]*@)?([^/?#\s]*).*?(?= does not match any|$)")


check_csrf = decorator_from_middleware(CsrfCheck)


@method_decorator([csrf_exempt, never_cache, sensitive_post_parameters()], name="dispatch")
class Page(View):
    """A page of the flow, in the person's language and with its headers."""

    logo_origin = ""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.nonce = secrets.token_urlsafe(16)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_refused = False
        with translation.override(translation.get_language_from_request(request)):
            try:
                response = self.checked(request, *args, **kwargs)
                if isinstance(response, Forged | Unreadable):
                    response = self.once_more(request, response.status_code, response.problem)
                    is_refused = True
            except Busy:
                response = self.busy()
            if isinstance(response, TemplateResponse):
                response.render()
            if is_refused:
                # The form that is shown instead has a token, and needs its cookie.
                CsrfCheck(self.answer).process_response(request, response)
        protect(response, nonce=self.nonce, logo_origin=self.logo_origin)
        return response

    def checked(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the answer to a form that is not forged, and can be read; else its place."""
        if request.method == "POST" and request.encoding not in {None, "utf-8"}:
            # A form may name any of Python's codecs, `zip` too; decoding with that would be a 500.
            request.encoding = "utf-8"
            return Unreadable()
        try:
            # In place of the site's middleware, from which the view is exempt: that answers
            # with a bare page, as after a log-in in another tab, which changes the token.
            response: HttpResponseBase = check_csrf(self.answer)(request, *args, **kwargs)
        except (BadRequest, MultiPartParserError):
            # That of the body, by which Django would read the address, too.
            request.encoding = "utf-8"
            return Unreadable()
        return response

    def once_more(self, request: HttpRequest, status: int, problem: Any) -> HttpResponseBase:
        """Return the page in place of a form that was refused; nothing was changed."""
        return self.http_method_not_allowed(request)

    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the answer of the method that was asked for."""
        return super().dispatch(request, *args, **kwargs)

    def page(
        self,
        name: str,
        ticket: ResetTicket | None = None,
        status: int = 200,
        *,
        client: Client | None = None,
        connection: Connection | None = None,
        back: str | None = None,
        **context: Any,
    ) -> TemplateResponse:
        """Return a page; ``page`` in its context tells what it is about, ``brand`` who it is from.

        Client and connection are the ticket's where there is one; ``back`` leads elsewhere than
        to its way back.
        """
        if ticket:
            client, connection = ticket.client, ticket.connection
            back = ticket.return_address if back is None else back
        elif client:
            back = client.result_url
        brand = brand_of(client, connection)
        self.logo_origin = brand.logo_origin
        context["brand"] = brand
        # The name that Django's own context processor gives it; ours wins on our pages.
        context["csp_nonce"] = self.nonce
        context["page"] = {
            "ticket": links.make_token(ticket.pk, links.SHOWN) if ticket else "",
            "application": brand.name,
            "account": masked(ticket.sent_to or ticket.email) if ticket else "",
            "requested_at": ticket.requested_at if ticket else None,
            "return_url": back or "",
        }
        context["action_url"] = self.action_url()
        template = f"dbconnections/{name}.html"
        return TemplateResponse(self.request, template, context, status=status)

    def action_url(self) -> str:
        """Return where the page's forms are sent to, and where trying again leads."""
        return reverse("dbconnections:reset")

    def refused(self, refusal: TicketRefused, **context: Any) -> HttpResponse:
        """Return the page that says why a link does not work, and what to do now."""
        status = 404 if refusal.reason == Reason.UNKNOWN else 410
        back = None
        if refusal.ticket and refusal.reason == Reason.EXPIRED:
            # The only failure that Auth0 tells an application of.
            back = told(refusal.ticket, EXPIRED_MESSAGE, success=False)
        return self.page(
            "refused",
            refusal.ticket,
            status,
            reason=refusal.reason,
            back=back,
            ask_url=ask_url(refusal),
            **context,
        )

    def too_many(self, allowance: Allowance, **about: Any) -> HttpResponse:
        """Return the page for someone who has tried too often, of a client if one is known."""
        minutes = math.ceil(allowance.retry_after / 60)
        response = self.page("too_many", status=429, minutes=minutes, **about)
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

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        # Django logs the path of what is refused, be it a link or one that a mail client spoiled.
        request.path = f"/{request.resolver_match.route}" if request.resolver_match else ""

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
            # Without any cookie it is not the link that is at fault.
            return self.refused(refusal, needs_cookies=COOKIE not in request.COOKIES)
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

    def once_more(self, request: HttpRequest, status: int, problem: Any) -> HttpResponseBase:
        if request.method != "POST":
            return super().once_more(request, status, problem)
        try:
            ticket, _account = tickets.open(self.ticket_id())
        except TicketRefused as refusal:
            return self.refused(refusal)
        return self.form_page(ticket, status=status, problem=problem)

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
        return_url = way_back(ticket)
        is_forwarded = (
            return_url
            and ticket.client.result_url_forwards
            and is_fresh(ticket)
            and "stay" not in self.request.GET
        )
        if not is_forwarded:
            return self.page("done", ticket, return_url=return_url)
        seconds = int(FORWARD_AFTER.total_seconds())
        stay_url = f"{reverse('dbconnections:done')}?stay"
        response = self.page(
            "done", ticket, return_url=return_url, forward_after=seconds, stay_url=stay_url
        )
        # The header does without JavaScript what it would take a redirect of a form for, which
        # the policy on forms forbids, and leaves time to read.
        response["Refresh"] = f"{seconds}; url={iri_to_uri(return_url)}"
        return response


def ask_url(refusal: TicketRefused) -> str:
    """Return where to ask for a link in place of one refused; empty where none would come."""
    ticket = refusal.ticket
    if (
        ticket is None
        or refusal.reason == Reason.CLOSED
        or not ticket.serves
        or ticket.connection.disable_self_service_change_password
    ):
        return ""
    return links.ask_url(ticket.client.client_id, ticket.connection.name)


def form_for(ticket: ResetTicket, data: Any = None) -> forms.Form:
    """Return the form a ticket asks for."""
    if tickets.given_password(ticket) is None:
        return NewPasswordForm(data)
    if ticket.client.confirmation == Client.Confirmation.RETYPE:
        return RetypeForm(data)
    return ConfirmForm(data)


def is_fresh(ticket: ResetTicket) -> bool:
    """Say whether the password was set just now, so that it is its owner who looks."""
    return bool(ticket.used_at and timezone.now() - ticket.used_at < REDIRECT_WINDOW)


def way_back(ticket: ResetTicket) -> str:
    """Return where the last page leads back to, with what is to be told there."""
    client = ticket.client
    more: dict[str, Any] = {}
    # Not for ever: whoever opens the spent link later is not to read the address here.
    if (ticket.include_email_in_redirect or client.result_url_email) and is_fresh(ticket):
        more["email"] = ticket.email
    # A back end named it; in a public request it is anybody's text.
    if ticket.handed_over_at or client.result_url_organization:
        more["organization_id"] = ticket.organization
    return told(ticket, SUCCESS_MESSAGE, **more)


def told(ticket: ResetTicket, message: str, *, success: bool = True, **more: Any) -> str:
    """Return the way back with an outcome, where the client reads it; empty if there is none."""
    if not ticket.return_address:
        return ""
    in_fragment = ticket.client.result_url_parameters == Client.ResultParameters.FRAGMENT
    return links.result_url(
        ticket.return_address, message, success=success, in_fragment=in_fragment, **more
    )


def masked(address: str) -> str:
    """Return an address its owner recognises and a stranger cannot write to."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}•••{at}{domain}" if at else ""
