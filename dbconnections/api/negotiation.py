"""Which form an answer takes. Never a 406: an SDK would show nothing."""

from collections.abc import Iterable

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from dbconnections.api.renderers import HTMLRenderer, JSONRenderer

# Of an `Accept` header; browsers send 200 characters, office programs some 700.
MAX_LENGTH = 4_000


class FirstRenderer(BaseContentNegotiation):
    """Answer in the one form there is, whatever is asked for."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        content_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class SentenceNegotiation(FirstRenderer):
    """Pick the form of the sentence that each of Auth0's libraries reads correctly.

    A caller that names a type gets it. One that takes anything is either an SDK, which sends
    `Auth0-Client` and reads Auth0's own `text/html`, or a program, which expects JSON.
    """

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        by_type = {renderer.media_type: renderer for renderer in renderers}
        wanted = preferred(request.META.get("HTTP_ACCEPT", ""), list(by_type))
        if wanted is None:
            is_sdk = "HTTP_AUTH0_CLIENT" in request.META
            wanted = HTMLRenderer.media_type if is_sdk else JSONRenderer.media_type
        return by_type[wanted], wanted


def preferred(accept: str, offered: list[str]) -> str | None:
    """Return the offered type an ``Accept`` header names with the highest quality.

    None if it names none of them: wildcards, other types, an empty, broken or endless header.
    Ties go to the type named first.
    """
    if len(accept) > MAX_LENGTH:
        return None
    best, best_quality = None, 0.0
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        quality = _quality(parameters)
        if media_type in offered and quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _equals, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
