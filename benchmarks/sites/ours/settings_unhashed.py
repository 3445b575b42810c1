"""A hasher that takes no time, to see what all else takes."""

from benchmarks.sites.ours.settings_none import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
