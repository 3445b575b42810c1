"""The example site with an address for each page that is hard to get to."""

from example_project.settings import *  # noqa: F403 (it is that site)
from tests.browser.states import BRAND

ROOT_URLCONF = "tests.browser.urls"

# Dozens of accounts are made, and nobody attacks them.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

DBCONNECTIONS = {
    **DBCONNECTIONS,  # noqa: F405 (of that site)
    # As far as these tests reach: a server on this machine by its other name.
    "LOGO_HOSTS": ["localhost"],
    # For the pages that know no client.
    "BRANDING": {"name": "Acme", **BRAND},
}
