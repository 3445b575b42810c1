"""What else a site may use: models, signals, commands' functions, validators, the admin's mixin."""

from collections import Counter
from datetime import datetime

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.dispatch import receiver

from dbconnections import __version__
from dbconnections.admin import SendPasswordResetMixin
from dbconnections.api.authentication import BearerAuthentication
from dbconnections.api.permissions import MayIssueTickets
from dbconnections.auth0_import.hashers import Auth0BCryptPasswordHasher
from dbconnections.conf import settings
from dbconnections.delivery import deliver_due
from dbconnections.models import AllowedOrigin, Client, Connection, ResetTicket, TicketState
from dbconnections.passwords.validators import HistoryValidator, PolicyValidator
from dbconnections.retention import purge
from dbconnections.secret import HideLinks, Secret
from dbconnections.signals import password_changed, reset_refused

version: str = __version__
base_url: str = settings.BASE_URL
batch: int = settings.DELIVERY_BATCH


@receiver([password_changed, reset_refused])
def count(ticket: ResetTicket | None, **kwargs: object) -> None:
    if ticket is not None:
        client: Client = ticket.client
        connection: Connection = ticket.connection
        requested_at: datetime = ticket.requested_at
        steps: list[tuple[str, datetime]] = ticket.timeline()
        print(client.client_id, connection.name, requested_at, steps, TicketState.USED.label)


class ResettingUserAdmin(SendPasswordResetMixin, UserAdmin[User]):
    reset_client_id = "demo"
    reset_connection_name = "Username-Password-Authentication"


def maintain() -> tuple[Counter[str], int]:
    admin.site.unregister(User)
    admin.site.register(User, ResettingUserAdmin)
    client = Client.objects.create(name="Acme")
    AllowedOrigin.objects.create(client=client, origin="https://app.example.com")
    PolicyValidator("good", min_length=12).validate(Secret("fresh-Kettle-88").reveal())
    return deliver_due(), purge()


validators: list[HistoryValidator | PolicyValidator] = [HistoryValidator(), PolicyValidator()]
log_filter = HideLinks()
back_ends: tuple[type[BearerAuthentication], type[MayIssueTickets]]
back_ends = (BearerAuthentication, MayIssueTickets)
hasher_of_auth0 = Auth0BCryptPasswordHasher()
