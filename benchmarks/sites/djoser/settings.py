"""djoser (djoser.readthedocs.io, "Getting started" and "Sample usage")."""

from benchmarks.sites.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework", "djoser"]
DJOSER = {"PASSWORD_RESET_CONFIRM_URL": "#/password/reset/confirm/{uid}/{token}"}
ROOT_URLCONF = "benchmarks.sites.djoser.urls"
