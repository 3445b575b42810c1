"""Every setting of the app: name, type, default and meaning.

A site sets them in one dict, ``DBCONNECTIONS``. Each is read when it is used, so
``override_settings`` works and nothing is frozen at import::

    from dbconnections.conf import settings

    settings.BASE_URL
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from django.conf import settings as django_settings

__all__ = ["settings"]

T = TypeVar("T")


class Setting(Generic[T]):
    """One key of ``DBCONNECTIONS``; its type is the type of its default."""

    name: str

    def __init__(
        self,
        default: T,
        meaning: str,
        *,
        choices: tuple[T, ...] = (),
        minimum: T | None = None,
        items: type = object,
    ) -> None:
        self.default = default
        self.meaning = meaning
        self.choices = choices
        self.minimum: Any = minimum
        self.items = items

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "Setting[T] | T":
        if instance is None:
            return self
        value: T = configured().get(self.name, self.default)
        return value

    def problem(self, value: object) -> str:
        """Say what is wrong with a configured value, or return an empty string."""
        expected = type(self.default)
        # bool is an int to Python, but `True` is no number of proxies.
        if not isinstance(value, expected) or isinstance(value, bool) is not (expected is bool):
            return f"must be of type {expected.__name__}, not {type(value).__name__}"
        if isinstance(value, list) and not all(isinstance(item, self.items) for item in value):
            return f"must hold nothing but items of type {self.items.__name__}"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(repr(choice) for choice in self.choices)}"
        if isinstance(value, int | timedelta):
            zero: Any = expected()
            if value < zero:
                return "must not be negative"
            if self.minimum is not None and value < self.minimum:
                return f"must be at least {self.minimum}"
        return ""

    def is_valid(self) -> bool:
        """Say whether the configured value may be used."""
        return not self.problem(configured().get(self.name, self.default))


class Settings:
    """The settings of ``DBCONNECTIONS``, each with its default."""

    BASE_URL = Setting(
        "",
        "Scheme and host that mailed links start with, such as `https://login.example.com`. "
        "Never taken from a request, except while `DEBUG` is on and this is empty.",
    )
    USER_STORES: Setting[dict[str, Any]] = Setting(
        {"default": {"BACKEND": "dbconnections.accounts.ModelUserStore"}},
        "Where accounts live: a name for each store, with its `BACKEND` (dotted path) and "
        "`OPTIONS` (keyword arguments). A connection names the store it uses.",
    )
    RESET_UNUSABLE_PASSWORDS = Setting(
        False,
        "Whether an account without a usable password (single sign-on only) may set one.",
    )
    PASSWORD_MAX_LENGTH = Setting(
        128,
        "Characters a password may have; a longer one is refused before any rule or hasher "
        "sees it, never shortened (OWASP ASVS 4.0.3, 2.1.2).",
        minimum=1,
    )
    SITE_VALIDATORS = Setting(
        True,
        "Whether `AUTH_PASSWORD_VALIDATORS` judge a password as well, beside its connection's "
        "policy.",
    )
    BREACHED_PASSWORDS = Setting(
        "ignore",
        "Whether the page refuses passwords known from breaches (needs "
        "`dbconnections[breaches]`): `ignore` does not ask; `refuse` asks, and takes the password "
        "when the service cannot be reached; `refuse_unchecked` then has the person wait.",
        choices=("ignore", "refuse", "refuse_unchecked"),
    )
    MAX_BODY_SIZE = Setting(8192, "Bytes a request body may have; a larger one is answered 413.")
    RATE_LIMIT = Setting(
        "10/10 minutes",
        "Requests per IP address and e-mail address (Auth0 allows ten, and one more a minute). "
        "Empty switches it off.",
    )
    RATE_LIMIT_PER_IP = Setting(
        "100/10 minutes",
        "Requests per IP address, whatever they ask for. Empty switches it off.",
    )
    RATE_LIMIT_PAGES = Setting(
        "30/10 minutes",
        "Submitted forms and unknown links per IP address on the pages. Empty switches it off.",
    )
    RATE_LIMIT_STORAGE = Setting(
        "memory://",
        "Where requests are counted: a storage URI of the `limits` library. `memory://` counts "
        "in each process by itself; `redis://host:6379/1` is shared.",
    )
    TRUSTED_PROXIES = Setting(
        0,
        "Reverse proxies in front of the site that append to `X-Forwarded-For`. "
        "0 ignores the header, which anyone can send.",
    )
    MAIL_CAPS: Setting[list[tuple[int, timedelta]]] = Setting(
        [(3, timedelta(minutes=15)), (6, timedelta(days=1))],
        "Reset mails an address gets at most within each period, administrators' aside. Further "
        "requests are answered as ever, but nothing is sent.",
    )
    COALESCE_WINDOW = Setting(
        timedelta(minutes=1),
        "Requests for one account this close together get one mail, as when a client that waited "
        "in vain asks again. Longer, it would withhold the mail from a person who looked for it "
        "and asks on purpose. 0 switches it off.",
    )
    BOUNCE_WINDOW = Setting(
        timedelta(days=1),
        "How long nothing but an administrator's mail goes to an address that bounced for good, as "
        "django-anymail tells. Longer, it would lock people out whose mail server was wrong for an "
        "hour; shorter, a dead mailbox would hurt the sender's reputation. 0 switches it off.",
    )
    FROM_EMAIL = Setting("", "Sender of the mails; empty means `DEFAULT_FROM_EMAIL`.")
    MAIL_SHOWS_IP = Setting(
        False,
        "Whether the mail with the link tells the IP address it was asked for from. Off, as it "
        "says little to most people, and a mail is kept in many places.",
    )
    WAKE_UP = Setting(
        "thread",
        "What delivers a mail soon after its request: `thread`, one in this process; `task`, "
        "the Django Tasks backend; `none`, only `manage.py deliver_reset_emails`. With the thread, "
        "the work of sending slows the requests that follow a little, which someone who measures "
        "may notice; the other two hide it where their worker has a core or a machine of its own.",
        choices=("thread", "task", "none"),
    )
    TASK_BACKEND = Setting("default", "With `WAKE_UP` `task`: the alias in `TASKS`.")
    TASK_QUEUE = Setting("default", "With `WAKE_UP` `task`: the queue.")
    DELIVERY_LEASE = Setting(
        timedelta(minutes=2),
        "How long a worker may take over one mail before another takes it to have died. "
        "Must be longer than the e-mail backend's time-out.",
        minimum=timedelta(seconds=10),
    )
    DELIVERY_BATCH = Setting(
        20, "Mails a worker claims at a time and sends over one connection.", minimum=1
    )
    DELIVERY_MAX_ATTEMPTS = Setting(
        12,
        "Attempts in a row at one mail that may end without a word from the mail server: the "
        "worker died, or an error of the code kept the mail from being made. After the last it is "
        "undeliverable. A mail server that puts a mail off is asked until its link expires.",
        minimum=1,
    )
    DELIVERY_MAX_DELAY = Setting(
        timedelta(minutes=15),
        "Longest pause between two attempts; pauses double from 10 s.",
        minimum=timedelta(seconds=30),
    )
    EMAIL_TIMEOUT = Setting(
        timedelta(seconds=30),
        "Time-out for an SMTP server where the site's own `EMAIL_TIMEOUT` sets none.",
        minimum=timedelta(seconds=1),
    )
    RETENTION = Setting(
        timedelta(days=90),
        "How long a ticket is kept after it was requested; `manage.py purge_reset_tickets` "
        "deletes older ones that have ended. Where a period of `MAIL_CAPS`, or `BOUNCE_WINDOW`, is "
        "longer, that long.",
    )
    MANAGEMENT_AUTHENTICATION_CLASSES = Setting(
        ["dbconnections.api.authentication.BearerAuthentication"],
        "How back ends that ask for tickets are told apart: authentication classes of Django "
        "REST framework, by dotted path. The default takes the tokens of its "
        "`rest_framework.authtoken` app as `Authorization: Bearer`.",
        items=str,
    )
    MANAGEMENT_PERMISSION_CLASSES = Setting(
        ["dbconnections.api.permissions.MayIssueTickets"],
        "Which of them may ask for tickets: permission classes, by dotted path. The default is "
        "staff with the permission to add reset tickets. A ticket for an account that is staff "
        "itself takes a superuser in any case.",
        items=str,
    )
    RESULT_URL_HOSTS: Setting[list[str]] = Setting(
        [],
        "Hosts, written without a port and allowed on every port, that a ticket's `result_url` may "
        "lead to besides that of its client's own way back.",
        items=str,
    )
    BRANDING: Setting[dict[str, Any]] = Setting(
        {},
        "What pages and mails show where neither client nor connection says: `name`, `logo`, "
        "`primary_color`, `support_email`, `support_url`, `terms_url`.",
    )
    LOGO_HOSTS: Setting[list[str]] = Setting(
        [],
        "Hosts, written without a port and allowed on every port, that a logo may be loaded from, "
        "such as `cdn.example.com`. Each learns who opens a page and when, so by default a logo is "
        "a static file of the site.",
        items=str,
    )
    MAX_RETYPES = Setting(
        5, "Wrong attempts to retype a password before the link is closed for good."
    )


settings = Settings()


def configured() -> Mapping[str, Any]:
    """Return the site's ``DBCONNECTIONS``, empty when it has none."""
    found = getattr(django_settings, "DBCONNECTIONS", None)
    return found if isinstance(found, Mapping) else {}


def all_settings() -> dict[str, Setting[Any]]:
    """Return every setting by name, in the order of this file."""
    return {name: value for name, value in vars(Settings).items() if isinstance(value, Setting)}
