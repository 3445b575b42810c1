"""The user admin with an action that sends people a link to reset their password."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

from dbconnections.admin import SendPasswordResetMixin

admin.site.unregister(User)


@admin.register(User)
class UserWithResetAdmin(SendPasswordResetMixin, UserAdmin):
    """Django's user admin and the action "send password reset"."""
