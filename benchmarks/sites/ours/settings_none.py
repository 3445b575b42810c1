"""Mails are sent by `manage.py deliver_reset_emails` in another process."""

from benchmarks.sites.ours.settings import *  # noqa: F403

DBCONNECTIONS = {**DBCONNECTIONS, "WAKE_UP": "none"}
