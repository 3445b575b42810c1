"""dbconnections as the README installs it, every guard on."""

from benchmarks.sites.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework", "dbconnections"]  # noqa: F405
ROOT_URLCONF = "benchmarks.sites.ours.urls"
DBCONNECTIONS = {"BASE_URL": "https://login.example.com"}
