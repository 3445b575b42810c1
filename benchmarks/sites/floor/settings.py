"""The least that a request which is kept can cost with Django REST framework."""

from benchmarks.sites.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework", "benchmarks.sites.floor"]
ROOT_URLCONF = "benchmarks.sites.floor.urls"
