"""Try an installed release in a site of its own, with nothing but its declared dependencies."""

import importlib.util
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.urls import include, path

settings.configure(
    SECRET_KEY="release-check-0123456789abcdefghijklmnopqrstuvwxyz-0123456789",
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.staticfiles",
        "rest_framework",
        "dbconnections",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    STATIC_URL="/static/",
    STATIC_ROOT="collected",
    USE_TZ=True,
    DBCONNECTIONS={"BASE_URL": "https://login.example.com"},
)
django.setup()
urlpatterns = [path("", include("dbconnections.urls"))]

spec = importlib.util.find_spec("dbconnections")
assert "site-packages" in Path(spec.origin).parts, f"{spec.origin} is not the installed release"
call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)
call_command("makemigrations", "--check", "--dry-run", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
assert Path("collected/dbconnections").is_dir(), "the release has no static files"
