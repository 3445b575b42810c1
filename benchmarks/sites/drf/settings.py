"""A site with Django REST framework and nothing else, to compare the start of others with."""

from benchmarks.sites.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework"]
ROOT_URLCONF = "benchmarks.sites.ours.urls"
