"""dbconnections as the README installs it, every guard on."""

from benchmarks.sites.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework", "dbconnections"]
ROOT_URLCONF = "benchmarks.sites.ours.urls"
DBCONNECTIONS = {"BASE_URL": "https://login.example.com", "TRUSTED_PROXIES": int(BEHIND_PROXY)}
