"""dj-rest-auth with registration, which brings django-allauth in."""

from benchmarks.sites.dj_rest_auth.settings import *  # noqa: F403

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.sites",
    "allauth",
    "allauth.account",
    "dj_rest_auth.registration",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
SITE_ID = 1
