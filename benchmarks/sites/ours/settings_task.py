"""Mails are sent by a worker of django-tasks-db."""

from benchmarks.sites.ours.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks", "django_tasks_db"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
DBCONNECTIONS = {**DBCONNECTIONS, "WAKE_UP": "task"}
