"""django.contrib.auth, whose templates come with the admin."""

from benchmarks.sites.base import *  # noqa: F403

ROOT_URLCONF = "benchmarks.sites.django_auth.urls"
