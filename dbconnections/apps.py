"""The app's configuration."""

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class DbConnectionsConfig(AppConfig):
    name = "dbconnections"
    verbose_name = _("Password resets")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Imported for the receivers and checks they register.
        from dbconnections import audit, checks, delivery  # noqa: F401

        if apps.is_installed("drf_spectacular"):
            from dbconnections.api import schema  # noqa: F401
