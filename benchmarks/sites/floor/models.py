"""An application, found by an index, and the requests kept for it."""

from django.db import models


class Application(models.Model):
    client_id = models.CharField(max_length=64, unique=True)

    def __str__(self) -> str:
        return self.client_id


class Entry(models.Model):
    application = models.ForeignKey(Application, models.CASCADE)
    email = models.EmailField()
    connection = models.CharField(max_length=128)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.email
