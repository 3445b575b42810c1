"""A factory for each model, and for what a person would send."""

from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth import get_user_model
from django.utils import timezone

from dbconnections.accounts import canonical, get_store
from dbconnections.models import AllowedOrigin, Client, Connection, ResetTicket

PASSWORD = "old-tractor-violin-41"


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.django.Password(PASSWORD)


class ClientFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Client

    client_id = factory.Sequence(lambda n: f"client-{n}")
    name = "Acme Notes"


class AllowedOriginFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AllowedOrigin

    client = factory.SubFactory(ClientFactory)
    origin = "https://app.example.com"


class ConnectionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Connection
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Users-{n}")
    password_policy = "none"  # what the site's validators say is enough for most tests

    @factory.post_generation
    def clients(self: Connection, create: bool, clients: Any, **kwargs: Any) -> None:
        if clients:
            self.clients.set(clients)


class ResetTicketFactory(factory.django.DjangoModelFactory):
    """A ticket as `issue` stores it: due, its account not looked for yet."""

    class Meta:
        model = ResetTicket

    client = factory.SubFactory(ClientFactory)
    connection = factory.LazyAttribute(lambda ticket: ConnectionFactory(clients=[ticket.client]))
    email = factory.Sequence(lambda n: f"asked{n}@example.com")
    language = "en"
    requested_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyAttribute(lambda ticket: ticket.requested_at + timedelta(hours=1))
    # Surely past, also by SQLite's clock, which knows no microseconds.
    due_at = factory.LazyAttribute(lambda ticket: ticket.requested_at - timedelta(seconds=1))


class MailedTicketFactory(ResetTicketFactory):
    """A ticket bound to a user and mailed, as delivery leaves it."""

    class Meta:
        exclude = ("user",)

    user = factory.SubFactory(UserFactory)
    email = factory.LazyAttribute(lambda ticket: ticket.user.email)
    account = factory.LazyAttribute(lambda ticket: str(ticket.user.pk))
    sent_to = factory.LazyAttribute(lambda ticket: ticket.user.email)
    mailbox = factory.LazyAttribute(lambda ticket: canonical(ticket.sent_to))
    fingerprint = factory.LazyAttribute(lambda ticket: fingerprint_of(ticket.user))
    sent_at = factory.LazyAttribute(lambda ticket: ticket.requested_at)
    due_at = None


def fingerprint_of(user: Any) -> str:
    """Return what the default store remembers of a user."""
    store = get_store("default")
    account = store.get(str(user.pk))
    assert account is not None
    return store.fingerprint(account)
