"""With the hasher that verifies what was imported from Auth0."""

from benchmarks.sites.ours.settings_none import *  # noqa: F403  # those, but for the hashers

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "dbconnections.auth0_import.hashers.Auth0BCryptPasswordHasher",
]
