"""Settings of a site that is only looked at by type checkers."""

from datetime import timedelta

SECRET_KEY = "consumer-only"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "dbconnections",
]
DBCONNECTIONS = {
    "BASE_URL": "https://login.example.com",
    "USER_STORES": {"default": {"BACKEND": "shop.directory.DirectoryStore"}},
    "MAIL_CAPS": [(3, timedelta(minutes=15))],
}
