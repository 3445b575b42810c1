"""The same with a code to type in place of a link."""

from benchmarks.sites.allauth.settings import *  # noqa: F403

ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
