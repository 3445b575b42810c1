"""A user model unlike Django's: no username, no address in a column called email."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Person(AbstractBaseUser):
    number = models.UUIDField(primary_key=True)
    mailbox = models.CharField(max_length=320, unique=True, null=True)  # noqa: DJ001 (some have none)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "mailbox"
    EMAIL_FIELD = "mailbox"

    class Meta:
        app_label = "people"
