import json
import secrets
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import transaction

from dbconnections.models import Client, Connection
from example_project.outbox.mails import outbox_directory

CONNECTION = "Username-Password-Authentication"

# Known to everyone who reads this file, so only given to accounts while DEBUG is on.
PASSWORDS = {"jane": "tangerine-lamp-42", "admin": "copper-harbour-77"}

INSTRUCTIONS = """
Addresses
  Front end   {base_url}/
  Outbox      {outbox}
  Admin       {base_url}/admin/

Log-ins
  {logins}

Ask for a new password (Lock 9 and later)
  {curl}
  '{request}'

Ask for a new password and send it along (Lock 8 and older)
  {curl}
  '{lock8_request}'

Three mails in 15 minutes reach an address; DBCONNECTIONS_RATE_LIMIT=0 lifts every limit.
To start afresh, delete var/.
"""


class Command(BaseCommand):
    help = (
        "Add what the demo needs: a connection, two clients, a user and an administrator. "
        "What is there already is kept as it is, so this may run before every start."
    )

    @transaction.atomic
    def handle(self, **options: Any) -> str:
        """Add what is missing and tell how to use it."""
        base_url = settings.DBCONNECTIONS["BASE_URL"]
        connection, _ = Connection.objects.get_or_create(name=CONNECTION)
        add_client(connection, base_url, "demo", name="Acme Notes")
        add_client(
            connection, base_url, "demo-lock8", name="Acme Notes (Lock 8)", accepts_password=True
        )
        logins = (
            add_user("jane", email="jane@example.com", first_name="Jane"),
            add_user("admin", email="admin@example.com", is_staff=True, is_superuser=True),
        )
        return INSTRUCTIONS.format(
            base_url=base_url,
            outbox=f"{base_url}/outbox/" if outbox_directory() else "none while DEBUG is off",
            logins="\n  ".join(logins),
            curl=(
                f"curl -i {base_url}/dbconnections/change_password"
                " -H 'Content-Type: application/json' -d \\"
            ),
            request=request_body({"client_id": "demo"}),
            lock8_request=request_body(
                {"client_id": "demo-lock8", "password": "correct-horse-battery-7"}
            ),
        )


def add_client(connection: Connection, base_url: str, client_id: str, **fields: Any) -> None:
    """Add a client of this connection whose front end is the home page."""
    fields["result_url"] = f"{base_url}/"
    client, _ = Client.objects.get_or_create(client_id=client_id, defaults=fields)
    client.connections.add(connection)
    port = urlsplit(base_url).port
    for origin in {base_url, f"http://localhost:{port}" if port else base_url}:
        client.allowed_origins.get_or_create(origin=origin)


def add_user(username: str, **fields: Any) -> str:
    """Add a user and return a line on how to log in."""
    if User.objects.filter(username=username).exists():
        return f"{username:<10}  was there before, password kept"
    password = PASSWORDS[username] if settings.DEBUG else secrets.token_urlsafe(12)
    User.objects.create_user(username, password=password, **fields)
    return f"{username:<10}  {password}"


def request_body(fields: dict[str, str]) -> str:
    """Return the JSON that asks for a reset for Jane."""
    return json.dumps({**fields, "email": "jane@example.com", "connection": CONNECTION})
