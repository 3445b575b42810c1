"""Settings of the stress commands; ``DATABASE_URL`` and ``REDIS_URL`` choose servers."""

from datetime import timedelta
from uuid import uuid4

from tests.settings import *  # noqa: F403

# Beside the one that is named, and of this run alone.
if DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":  # noqa: F405
    name = f"test_{DATABASES['default']['NAME']}_stress_{uuid4().hex[:8]}"  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": name}  # noqa: F405

EMAIL_TIMEOUT = 5

# Thousands of refusals and retries are meant to happen.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["null"]},
    "loggers": {"django": {"handlers": ["null"], "propagate": False}},
}

DBCONNECTIONS = {
    # Each request is to have its mail, however soon it follows another.
    "COALESCE_WINDOW": timedelta(0),
    "BASE_URL": "https://login.example.com",
    "WAKE_UP": "none",
    "RATE_LIMIT": "",
    "RATE_LIMIT_PER_IP": "",
    "RATE_LIMIT_PAGES": "",
}
