"""Maps a line of a user export to a profile, and says what of it is lost."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from unicodedata import is_normalized

from django.utils.translation import gettext_lazy as _

from dbconnections.accounts import Profile
from dbconnections.auth0_import.fields import Fields
from dbconnections.validators import is_address, is_storable

# As `bcrypt` writes it: version, two digits of cost, 22 characters of salt, 31 of hash. The salt's
# last character has two bits; `bcrypt` verifies no hash with others in it.
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")

# Auth0 writes 10 and takes up to 12 or so from others. Each step doubles the time of a log-in,
# and a file with 31 would have the site compute for days.
MIN_COST, MAX_COST = 4, 14

DATABASE_PROVIDER = "auth0"


class Loss(StrEnum):
    """What is not carried over of a user."""

    SOCIAL = "social"
    NO_LOGIN = "no_login"
    UNSTORABLE = "unstorable"
    UNKNOWN_CONNECTION = "unknown_connection"
    DUPLICATE = "duplicate"
    LOGIN_TAKEN = "login_taken"
    INVALID = "invalid"
    VERIFIED_ONLY = "verified_only"
    UNVERIFIED = "unverified"
    BLOCKED = "blocked"
    NO_HASH = "no_hash"
    UNUSABLE_HASH = "unusable_hash"
    METADATA = "metadata"
    SECOND_FACTOR = "second_factor"
    LINKED = "linked"


SENTENCES = {
    Loss.SOCIAL: _("left out: no user of a database, so no password"),
    Loss.NO_LOGIN: _("left out: neither address nor username"),
    Loss.UNSTORABLE: _("left out: a NUL or half a surrogate pair in a value, which cannot be kept"),
    Loss.UNKNOWN_CONNECTION: _("left out: their connection is neither here nor in the export"),
    Loss.DUPLICATE: _("left out: a line before has the same address, or username without one"),
    Loss.LOGIN_TAKEN: _("left out: somebody else has the username"),
    Loss.INVALID: _("left out: the user model refuses a value, or asks for one they lack"),
    Loss.VERIFIED_ONLY: _("left out, as --verified-only asks: address never verified at Auth0"),
    Loss.UNVERIFIED: _(
        "with an address never verified at Auth0: whoever reads its mail can take over the account "
        "by a reset; see --verified-only"
    ),
    Loss.BLOCKED: _("blocked at Auth0: cannot log in here either (is_active is off)"),
    Loss.NO_HASH: _("without a password: none in the export; see RESET_UNUSABLE_PASSWORDS"),
    Loss.UNUSABLE_HASH: _("without a password: theirs is not bcrypt with a cost of 4 to 14"),
    Loss.METADATA: _("without their user_metadata and app_metadata"),
    Loss.SECOND_FACTOR: _("without their second factor"),
    Loss.LINKED: _("without the accounts linked to theirs"),
}

# A user with one of these is not imported at all.
LEFT_OUT = {
    Loss.SOCIAL,
    Loss.NO_LOGIN,
    Loss.UNSTORABLE,
    Loss.UNKNOWN_CONNECTION,
    Loss.DUPLICATE,
    Loss.LOGIN_TAKEN,
    Loss.INVALID,
    Loss.VERIFIED_ONLY,
}


@dataclass(frozen=True)
class ExportedUser:
    """A user as a line of the export has them."""

    profile: Profile
    connection: str
    """Name of the connection; empty where the export does not say."""

    losses: frozenset[Loss]


def user_of(data: Mapping[str, Any], path: str) -> tuple[ExportedUser, list[str]]:
    """Return a user, and the problems with the types of their values.

    Reads the export of users (``user_id``, ``identities``), of password hashes (``_id``,
    ``passwordHash``, ``identifiers``), and what Auth0 itself imports (``password_hash``).
    """
    # The Deploy CLI, which writes placeholders, exports no users.
    fields = Fields(data, path, of_tenant=False)
    losses: set[Loss] = set()
    email, is_verified = fields.text("email"), fields.flag("email_verified")
    username = fields.text("username")
    for identifier in fields.tables("identifiers"):
        kind, value = identifier.text("type"), identifier.text("value")
        if kind == "email" and not email:
            email, is_verified = value, identifier.flag("verified")
        elif kind == "username" and not username:
            username = value
    if not email and not username:
        losses.add(Loss.NO_LOGIN)
    if email and not is_verified:
        losses.add(Loss.UNVERIFIED)
    connection, is_social = _origin_of(fields, losses)
    if is_social:
        losses.add(Loss.SOCIAL)
    if fields.flag("blocked"):
        losses.add(Loss.BLOCKED)
    if fields.raw("user_metadata") or fields.raw("app_metadata"):
        losses.add(Loss.METADATA)
    if fields.raw("multifactor") or fields.raw("mfa_factors"):
        losses.add(Loss.SECOND_FACTOR)
    profile = Profile(
        email=email.strip(),
        email_verified=is_verified,
        username=username.strip(),
        given_name=fields.text("given_name"),
        family_name=fields.text("family_name"),
        name=fields.text("name"),
        nickname=fields.text("nickname"),
        is_blocked=fields.flag("blocked"),
        password=_password_of(fields, losses),
    )
    if not all(is_storable(str(value)) for value in vars(profile).values()):
        losses.add(Loss.UNSTORABLE)
    elif profile.email and not _is_usable(profile.email):
        losses.add(Loss.INVALID)
    return ExportedUser(profile, connection, frozenset(losses)), fields.problems


def _is_usable(email: str) -> bool:
    """Say whether a request can name an address, and whether it looks like no other one.

    A store looks for it in lower case, and so would not find the account of ``admin@example.com``
    for an address with full-width letters, or with "ß" for "ss": it would be a second one.
    """
    is_folded = is_normalized("NFKC", email) and email.casefold() == email.lower()
    return is_folded and is_address(email)


def _origin_of(fields: Fields, losses: set[Loss]) -> tuple[str, bool]:
    """Return the name of the user's connection, and whether it has no passwords."""
    connection = fields.text("connection")
    provider = fields.text("user_id").rpartition("|")[0].partition("|")[0] or DATABASE_PROVIDER
    identities = list(fields.tables("identities"))
    if identities:
        # The first is the account itself, others are linked to it.
        connection = connection or identities[0].text("connection")
        provider = identities[0].text("provider") or provider
    if len(identities) > 1:
        losses.add(Loss.LINKED)
    return connection, provider != DATABASE_PROVIDER


def _password_of(fields: Fields, losses: set[Loss]) -> str:
    """Return the hash as Django's hasher for plain bcrypt writes it; empty if there is none."""
    found = fields.text("passwordHash") or fields.text("password_hash")
    custom = fields.table("custom_password_hash")
    if not found and custom:
        hash_ = custom.table("hash")
        found = hash_.text("value") if custom.text("algorithm") == "bcrypt" else "other"
    if not found:
        losses.add(Loss.NO_HASH)
        return ""
    match = _BCRYPT.fullmatch(found)
    if match is None or not MIN_COST <= int(match[1]) <= MAX_COST:
        losses.add(Loss.UNUSABLE_HASH)
        return ""
    return f"bcrypt${found}"
