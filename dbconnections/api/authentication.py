"""How a back end says who it is."""

from typing import Any

from django.apps import apps
from django.utils.translation import gettext as _
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

__all__ = ["BearerAuthentication"]


class BearerAuthentication(TokenAuthentication):
    """The tokens of `rest_framework.authtoken`, sent as Auth0's libraries send theirs.

    A site without that app has no tokens, so nobody is let in until it configures another class.
    """

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        if not apps.is_installed("rest_framework.authtoken"):
            if request.headers.get("Authorization", "").startswith(self.keyword):
                raise AuthenticationFailed(
                    _("This site has no tokens: rest_framework.authtoken is not installed.")
                )
            return None
        return super().authenticate(request)

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        if not key.isprintable():
            # PostgreSQL refuses to look for a NUL.
            raise AuthenticationFailed(_("Invalid token."))
        credentials: tuple[Any, Any] = super().authenticate_credentials(key)
        return credentials
