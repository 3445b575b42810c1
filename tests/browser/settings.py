"""The example site with an address for each page that is hard to get to."""

from example_project.settings import *  # noqa: F403 (it is that site)

ROOT_URLCONF = "tests.browser.urls"

# Dozens of accounts are made, and nobody attacks them.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
