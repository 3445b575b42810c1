"""Clients, connections and reset tickets: what the administrator sets and what was asked."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, router
from django.db.models import (
    Case,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Length
from django.db.models.lookups import Exact, GreaterThan
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.passwords.policy import (
    MAX_HISTORY,
    MAX_MIN_LENGTH,
    policy_of,
    validate_options,
    validate_words,
)
from dbconnections.prepared import PreparedQuery
from dbconnections.validators import (
    may_lead_to,
    validate_color,
    validate_connection_name,
    validate_identifier,
    validate_logo,
    validate_origin,
    validate_result_url,
)

__all__ = ["AllowedOrigin", "Client", "Connection", "PasswordHistory", "ResetTicket", "TicketState"]

DATABASE_STRATEGY = "auth0"

# What Auth0 gives a link unless told otherwise, 432000 seconds.
MAX_TICKET_LIFETIME = timedelta(days=5)


def generate_client_id() -> str:
    """Return 32 random letters and digits, the form Auth0 gives its client ids."""
    return get_random_string(32)


def generate_connection_id() -> str:
    """Return `con_` and 16 random letters and digits, the form of Auth0's connection ids."""
    return f"con_{get_random_string(16)}"


class Branded(models.Model):
    """What pages and mails show of whom they are from; each field may be left to others.

    An empty field of a client is filled by its connection, then by the setting ``BRANDING``.
    """

    logo = models.CharField(
        _("logo"),
        max_length=500,
        blank=True,
        validators=[validate_logo],
        help_text=_(
            "A static file of this site, such as acme/logo.png, or an address on an allowed host. "
            "Mail programs show PNG and JPEG; many show no SVG."
        ),
    )
    primary_color = models.CharField(
        _("primary colour"),
        max_length=7,
        blank=True,
        validators=[validate_color],
        help_text=_(
            "Of buttons and links, such as #3d63dd. It is made darker or lighter as far as it "
            "must be to be readable."
        ),
    )
    support_email = models.EmailField(
        _("support e-mail address"),
        blank=True,
        help_text=_("Where a person gets help, such as help@example.com."),
    )
    support_url = models.CharField(
        _("support page"),
        max_length=500,
        blank=True,
        validators=[validate_result_url],
        help_text=_("Where a person gets help, such as https://example.com/help."),
    )
    terms_url = models.CharField(
        _("terms"),
        max_length=500,
        blank=True,
        validators=[validate_result_url],
        help_text=_("Terms and privacy, such as https://example.com/terms."),
    )

    class Meta:
        abstract = True


class ClientQuerySet(models.QuerySet["Client"]):
    def asking(self, client_id: str, connection: str, origin: str) -> "ClientQuerySet":
        """Find an active client and, in the same SELECT, the connection it asks for.

        The client has ``asked``, the active connection of that name if it is enabled for the
        client, and ``asking_origin``, the origin if it is allowed.
        """
        is_asked = Q(connections__name=connection, connections__is_active=True)
        allowed = AllowedOrigin.objects.filter(client=OuterRef("pk"), origin=origin)
        active: Any = self.filter(client_id=client_id, is_active=True)
        clients: ClientQuerySet = (
            active.annotate(
                asked=FilteredRelation("connections", condition=is_asked),
                asking_origin=Subquery(allowed.values("origin")[:1]),
            )
            .select_related("asked")
            # There is a row for each of the client's connections, empty for all but one.
            .order_by(F("asked__pk").asc(nulls_last=True))
        )
        return clients


