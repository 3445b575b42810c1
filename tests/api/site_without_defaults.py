"""The smallest site that uses the app, in a database of its own."""

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "dbconnections",
]
MIDDLEWARE = []
ROOT_URLCONF = "dbconnections.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
MIGRATION_MODULES = {"auth": None, "contenttypes": None, "dbconnections": None}
