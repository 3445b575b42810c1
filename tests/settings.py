"""Settings of the test suite; ``DATABASE_URL`` and ``REDIS_URL`` choose other servers.

A process started by a test finds the database of that test by being given
``DATABASE_URL``, with the name in ``connection.settings_dict["NAME"]``.
"""

import os
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

import django
import environ

env = environ.Env()

SECRET_KEY = "tests-only-0123456789abcdefghijklmnopqrstuvwxyz-0123456789"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1", "login.example.com"]
DEFAULT_FROM_EMAIL = "noreply@example.com"
ROOT_URLCONF = "tests.urls"
USE_TZ = True
STATIC_URL = "/static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "dbconnections",
    "example_project",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# A file rather than Django's in-memory database: races are run by several processes.
# Those that pytest-xdist starts inherit its name.
os.environ.setdefault("TEST_DATABASE", f"{gettempdir()}/dbconnections-{uuid4().hex}.sqlite3")

DATABASES = {"default": env.db(default=f"sqlite:///{os.environ['TEST_DATABASE']}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    database = Path(DATABASES["default"]["NAME"])
    DATABASES["default"]["TEST"] = {"NAME": str(database.with_name(f"test_{database.name}"))}
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }

REDIS_URL = env("REDIS_URL", default="")

if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast, for tests only
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}

DBCONNECTIONS = {
    "BASE_URL": "https://login.example.com",
    "WAKE_UP": "none",
    "RATE_LIMIT": "",
}
