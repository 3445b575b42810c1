"""The page to ask for a link, for sites whose front end has no form of its own.

What the endpoint does for a front end, a form does here: the same request is stored, counted
against the same limits, and no user is looked up, so what is answered tells nobody who has an
account.
"""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import translation
from django.utils.timesince import timesince

from dbconnections import links, signals, tickets
from dbconnections.models import Client, Connection, ResetTicket, enabled_pairs
from dbconnections.pages.forms import AskForm
from dbconnections.pages.views import Page
from dbconnections.throttling import Allowance, client_ip, count_caller, count_request
from dbconnections.transactions import retrying
from dbconnections.validators import printable, validate_connection_name, validate_identifier


class CannotAsk(Exception):
    """The address names nobody to ask; ``client`` and ``connection`` if it does, but may not."""

    def __init__(self, client: Client | None = None, connection: Connection | None = None) -> None:
        self.client = client
        self.connection = connection


class AskPage(Page):
    """A page about the client and connection that its address names."""

    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().answer(request, *args, **kwargs)
        except CannotAsk as refusal:
            return self.cannot_ask(refusal)

    def cannot_ask(self, refusal: CannotAsk) -> HttpResponse:
        """Return the page for an address that leads to nothing one may ask for."""
        if self.request.method == "POST":
            self.say_refused("invalid_request" if refusal.client else "invalid_client")
        return self.page(
            "cannot_ask",
            status=403 if refusal.client else 404,
            client=refusal.client,
            connection=refusal.connection,
            is_switched_off=refusal.client is not None,
        )

    def action_url(self) -> str:
        # Not the address as it came, which may hold what is nobody else's business.
        given = self.request.GET
        return links.ask_url(given.get("client_id", ""), given.get("connection", ""))

    def find(self) -> tuple[Client, Connection]:
        """Return the client, and the connection that is named or the only one there is.

        Raises ``CannotAsk``.
        """
        client_id, name = self.parameter("client_id"), self.parameter("connection")
        try:
            validate_identifier(client_id)
            if name:
                validate_connection_name(name)
        except ValidationError:
            raise CannotAsk from None
        named = {"connection__name": name} if name else {}
        pairs = enabled_pairs().filter(client__client_id=client_id, **named)
        # Compared once more: some databases ignore letter case, an identifier does not.
        found = [
            (pair.client, pair.connection)
            for pair in retrying(lambda: list(pairs))
            if pair.client.client_id == client_id and name in ("", pair.connection.name)
        ]
        open_ = [pair for pair in found if not pair[1].disable_self_service_change_password]
        if len(open_) == 1:
            return open_[0]
        raise CannotAsk(*found[0]) if found and not open_ else CannotAsk

    def parameter(self, name: str) -> str:
        """Return a parameter of the address, empty if there is none."""
        values = self.request.GET.getlist(name)
        if len(values) > 1:
            # Two readers could take a different one.
            raise CannotAsk
        return values[0] if values else ""

    def say_refused(self, reason: str) -> None:
        signals.reset_refused.send_robust(
            ResetTicket,
            stage="request",
            reason=reason,
            ticket=None,
            details={
                "ip": client_ip(self.request),
                "client_id": printable(self.request.GET.get("client_id", ""), 64),
            },
        )


class AskView(AskPage):
    """Ask for a link by an address; what is stored is what the endpoint stores."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.form_page(*self.find(), AskForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        ip = client_ip(request)
        if (allowance := count_caller(ip)) and allowance.is_exceeded:
            return self.refused_many(allowance)
        client, connection = self.find()
        form = AskForm(request.POST)
        if not form.is_valid():
            self.say_refused("invalid_request")
            return self.form_page(client, connection, form)
        email = form.cleaned_data["email"]
        if (allowance := count_request(ip, email)) and allowance.is_exceeded:
            return self.refused_many(allowance, client=client, connection=connection)
        asked = tickets.ResetRequest(
            client=client,
            connection=connection,
            email=email,
            language=translation.get_language() or "",
            ip=ip,
            user_agent=printable(request.META.get("HTTP_USER_AGENT", ""), 255),
            base_url=links.base_url(request),
        )
        tickets.issue(asked)
        return HttpResponseRedirect(links.asked_url(client.client_id, connection.name))

    def once_more(self, request: HttpRequest, status: int, problem: Any) -> HttpResponseBase:
        if request.method != "POST":
            return super().once_more(request, status, problem)
        try:
            return self.form_page(*self.find(), AskForm(), status=status, problem=problem)
        except CannotAsk as refusal:
            return self.cannot_ask(refusal)

    def form_page(
        self,
        client: Client,
        connection: Connection,
        form: AskForm,
        *,
        status: int = 200,
        **context: Any,
    ) -> HttpResponse:
        about: dict[str, Any] = {"client": client, "connection": connection, "form": form}
        return self.page("ask", status=status, **about, **context)

    def refused_many(self, allowance: Allowance, **about: Any) -> HttpResponse:
        self.say_refused("too_many_requests")
        return self.too_many(allowance, **about)


class AskedView(AskPage):
    """What happens next, the same whether or not there is an account."""

    def get(self, request: HttpRequest) -> HttpResponse:
        client, connection = self.find()
        return self.page(
            "asked",
            client=client,
            connection=connection,
            lifetime=in_words(connection.ticket_lifetime),
            ask_url=links.ask_url(client.client_id, connection.name),
        )


def in_words(period: timedelta) -> str:
    """Return a period as a person would say it, in the active language: "1 hour"."""
    start = datetime(2000, 1, 1)
    return timesince(start, start + period)
