"""django-rest-passwordreset, with the receiver its README has every site write."""

from benchmarks.sites.base import *  # noqa: F403

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework",
    "django_rest_passwordreset",
    "benchmarks.sites.passwordreset",
]
ROOT_URLCONF = "benchmarks.sites.passwordreset.urls"
