"""Settings of the example site. Whatever differs between machines is an environment variable."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import django
import environ
from django.core.exceptions import ImproperlyConfigured

PROJECT_DIR = Path(__file__).resolve().parent
VAR_DIR = PROJECT_DIR.parent / "var"

env = environ.Env()
# An empty variable counts as not set.
env.ENVIRON = {name: value for name, value in os.environ.items() if value}

# The site itself

DEBUG = env.bool("DEBUG", True)

# Not read through `env`, which takes a leading `$` for the name of another variable.
SECRET_KEY = env.ENVIRON.get("SECRET_KEY", "insecure-and-only-for-a-demo" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY to a long random string, as DEBUG is off.")

BASE_URL = env.str("BASE_URL", "http://127.0.0.1:8000").rstrip("/")
BASE_URL_PARTS = urlsplit(BASE_URL)

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", BASE_URL_PARTS.hostname]
)

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"

INSTALLED_APPS = [
    "example_project",
    "rest_framework",
    "dbconnections",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
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

STATIC_URL = "static/"
# Served straight from the apps, so that nobody has to run `collectstatic` for a demo.
WHITENOISE_USE_FINDERS = True

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"

# HTTPS

TRUST_PROXY = env.bool("TRUST_PROXY", False)

if BASE_URL_PARTS.scheme == "https":
    CSRF_TRUSTED_ORIGINS = [f"https://{BASE_URL_PARTS.netloc}"]
    CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 3600
    if TRUST_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        SECURE_SSL_REDIRECT = True
    # Browsers remember it, for every host below this one: only whoever has the domain can say so.
    if env.bool("HSTS_PRELOAD", False):
        SECURE_HSTS_SECONDS = 365 * 24 * 3600
        SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True

# Accounts

AUTHENTICATION_BACKENDS = ["example_project.backends.EmailOrUsernameBackend"]
LOGIN_URL = LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Database and cache

DATABASE_OPTIONS: dict[str, dict[str, Any]] = {
    "django.db.backends.sqlite3": {
        # A transaction takes the write lock at its start and waits for it there. One that asks
        # for it halfway fails at once with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    },
    "django.db.backends.mysql": {"charset": "utf8mb4"},
}

DATABASES = {"default": env.db(default=f"sqlite:///{quote(str(VAR_DIR / 'db.sqlite3'))}")}
for database in DATABASES.values():
    database["OPTIONS"] = DATABASE_OPTIONS.get(database["ENGINE"], {}) | database.get("OPTIONS", {})
    if database["ENGINE"] == "django.db.backends.sqlite3" and database["NAME"] != ":memory:":
        Path(database["NAME"]).parent.mkdir(parents=True, exist_ok=True)

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
        }
    }

# E-mail: files that /outbox/ shows, unless a server or another backend is given

FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"

mail_backend = env.str("EMAIL_BACKEND", SMTP_BACKEND if "EMAIL_URL" in env else FILE_BACKEND)
mail_options: dict[str, Any] = {}

# Where the outbox finds its mails; None when there is no outbox. It shows everybody's links, so
# it is for a demo only.
MAIL_DIR: Path | None = None

if mail_backend == FILE_BACKEND:
    mail_options = {"file_path": env.str("MAIL_DIR", str(VAR_DIR / "mail"))}
    MAIL_DIR = Path(mail_options["file_path"]) if DEBUG else None
elif mail_backend == SMTP_BACKEND:
    server = env.email_url()
    use_tls, use_ssl = server.get("EMAIL_USE_TLS", False), server.get("EMAIL_USE_SSL", False)
    mail_options = {
        "host": server["EMAIL_HOST"],
        "port": server["EMAIL_PORT"] or (587 if use_tls else 465 if use_ssl else 25),
        "username": server["EMAIL_HOST_USER"] or "",
        "password": server["EMAIL_HOST_PASSWORD"] or "",
        "use_tls": use_tls,
        "use_ssl": use_ssl,
        "timeout": 10,
    }

if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": mail_backend, "OPTIONS": mail_options}}
else:
    EMAIL_BACKEND = mail_backend
    older_names = {"username": "host_user", "password": "host_password"}
    for name, value in mail_options.items():
        globals()[f"EMAIL_{older_names.get(name, name).upper()}"] = value

ANYMAIL = {
    name.removeprefix("ANYMAIL_"): value
    for name, value in env.ENVIRON.items()
    if name.startswith("ANYMAIL_")
}

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Acme Notes <noreply@example.com>")

# The app this site is about

DBCONNECTIONS: dict[str, Any] = {
    "BASE_URL": BASE_URL,
    "RATE_LIMIT": env.str("DBCONNECTIONS_RATE_LIMIT", "10/10 minutes"),
    "RATE_LIMIT_STORAGE": REDIS_URL or "memory://",
    "TRUSTED_PROXIES": int(TRUST_PROXY),
    "WAKE_UP": env.str("DBCONNECTIONS_WAKE_UP", "thread"),
}
if DBCONNECTIONS["RATE_LIMIT"] == "0":
    DBCONNECTIONS |= {
        "RATE_LIMIT": "",
        "RATE_LIMIT_PER_IP": "",
        "RATE_LIMIT_PAGES": "",
        "MAIL_CAPS": [],
        "COALESCE_WINDOW": timedelta(),
    }

# Logging: the same with and without DEBUG

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    # Requests are logged with their address, and a mailed link is one.
    "filters": {"hide_links": {"()": "dbconnections.secret.HideLinks"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["hide_links"],
        }
    },
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO"},
        "dbconnections": {"handlers": ["console"], "level": "INFO"},
    },
}
