"""A hasher that takes no time, to see what all else takes, and the floor to compare it with."""

from benchmarks.sites.ours.settings_none import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.sites.floor"]
ROOT_URLCONF = "benchmarks.sites.ours.urls_with_floor"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
