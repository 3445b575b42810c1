"""django-rest-registration (django-rest-registration.readthedocs.io, "Quickstart")."""

from benchmarks.sites.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework", "rest_registration"]
REST_REGISTRATION = {
    "REGISTER_VERIFICATION_ENABLED": False,
    "REGISTER_EMAIL_VERIFICATION_ENABLED": False,
    "RESET_PASSWORD_VERIFICATION_URL": "https://app.example.com/reset-password/",
    "SEND_RESET_PASSWORD_LINK_SERIALIZER_USE_EMAIL": True,
    "USER_LOGIN_FIELDS": ["email"],
    "VERIFICATION_FROM_EMAIL": "noreply@example.com",
}
ROOT_URLCONF = "benchmarks.sites.registration.urls"
