"""People without a username, who log in with their address."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class PersonManager(BaseUserManager):
    def create_user(self, contact, password=None, **fields):
        person = self.model(contact=self.normalize_email(contact), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, contact, password=None):
        return self.create_user(contact, password, is_staff=True, is_superuser=True)


class Person(AbstractBaseUser, PermissionsMixin):
    contact = models.EmailField(unique=True)
    full_name = models.CharField(max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = PersonManager()

    USERNAME_FIELD = EMAIL_FIELD = "contact"
