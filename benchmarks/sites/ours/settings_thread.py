"""Mails are sent by a thread of the process, which is the default."""

from benchmarks.sites.ours.settings import *  # noqa: F403

DBCONNECTIONS = {**DBCONNECTIONS, "WAKE_UP": "thread"}