class Client(Branded):
    """An application whose front end asks for password resets."""

    class ResultParameters(models.TextChoices):
        QUERY = "query", _("Before a fragment: /login?success=true#top")
        FRAGMENT = "fragment", _("In the fragment: /#/login?success=true")

    class Confirmation(models.TextChoices):
        BUTTON = "button", _("Press a button")
        RETYPE = "retype", _("Type the password again")

    client_id = models.CharField(
        _("client ID"),
        max_length=64,
        unique=True,
        blank=True,
        validators=[validate_identifier],
        help_text=_(
            "What the application sends as client_id; it is public. Keep the one you had at "
            "Auth0, or leave this empty to have one made."
        ),
    )
    name = models.CharField(
        _("name"),
        max_length=100,
        help_text=_("The application's name as its users know it; it is in mails and pages."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Off: requests are refused and links already mailed stop working."),
    )
    accepts_password = models.BooleanField(
        _("accepts a password"),
        default=False,
        help_text=_(
            "For Lock 8 and older: the request may carry the new password, which is set when "
            "the person confirms it. Leave off for Lock 9 and later."
        ),
    )
    confirmation = models.CharField(
        _("confirmation"),
        max_length=8,
        choices=Confirmation.choices,
        default=Confirmation.BUTTON,
        help_text=_(
            "How a password sent with the request is confirmed. Typing it again also stops "
            "somebody else's password from being confirmed by a careless click."
        ),
    )
    result_url = models.CharField(
        _("way back"),
        max_length=500,
        blank=True,
        validators=[validate_result_url],
        help_text=_("Where the last page leads back to, such as https://app.example.com/login."),
    )
    result_url_parameters = models.CharField(
        _("where the outcome is told"),
        max_length=8,
        choices=ResultParameters.choices,
        default=ResultParameters.QUERY,
        help_text=_("In the fragment for an application that routes by it (hash routes)."),
    )
    result_url_forwards = models.BooleanField(
        _("lead back unasked"),
        default=False,
        help_text=_(
            "On: the last page leads back by itself after 20 seconds, unless the person stays. "
            "Its button is there in any case."
        ),
    )
    result_url_email = models.BooleanField(
        _("name the address"),
        default=False,
        help_text=_("On: email is told as well, in the first 15 minutes."),
    )
    result_url_organization = models.BooleanField(
        _("name the organization"),
        default=False,
        help_text=_(
            "On: organization_id is told as well. It is whatever the request said, and anybody "
            "can send a request."
        ),
    )

    objects = ClientQuerySet.as_manager()

    # Annotated by `asking()`.
    asking_origin: str | None

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ("name", "client_id")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.client_id = self.client_id or generate_client_id()
        super().save(*args, **kwargs)


# `asking`, as each request has it; compiled once, which is most of what it costs.
asking = PreparedQuery(
    Client,
    Client.objects.asking,
    client_id=models.CharField(),
    connection=models.CharField(),
    origin=models.CharField(),
)


class AllowedOrigin(models.Model):
    """An origin from which a browser may call for a client."""

    client = models.ForeignKey(Client, models.CASCADE, related_name="allowed_origins")
    origin = models.CharField(
        _("origin"),
        max_length=255,
        validators=[validate_origin],
        help_text=_("Scheme and host of a front end, such as https://app.example.com."),
    )

    class Meta:
        verbose_name = _("allowed origin")
        verbose_name_plural = _("allowed origins")
        ordering = ("origin",)
        constraints: ClassVar = [
            # Led by the origin, so that it also serves the preflight, which knows no client.
            models.UniqueConstraint(fields=["origin", "client"], name="dbconnections_origin_once")
        ]

    def __str__(self) -> str:
        return self.origin


class PasswordPolicy(models.TextChoices):
    """The levels of strength, as Auth0 has them, and one's own."""

    NONE = "none", _("None: at least 1 character")
    LOW = "low", _("Low: at least 6 characters")
    FAIR = "fair", _("Fair: at least 8, with lower case, upper case and numbers")
    GOOD = "good", _("Good: at least 8, with three of lower, upper, numbers, special")
    EXCELLENT = (
        "excellent",
        _("Excellent: at least 10, as Good, and never three equal characters in a row"),
    )
    CUSTOM = "custom", _("Custom: as chosen below")


class PasswordDictionary(models.IntegerChoices):
    """Sizes of the dictionary."""

    OFF = 0, _("Off")
    SMALL = 10_000, _("The 10,000 most common")
    LARGE = 100_000, _("The 100,000 most common")


class Connection(Branded):
    """A set of accounts, and the rules for their passwords and links."""

    name = models.CharField(
        _("name"),
        max_length=128,
        unique=True,
        validators=[validate_connection_name],
        help_text=_(
            "What the application sends as connection, such as Username-Password-Authentication."
        ),
    )
    connection_id = models.CharField(
        _("connection ID"),
        max_length=64,
        unique=True,
        blank=True,
        validators=[validate_identifier],
        help_text=_(
            "What a back end sends as connection_id. Keep the one you had at Auth0, or leave "
            "this empty to have one made."
        ),
    )
    strategy = models.CharField(
        _("strategy"),
        max_length=64,
        default=DATABASE_STRATEGY,
        help_text=_(
            "auth0 means a database of passwords. For any other, such as google-oauth2, "
            "requests are refused: there is no password here to change."
        ),
    )
    clients = models.ManyToManyField(
        Client,
        verbose_name=_("clients"),
        related_name="connections",
        blank=True,
        help_text=_("The applications that may use this connection."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Off: requests are refused and links already mailed stop working."),
    )
    disable_self_service_change_password = models.BooleanField(
        _("disable self-service"),
        default=False,
        help_text=_("On: only administrators can start a reset; requests are refused."),
    )
    user_store = models.CharField(
        _("user store"),
        max_length=64,
        default="default",
        help_text=_("Which of the configured stores holds the accounts."),
    )
    ticket_lifetime = models.DurationField(
        _("link lifetime"),
        default=timedelta(hours=1),
        validators=[
            MinValueValidator(timedelta(minutes=5)),
            MaxValueValidator(MAX_TICKET_LIFETIME),
        ],
        help_text=_(
            "How long a mailed link works, as hours:minutes:seconds; from 5 minutes to 5 days. "
            "An hour is recommended, a day is the most that NIST SP 800-63B allows."
        ),
    )

    password_policy = models.CharField(
        _("password strength"),
        max_length=16,
        choices=PasswordPolicy,
        default=PasswordPolicy.GOOD,
        help_text=_("What a new password must have; old ones keep working."),
    )
    password_min_length = models.PositiveSmallIntegerField(
        _("minimum length"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_MIN_LENGTH)],
        help_text=_("In place of the strength's own; 15 is recommended, 128 the most."),
    )
    password_complexity = models.JSONField(
        _("custom strength"),
        default=dict,
        blank=True,
        validators=[validate_options],
        help_text=_("For the strength Custom: Auth0's password_options.complexity."),
    )
    password_history_size = models.PositiveSmallIntegerField(
        _("password history"),
        default=0,
        validators=[MaxValueValidator(MAX_HISTORY)],
        help_text=_("How many of an account's last passwords are refused, up to 24; 0 for none."),
    )
    password_dictionary = models.PositiveIntegerField(
        _("password dictionary"),
        choices=PasswordDictionary,
        default=PasswordDictionary.OFF,
        help_text=_("How many of the most common passwords are refused."),
    )
    password_dictionary_words = models.JSONField(
        _("own dictionary"),
        default=list,
        blank=True,
        validators=[validate_words],
        help_text=_("Whole passwords refused as well, such as Acme2026!."),
    )
    password_no_personal_info = models.BooleanField(
        _("no personal data"),
        default=False,
        help_text=_("On: a password may not contain any part of name, username or address."),
    )

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.connection_id = self.connection_id or generate_connection_id()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        # `blank` lets whatever is empty pass by a field's validators.
        for field, kind in (("password_complexity", dict), ("password_dictionary_words", list)):
            value = getattr(self, field)
            if not value and type(value) is not kind:
                raise ValidationError({field: _("Leave this empty rather than null.")})
        try:
            policy = policy_of(self)
        except ValidationError:
            return  # told beside the field that is wrong
        most = min(settings.PASSWORD_MAX_LENGTH, policy.max_bytes or settings.PASSWORD_MAX_LENGTH)
        if policy.min_length > most:
            raise ValidationError(
                {
                    "password_min_length": ValidationError(
                        _("No password could be long enough: at most %(most)d are allowed."),
                        params={"most": most},
                    )
                }
            )

    @property
    def is_database(self) -> bool:
        """Whether its accounts have passwords that can be changed here."""
        return self.strategy == DATABASE_STRATEGY


def enabled_pairs() -> models.QuerySet[Any]:
    """Return each active client with each active database connection enabled for it.

    What `_serves` asks of a ticket.
    """
    pairs: models.QuerySet[Any] = Connection.clients.through.objects.filter(
        client__is_active=True,
        connection__is_active=True,
        connection__strategy=DATABASE_STRATEGY,
    )
    return pairs.select_related("client", "connection")


class PasswordHistoryQuerySet(models.QuerySet["PasswordHistory"]):
    def of(self, connection: Connection, account_id: str) -> "PasswordHistoryQuerySet":
        """Passwords of an account, the last one first."""
        return self.filter(connection=connection, account=account_id).order_by("-pk")


class PasswordHistoryManager(models.Manager.from_queryset(PasswordHistoryQuerySet)):  # type: ignore[misc]  # made when run
    """Reads where is written: a replica that lags would have the newest password forgotten."""

    def get_queryset(self) -> PasswordHistoryQuerySet:
        return PasswordHistoryQuerySet(self.model, using=router.db_for_write(self.model))


class PasswordHistory(models.Model):
    """A password that an account has had, as a hash."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+")
    account = models.CharField(max_length=255)
    password = models.CharField(max_length=255)
    set_at = models.DateTimeField(null=True)

    objects = PasswordHistoryManager()

    class Meta:
        verbose_name = _("password history")
        verbose_name_plural = _("password histories")
        indexes: ClassVar = [
            models.Index(fields=["connection", "account"], name="dbconnections_history_account")
        ]

    def __str__(self) -> str:
        return self.account


class TicketState(models.TextChoices):
    """Where a ticket stands, read off its timeline."""

    REQUESTED = "requested", _("waiting to be sent")
    HANDED_OVER = "handed_over", _("handed over")
    SENT = "sent", _("sent")
    OPENED = "opened", _("opened")
    USED = "used", _("used")
    REVOKED = "revoked", _("revoked")
    SUPERSEDED = "superseded", _("superseded by a newer one")
    NO_ACCOUNT = "no_account", _("no account")
    COALESCED = "coalesced", _("answered by another mail")
    SUPPRESSED = "suppressed", _("suppressed: too many mails")
    UNDELIVERABLE = "undeliverable", _("undeliverable")
    EXPIRED = "expired", _("expired")


# The first of these columns that holds a time tells the state; a ticket with none of them ends
# when it expires, and until then is as far as the last list says.
_ENDINGS = (
    ("used_at", TicketState.USED),
    ("revoked_at", TicketState.REVOKED),
    ("superseded_at", TicketState.SUPERSEDED),
    ("no_account_at", TicketState.NO_ACCOUNT),
    ("coalesced_at", TicketState.COALESCED),
    ("suppressed_at", TicketState.SUPPRESSED),
    ("undeliverable_at", TicketState.UNDELIVERABLE),
)
_PROGRESS = (
    ("opened_at", TicketState.OPENED),
    ("sent_at", TicketState.SENT),
    ("handed_over_at", TicketState.HANDED_OVER),
)
# What a mail provider reports of the mail with the link; no state, for the link works all the same.
_REPORTS = ("delivered_at", "bounced_at", "rejected_at", "complained_at")


class ResetTicketQuerySet(models.QuerySet["ResetTicket"]):
    def of_account(self, account_id: str, user_store: str) -> "ResetTicketQuerySet":
        """Tickets bound to an account, through whichever connection to its store."""
        # By key, for the same reason as in `_serves`.
        connection = Connection.objects.filter(pk=OuterRef("connection_id")).order_by()
        has_store = Exact(Subquery(connection.values("user_store")), user_store)
        return self.filter(has_store, account=account_id)

    def with_state(self) -> "ResetTicketQuerySet":
        """Annotate each ticket with its ``current_state`` by the database's clock."""

        def reached(steps: Iterable[tuple[str, TicketState]]) -> list[When]:
            return [When(Q((f"{column}__isnull", False)), Value(state)) for column, state in steps]

        return self.annotate(  # type: ignore[no-redef]  # declared on the model for readers
            current_state=Case(
                *reached(_ENDINGS),
                When(expires_at__lte=DatabaseNow(), then=Value(TicketState.EXPIRED)),
                *reached(_PROGRESS),
                default=Value(TicketState.REQUESTED),
                output_field=models.CharField(),
            )
        )

    def open(self) -> "ResetTicketQuerySet":
        """Tickets that nothing has ended and that have not expired."""
        return self.filter(
            **{f"{column}__isnull": True for column, _state in _ENDINGS},
            expires_at__gt=DatabaseNow(),
        )

    def serving(self) -> "ResetTicketQuerySet":
        """Tickets whose client and connection are active and still belong together."""
        return self.filter(_serves())

    def redeemable(self) -> "ResetTicketQuerySet":
        """Open tickets that were bound to an account and still serve."""
        return self.open().serving().exclude(fingerprint="")

    def whole(self) -> "ResetTicketQuerySet":
        """Tickets with all that judging them takes: state, client, connection, ``serves``."""
        return (
            self.with_state()
            .annotate(  # type: ignore[no-redef]  # as above
                serves=_serves()
            )
            .select_related("client", "connection")
        )


def _serves() -> Q:
    """Say of a ticket whether its client and connection are still one of the `enabled_pairs`.

    Three subqueries, each by a key. A join would have an UPDATE split into SELECT and UPDATE on
    some databases, no longer one atomic test and change. In an ``Exists``, PostgreSQL plans a join
    together with the rest of the statement, which takes longer, or reads every pair first. Within a
    statement, what is deactivated while it waits for the ticket's row still counts as active.
    """
    client = Client.objects.filter(pk=OuterRef("client_id"))
    connection = Connection.objects.filter(pk=OuterRef("connection_id"), strategy=DATABASE_STRATEGY)
    pair = Connection.clients.through.objects.filter(
        client_id=OuterRef("client_id"), connection_id=OuterRef("connection_id")
    )
    return (
        Q(Subquery(client.order_by().values("is_active")))
        & Q(Coalesce(Subquery(connection.order_by().values("is_active")), False))
        & Q(Coalesce(Subquery(pair.values(is_enabled=Value(True))), False))
    )


class ResetTicketManager(models.Manager.from_queryset(ResetTicketQuerySet)):  # type: ignore[misc]  # made when run
    """Reads tickets where they are written: a replica that lags would revive spent ones."""

    def get_queryset(self) -> ResetTicketQuerySet:
        return ResetTicketQuerySet(self.model, using=router.db_for_write(self.model))


class ResetTicket(models.Model):
    """One request for a reset, its way to the person, and what became of it.

    The row is also the outbox: what is to be sent, and when next, stands in its own columns.
    It never holds the link; a password sent with the request only sealed, and only until used.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)

    client = models.ForeignKey(
        Client, models.CASCADE, related_name="tickets", verbose_name=_("client")
    )
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="tickets", verbose_name=_("connection")
    )
    email = models.CharField(_("submitted e-mail address"), max_length=254, blank=True)
    username = models.CharField(_("submitted username"), max_length=254, blank=True)
    organization = models.CharField(_("organization"), max_length=128, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=255, blank=True)
    caller = models.CharField(
        _("calling library"),
        max_length=100,
        blank=True,
        help_text=_("Name and version from the Auth0-Client header."),
    )
    requested_by = models.CharField(
        _("requested by"),
        max_length=254,
        blank=True,
        help_text=_(
            "The administrator, or the back end's user, who asked on behalf of the person."
        ),
    )
    base_url = models.CharField(max_length=255, blank=True, editable=False)
    result_url = models.CharField(
        _("way back"),
        max_length=500,
        blank=True,
        help_text=_("Where the last page leads back to, in place of the client's own."),
    )
    include_email_in_redirect = models.BooleanField(_("way back names the address"), default=False)
    mark_email_as_verified = models.BooleanField(_("use verifies the address"), default=False)
    may_open_staff = models.BooleanField(default=False, editable=False)
    password_given = models.BooleanField(_("password sent along"), default=False)
    sealed_password = models.TextField(blank=True, editable=False)

    account = models.CharField(
        _("account"), max_length=255, blank=True, help_text=_("Key of the account found.")
    )
    sent_to = models.CharField(_("sent to"), max_length=254, blank=True)
    mailbox = models.CharField(
        max_length=254,
        blank=True,
        editable=False,
        help_text=_("The address without differences in letter case; what is capped."),
    )
    fingerprint = models.CharField(max_length=64, blank=True, editable=False)

    requested_at = models.DateTimeField(_("requested"))
    expires_at = models.DateTimeField(_("expires"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    handed_over_at = models.DateTimeField(
        _("handed over"),
        null=True,
        blank=True,
        help_text=_("A back end got the link, to deliver it itself."),
    )
    opened_at = models.DateTimeField(
        _("opened"),
        null=True,
        blank=True,
        help_text=_("First form submitted. Merely looking at the page is not recorded."),
    )
    used_at = models.DateTimeField(_("used"), null=True, blank=True)
    notified_at = models.DateTimeField(_("change notified"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    superseded_at = models.DateTimeField(_("superseded"), null=True, blank=True)
    no_account_at = models.DateTimeField(_("no account"), null=True, blank=True)
    coalesced_at = models.DateTimeField(
        _("coalesced"),
        null=True,
        blank=True,
        help_text=_("The same was asked a moment before, and its mail is the answer to both."),
    )
    suppressed_at = models.DateTimeField(_("suppressed"), null=True, blank=True)
    undeliverable_at = models.DateTimeField(_("undeliverable"), null=True, blank=True)

    message_id = models.CharField(
        _("message ID"),
        max_length=255,
        blank=True,
        help_text=_("What the mail provider calls the mail with the link."),
    )
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    bounced_at = models.DateTimeField(
        _("bounced"), null=True, blank=True, help_text=_("The address takes no mail.")
    )
    rejected_at = models.DateTimeField(
        _("rejected"),
        null=True,
        blank=True,
        help_text=_("Provider or mailbox refused this mail; another may be taken."),
    )
    complained_at = models.DateTimeField(_("reported as spam"), null=True, blank=True)
    reject_reason = models.CharField(_("reason"), max_length=64, blank=True)

    wrong_retypes = models.PositiveSmallIntegerField(_("wrong retypes"), default=0)

    due_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    unanswered = models.PositiveSmallIntegerField(
        _("unanswered attempts"),
        default=0,
        help_text=_("The last ones in a row that never got as far as a mail server's answer."),
    )
    last_error = models.CharField(_("last error"), max_length=200, blank=True)

    objects = ResetTicketManager()

    # Annotated by `with_state()` and `whole()`.
    current_state: str
    serves: bool
    # Set by delivery: when it took the ticket up, by the database's clock.
    begun_at: datetime

    class Meta:
        verbose_name = _("reset ticket")
        verbose_name_plural = _("reset tickets")
        ordering = ("-requested_at",)
        get_latest_by = "requested_at"
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="dbconnections_ticket_due"),
            models.Index(fields=["account", "requested_at"], name="dbconnections_ticket_account"),
            models.Index(fields=["mailbox", "sent_at"], name="dbconnections_ticket_mailbox"),
            models.Index(fields=["requested_at"], name="dbconnections_ticket_age"),
            models.Index(fields=["message_id"], name="dbconnections_ticket_message"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                # By length: a collation may take invisible characters for an empty text.
                condition=(
                    Q(GreaterThan(Length("email"), 0)) & Q(Exact(Length("username"), 0))
                    | Q(Exact(Length("email"), 0)) & Q(GreaterThan(Length("username"), 0))
                ),
                name="dbconnections_ticket_asks_one",
            ),
            models.CheckConstraint(
                condition=Q(sealed_password="") | Q(password_given=True, used_at__isnull=True),
                name="dbconnections_ticket_sealed_until_used",
            ),
        ]

    def __str__(self) -> str:
        return self.submitted

    @property
    def submitted(self) -> str:
        """The address or username as it was submitted."""
        return self.email or self.username

    @property
    def return_address(self) -> str:
        """Where the last page leads back to; empty when neither ticket nor client says.

        A ticket's own way back only while it may be one: the settings can have changed since.
        """
        own = self.client.result_url
        return self.result_url if self.result_url and may_lead_to(self.result_url, own) else own

    def timeline(self) -> list[tuple[str, datetime]]:
        """Return what has happened so far as pairs of label and time, in order of time."""
        endings = (column for column, _state in _ENDINGS)
        columns = (
            "requested_at",
            "handed_over_at",
            "sent_at",
            *_REPORTS,
            "opened_at",
            "notified_at",
            *endings,
        )
        fields = {field.name: field for field in self._meta.fields}
        steps = [
            (str(fields[column].verbose_name), time)
            for column in columns
            if (time := getattr(self, column)) is not None
        ]
        return sorted(steps, key=lambda step: step[1])


# `whole`, by the key of a ticket, so without an order; compiled once, as each step of a person's
# looks it up.
whole_ticket = PreparedQuery(
    ResetTicket,
    lambda pk: ResetTicket.objects.whole().filter(pk=pk).order_by(),
    router.db_for_write,
    pk=models.UUIDField(),
)
