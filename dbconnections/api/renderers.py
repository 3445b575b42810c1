"""The three forms of an answer, whatever the host site configures for its own API."""

from collections.abc import Mapping
from typing import Any

from rest_framework import renderers


class JSONRenderer(renderers.JSONRenderer):
    """`application/json`; the sentence becomes a JSON string, an error an object."""

    compact = True
    ensure_ascii = False
    strict = True


class HTMLRenderer(renderers.BaseRenderer):
    """`text/html`: the bare sentence, as Auth0 sends it. A constant, so nothing to escape."""

    media_type = "text/html"
    format = "html"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        return str(data)


class TextRenderer(HTMLRenderer):
    """`text/plain`: the bare sentence."""

    media_type = "text/plain"
    format = "txt"
