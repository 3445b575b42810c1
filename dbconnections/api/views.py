"""`POST /dbconnections/change_password`, the endpoint Auth0's libraries call."""

from typing import Any

from django.contrib.auth import get_user_model
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework.request import Request
from rest_framework.response import Response

from dbconnections import links, passwords, tickets
from dbconnections.api import auth0_client, cors, errors
from dbconnections.api.base import Endpoint
from dbconnections.api.negotiation import SentenceNegotiation
from dbconnections.api.parsers import StrictFormParser, StrictJSONParser
from dbconnections.api.renderers import HTMLRenderer, JSONRenderer, TextRenderer
from dbconnections.api.serializers import ChangePasswordSerializer
from dbconnections.models import Client, Connection, asking
from dbconnections.secret import Secret
from dbconnections.throttling import Allowance, count_caller, count_request
from dbconnections.validators import is_origin, printable

SENTENCE = "We've just sent you an email to reset your password."


@method_decorator(sensitive_post_parameters(), name="dispatch")
class ChangePasswordView(Endpoint):
    """Store a request for a reset and answer, without looking up any user.

    Known and unknown addresses cost the same and get the same bytes because nothing here
    depends on there being an account: delivery looks for it later.
    """

    parser_classes = (StrictJSONParser, StrictFormParser)
    renderer_classes = (JSONRenderer, HTMLRenderer, TextRenderer)
    content_negotiation_class = SentenceNegotiation

    # Django REST framework copies a serializer's fields for each that is made.
    serializer = ChangePasswordSerializer()

    allowance: Allowance | None = None
    client: Client | None = None

    def perform_authentication(self, request: Request) -> None:
        """Leave the caller alone: SDKs send `Authorization` headers that mean nothing here."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method != "OPTIONS":
            self._heed(count_caller(self.ip, spend=self._is_counted))

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer a preflight."""
        return Response(status=204, headers=cors.preflight_headers(origin_of(request)))

    def post(self, request: Request) -> Response:
        fields = self.read(request, self.serializer)
        sought = fields["email"] or fields["username"]
        self._heed(count_request(self.ip, sought))
        client, connection = self._find(request, fields)
        caller = auth0_client.decode(request.META.get("HTTP_AUTH0_CLIENT", ""))
        password = fields["password"]
        if password:
            if not client.accepts_password or (caller and caller.is_lock_9_or_later):
                raise errors.PasswordNotAllowed
            self._check(password, connection, fields["email"])
        tickets.issue(
            tickets.ResetRequest(
                client=client,
                connection=connection,
                email=fields["email"],
                username=fields["username"],
                password=password,
                organization=fields["organization"],
                language=language_of(request),
                ip=self.ip,
                user_agent=printable(request.META.get("HTTP_USER_AGENT", ""), 255),
                caller=str(caller or ""),
                base_url=links.base_url(request),
            )
        )
        return Response(SENTENCE)

    def refusal_details(self) -> dict[str, Any]:
        return {"client_id": self.client.client_id} if self.client else {}

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(response, ["Accept", "Auth0-Client", "Origin"])
        headers = self.allowance.headers() if self.allowance else {}
        origin = origin_of(request)
        if request.method != "OPTIONS" and self._is_allowed(origin):
            headers |= cors.headers(origin)
        for name, value in headers.items():
            response[name] = value
        return response

    @property
    def _is_counted(self) -> bool:
        """Only a POST is counted: any page can have its visitors GET this address as an image."""
        return self.request.method == "POST"

    def _heed(self, allowance: Allowance | None) -> None:
        """Refuse the request if a limit is reached; the tightest is what the answer tells."""
        if allowance is None:
            return
        is_tighter = self.allowance is None or allowance.remaining < self.allowance.remaining
        if is_tighter or allowance.is_exceeded:
            self.allowance = allowance
        if allowance.is_exceeded:
            raise errors.TooManyRequests(allowance)

    def _find(self, request: Request, fields: dict[str, Any]) -> tuple[Client, Connection]:
        client_id, name = fields["client_id"], fields["connection"]
        client = asking.first(client_id=client_id, connection=name, origin=origin_of(request))
        # Compared once more: some databases ignore letter case, an identifier does not.
        if client is None or client.client_id != client_id:
            raise errors.InvalidClient
        self.client = client
        connection: Connection | None = getattr(client, "asked", None)
        if connection is None or connection.name != name:
            raise errors.ConnectionNotFound
        if not connection.is_database:
            raise errors.NotADatabase
        if connection.disable_self_service_change_password:
            raise errors.SelfServiceDisabled
        return client, connection

    def _check(self, password: Secret, connection: Connection, email: str) -> None:
        """Check what needs no account: rules that do would tell who has one.

        Likeness to the submitted address is checked against the address itself, looked up
        nowhere.
        """
        model: Any = get_user_model()
        unsaved_user = model()
        setattr(unsaved_user, model.get_email_field_name(), email)
        try:
            policy = passwords.policy_of(connection)
            passwords.check(password, policy, unsaved_user=unsaved_user, personal=[email])
        except passwords.PasswordRefused as refused:
            raise errors.WeakPassword(refused) from None

    def _is_allowed(self, origin: str) -> bool:
        if self.client is None:
            return cors.is_allowed_for_any(origin)
        return bool(origin) and self.client.asking_origin == origin


def origin_of(request: Request) -> str:
    """Return the `Origin` header, empty if there is none or it is no origin to allow."""
    origin = request.META.get("HTTP_ORIGIN", "")
    return origin if is_origin(origin) else ""


def language_of(request: Request) -> str:
    """Return the best of the site's languages for the caller."""
    http_request = request._request
    if accepted := http_request.META.get("HTTP_ACCEPT_LANGUAGE"):
        # Auth0.Android sends Java's `en_US`, which is no language tag.
        http_request.META["HTTP_ACCEPT_LANGUAGE"] = accepted.replace("_", "-")
    return translation.get_language_from_request(http_request)
