"""Settings of a site on the database of the running test, to which a wake-up adds its own."""

import os

import django

from tests.settings import *  # noqa: F403

INSTALLED_APPS += ["tests.wakeups"]  # noqa: F405
MIDDLEWARE = ["tests.wakeups.middleware.roll_back", *MIDDLEWARE]  # noqa: F405

_smtp = "django.core.mail.backends.smtp.EmailBackend"
_options = {"host": "127.0.0.1", "port": int(os.environ["MAIL_PORT"]), "timeout": 30}
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": _smtp, "OPTIONS": _options}}
else:
    EMAIL_BACKEND = _smtp
    EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = _options.values()

DBCONNECTIONS = {
    "BASE_URL": "https://login.example.com",
    "RATE_LIMIT": "",
    "RATE_LIMIT_PER_IP": "",
}
