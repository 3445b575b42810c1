"""The app's configuration."""

from importlib.util import find_spec

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class DbConnectionsConfig(AppConfig):
    name = "dbconnections"
    verbose_name = _("Password resets")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Imported for the receivers and checks they register.
        from django.conf import settings
        from django.db.models.signals import post_delete

        from dbconnections import audit, checks, wake_ups  # noqa: F401
        from dbconnections.passwords.validators import forget_user

        # Of the user model alone: a receiver for all would slow every model's deletion.
        post_delete.connect(forget_user, sender=settings.AUTH_USER_MODEL)

        # Its backends and webhooks work without being listed in INSTALLED_APPS.
        if find_spec("anymail"):
            from dbconnections import tracking  # noqa: F401

        if apps.is_installed("drf_spectacular"):
            from dbconnections.api import schema  # noqa: F401
