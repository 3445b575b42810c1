"""What the app's endpoints have in common."""

from collections.abc import Sequence
from typing import Any

from django.http import Http404
from rest_framework.exceptions import UnsupportedMediaType, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from dbconnections import signals
from dbconnections.api import errors
from dbconnections.api.negotiation import FirstRenderer
from dbconnections.api.parsers import StrictJSONParser, measure
from dbconnections.api.renderers import JSONRenderer
from dbconnections.models import ResetTicket
from dbconnections.throttling import client_ip


class Endpoint(APIView):
    """An endpoint of Auth0's: strict in what it reads, and every error is its one body.

    All of the host site's REST_FRAMEWORK defaults are replaced: this is not its own API.
    """

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes: Sequence[type[BaseParser]] = (StrictJSONParser,)
    renderer_classes: Sequence[type[BaseRenderer]] = (JSONRenderer,)
    content_negotiation_class = FirstRenderer
    metadata_class = None
    versioning_class = None

    ip: str | None = None

    def get_exception_handler(self) -> Any:
        return errors.handle

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.ip = client_ip(request)
        super().initial(request, *args, **kwargs)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer with the methods there are, and nothing else."""
        return Response(status=204)

    def read(self, request: Request, serializer: Serializer[Any]) -> dict[str, Any]:
        """Return the validated fields of the body; raise ``ApiError`` or DRF's 415.

        The serializer keeps nothing of it, so that one may serve every request.
        """
        measure(request._request)
        content_type = request.content_type
        parsers = self.get_parsers()
        if content_type and not self.get_content_negotiator().select_parser(request, parsers):
            # Refused here too: DRF takes a form that a middleware has read, in whatever type.
            raise UnsupportedMediaType(content_type)
        try:
            validated: dict[str, Any] = serializer.run_validation(request.data)
        except ValidationError as error:
            raise errors.InvalidRequest(errors.first_message(error.detail)) from None
        return validated

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        details = {"status": response.status_code, "ip": self.ip, **self.refusal_details()}
        signals.reset_refused.send_robust(
            ResetTicket,
            stage="request",
            reason=response.data["code"],
            ticket=None,
            details=details,
        )
        return response

    def refusal_details(self) -> dict[str, Any]:
        """Return what else is known of a refused request; no secret."""
        return {}

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if response.exception:
            # Whatever form of an answer was asked for, an error is JSON.
            request.accepted_renderer = JSONRenderer()
            request.accepted_media_type = JSONRenderer.media_type
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["X-Content-Type-Options"] = "nosniff"
        return response


class NothingHere(Endpoint):
    """Below an endpoint: an error that its callers can read, such as Auth0's captcha challenge."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404
