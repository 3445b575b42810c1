"""Verifies the password hashes that come from Auth0."""

from django.contrib.auth.hashers import BCryptPasswordHasher

from dbconnections.passwords.rules import BCRYPT_BYTES

__all__ = ["Auth0BCryptPasswordHasher"]


class Auth0BCryptPasswordHasher(BCryptPasswordHasher):
    """Verify plain bcrypt as Auth0 wrote it; never first in ``PASSWORD_HASHERS``.

    Auth0 hashed the first 72 bytes of a longer password. The package ``bcrypt`` refuses one since
    version 5, and with Django's own hasher a log-in with it would be a server error.
    """

    def encode(self, password: str, salt: bytes) -> str:  # type: ignore[override]  # as its base calls it
        bcrypt = self._load_library()  # type: ignore[attr-defined]  # not in the stubs
        data = bcrypt.hashpw(password.encode()[:BCRYPT_BYTES], salt)
        return f"{self.algorithm}${data.decode('ascii')}"

    def verify(self, password: str, encoded: str) -> bool:
        # `bcrypt` raises it for a hash that it cannot read, such as an earlier import or another
        # program may have left: nobody's password, but no server error at each log-in either, nor
        # on the reset page, whose history asks for the present password.
        try:
            return super().verify(password, encoded)
        except ValueError:
            return False
