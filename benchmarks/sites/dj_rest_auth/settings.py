"""dj-rest-auth (dj-rest-auth.readthedocs.io, "Installation")."""

from benchmarks.sites.base import *  # noqa: F403

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework",
    "rest_framework.authtoken",
    "dj_rest_auth",
]
ROOT_URLCONF = "benchmarks.sites.dj_rest_auth.urls"
