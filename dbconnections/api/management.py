"""`POST /api/v2/tickets/password-change`: a link for a back end to deliver itself.

The link opens an account, so the caller is trusted with it: by default staff with the permission
to add reset tickets, and a superuser where the account is staff itself.
"""

from typing import Any

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from dbconnections import links, tickets
from dbconnections.accounts import Account, UserStore, get_store
from dbconnections.api import auth0_client, errors
from dbconnections.api.base import Endpoint
from dbconnections.api.serializers import TicketSerializer
from dbconnections.conf import settings
from dbconnections.models import Client, Connection, enabled_pairs
from dbconnections.validators import may_lead_to, printable

# Enough to tell whether there are several.
MAX_PAIRS = 10

# How Auth0 writes the id of a user of a database connection.
USER_ID_PREFIX = "auth0|"


class PasswordChangeTicketView(Endpoint):
    """Make a ticket for an account that is known, and answer with its link; mail nothing."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [import_string(path)() for path in settings.MANAGEMENT_AUTHENTICATION_CLASSES]

    def get_permissions(self) -> list[BasePermission]:
        return [import_string(path)() for path in settings.MANAGEMENT_PERMISSION_CLASSES]

    def refusal_details(self) -> dict[str, Any]:
        # Without authenticating once more, which may be what failed.
        return {"caller_id": key_of(getattr(self.request, "_user", None))}

    def post(self, request: Request) -> Response:
        fields = self.read(request, TicketSerializer())
        client, connection = find_client_and_connection(fields)
        if fields["result_url"] and not may_lead_to(fields["result_url"], client.result_url):
            raise errors.ResultURLNotAllowed
        caller = auth0_client.decode(request.META.get("HTTP_AUTH0_CLIENT", ""))
        store = get_store(connection.user_store)
        if fields["mark_email_as_verified"] and not store.records_verification():
            raise errors.VerificationNotRecorded
        account = find_account(store, fields)
        try:
            ticket = tickets.hand_over(
                tickets.ResetRequest(
                    client=client,
                    connection=connection,
                    account=account.id,
                    email=fields["email"],
                    organization=fields["organization_id"],
                    ip=self.ip,
                    user_agent=printable(request.META.get("HTTP_USER_AGENT", ""), 255),
                    caller=str(caller or ""),
                    requested_by=printable(str(request.user), 254),
                    caller_id=key_of(request.user),
                    base_url=links.base_url(request),
                    lifetime=fields["ttl_sec"],
                    result_url=fields["result_url"],
                    include_email_in_redirect=fields["includeEmailInRedirect"],
                    mark_email_as_verified=fields["mark_email_as_verified"],
                    may_open_staff=getattr(request.user, "is_superuser", False) is True,
                )
            )
        except tickets.NotPermitted:
            raise errors.AccountIsStaff from None
        except tickets.Unmailable:
            raise errors.AccountNotResettable from None
        # Auth0's own end in `#`, after which callers append what is for the page alone.
        url = links.mailed_url(ticket.pk, fallback=ticket.base_url)
        return Response({"ticket": f"{url}#"}, status=201)


def find_client_and_connection(fields: dict[str, Any]) -> tuple[Client, Connection]:
    """Return what the caller names, or else the only one there is."""
    client_id, connection_id = fields["client_id"], fields["connection_id"]
    # Compared once more in Python: some databases ignore letter case, an identifier does not.
    if client_id:
        found = enabled_pairs().filter(client__client_id=client_id)
        pairs = [pair for pair in found if pair.client.client_id == client_id]
        if not pairs:
            raise errors.InvalidClient
    elif connection_id:
        pairs = list(enabled_pairs().filter(connection__connection_id=connection_id)[:MAX_PAIRS])
    else:
        pairs = list(enabled_pairs()[:MAX_PAIRS])
    if connection_id:
        pairs = [pair for pair in pairs if pair.connection.connection_id == connection_id]
    if not pairs:
        raise errors.ConnectionNotFound
    if len({pair.connection for pair in pairs}) > 1:
        raise errors.InvalidRequest(
            _("connection_id is required, as there are several connections it could be.")
        )
    if len(pairs) > 1:
        raise errors.InvalidRequest(
            _("client_id is required, as the connection is enabled for several clients.")
        )
    return pairs[0].client, pairs[0].connection


def key_of(user: Any) -> str:
    """Return the key of whoever calls, empty for one without."""
    key = getattr(user, "pk", None)
    return "" if key is None else str(key)


def find_account(store: UserStore, fields: dict[str, Any]) -> Account:
    """Return the account that is meant, if it may be reset."""
    if user_id := fields["user_id"]:
        # As it is first: whoever came from Auth0 may have kept its ids as they were.
        account = store.get(user_id) or store.get(user_id.removeprefix(USER_ID_PREFIX))
        found = [account] if account else []
    else:
        found = store.find(email=fields["email"])
    if not found:
        raise errors.AccountNotFound
    resettable = [account for account in found if store.is_resettable(account)]
    if not resettable:
        raise errors.AccountNotResettable
    if len(resettable) > 1:
        raise errors.InvalidRequest(
            _("Several accounts have this email; name the one that is meant by user_id.")
        )
    return resettable[0]
