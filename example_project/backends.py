"""How people log in to the example site."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest


class EmailOrUsernameBackend(ModelBackend):
    """Take an e-mail address for the username of the account it belongs to."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the account of these credentials, or None."""
        owner = User.objects.filter(email__iexact=username).first() if username else None
        if owner is not None:
            username = owner.get_username()
        return super().authenticate(request, username, password, **kwargs)
