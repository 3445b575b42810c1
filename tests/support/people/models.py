"""User models unlike Django's."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import User
from django.db import models


class Person(AbstractBaseUser):
    """One without username, and with no address in a column called email."""

    number = models.UUIDField(primary_key=True)
    mailbox = models.CharField(max_length=320, unique=True, null=True)  # noqa: DJ001 (some have none)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "mailbox"
    EMAIL_FIELD = "mailbox"

    class Meta:
        app_label = "people"


class Member(AbstractBaseUser):
    """One whose key may be beyond what 32 bits hold."""

    id = models.BigAutoField(primary_key=True)
    email = models.EmailField()

    objects = BaseUserManager()

    USERNAME_FIELD = "email"

    class Meta:
        app_label = "people"


class Customer(User):
    """One that is a proxy."""

    class Meta:
        app_label = "people"
        proxy = True
