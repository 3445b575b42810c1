"""System checks: what is missing, contradictory or dangerous, before anyone finds out.

What a check needs is imported in it where nothing else does at the start of a process, which
registers the checks, but need not run them.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import django
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, Tags, register
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import DatabaseError, router
from django.http.request import split_domain_port, validate_host
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from dbconnections import branding
from dbconnections.conf import all_settings, configured, settings
from dbconnections.models import AllowedOrigin, Client, Connection, enabled_pairs
from dbconnections.passwords import policy_of
from dbconnections.transactions import database
from dbconnections.validators import is_origin, validate_logo

DAY = timedelta(hours=24)
PATH = "/dbconnections/change_password"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
HISTORY = "dbconnections.passwords.validators.HistoryValidator"


@register("dbconnections")
def check_settings(**kwargs: Any) -> Iterable[CheckMessage]:
    """Names, types and choices of `DBCONNECTIONS`."""
    known = all_settings()
    if not isinstance(getattr(django_settings, "DBCONNECTIONS", {}), Mapping):
        yield Error(
            "DBCONNECTIONS must be a dict.",
            hint='Write DBCONNECTIONS = {"BASE_URL": "https://login.example.com"}.',
            id="dbconnections.E000",
        )
    for name, value in configured().items():
        if name not in known:
            yield Error(
                f'DBCONNECTIONS["{name}"] is no setting of this app.',
                hint=f"Settings are {', '.join(known)}.",
                id="dbconnections.E001",
            )
        elif problem := known[name].problem(value) or _problem_inside(name, value):
            yield Error(
                f'DBCONNECTIONS["{name}"] {problem}.',
                hint=known[name].meaning,
                id="dbconnections.E002",
            )


def _problem_inside(name: str, value: Any) -> str:
    """Say what is wrong within a setting that holds others."""
    if name == "MAIL_CAPS" and not all(
        isinstance(cap, tuple) and [type(part) for part in cap] == [int, timedelta] for cap in value
    ):
        return "must be a list of pairs: a number of mails and a timedelta"
    if name == "BRANDING" and _is_valid("LOGO_HOSTS"):
        return next(iter(branding.problems_in(value)), "")
    if name == "USER_STORES" and not all(isinstance(entry, dict) for entry in value.values()):
        return "must hold a dict for each store, with its BACKEND and OPTIONS"
    return ""


def _is_valid(*names: str) -> bool:
    """Say whether settings can be looked into; `check_settings` tells what is wrong if not."""
    return all(all_settings()[name].is_valid() for name in names)


@register("dbconnections")
def check_base_url(**kwargs: Any) -> Iterable[CheckMessage]:
    """Links need a configured address."""
    if not _is_valid("BASE_URL"):
        return
    hint = 'Set DBCONNECTIONS["BASE_URL"] to the address of this site: https://login.example.com'
    if not settings.BASE_URL:
        if django_settings.DEBUG:
            yield checks.Warning(
                "BASE_URL is not set; while DEBUG is on, links follow the request's host.",
                hint=hint,
                id="dbconnections.W022",
            )
        else:
            yield Error(
                "BASE_URL is not set; no link can be mailed.", hint=hint, id="dbconnections.E003"
            )
        return
    origin = settings.BASE_URL.removesuffix("/").lower()
    if not is_origin(origin) or not origin.startswith(("http://", "https://")):
        yield Error(
            f"BASE_URL {settings.BASE_URL!r} is not a scheme and a host alone.",
            hint=hint,
            id="dbconnections.E004",
        )


@register("dbconnections")
def check_user_stores(**kwargs: Any) -> Iterable[CheckMessage]:
    """Every configured store can be made."""
    from dbconnections.accounts import get_store

    if not _is_valid("USER_STORES"):
        return
    for name in settings.USER_STORES:
        try:
            get_store(name)
        except ImproperlyConfigured as error:
            yield Error(
                str(error),
                hint="BACKEND is a dotted path to a class, OPTIONS its keyword arguments.",
                id="dbconnections.E005",
            )
    users, tickets = router.db_for_write(get_user_model()), database()
    if users != tickets:
        yield Error(
            f"Users are written to the database {users!r}, tickets to {tickets!r}; no "
            "transaction spans both, so a link could be spent without its password being set.",
            hint="Route the dbconnections app to the database of the users.",
            id="dbconnections.E020",
        )


@register("dbconnections")
def check_rate_limits(**kwargs: Any) -> Iterable[CheckMessage]:
    """Rates and their storage can be read."""
    from limits import parse
    from limits.errors import ConfigurationError
    from limits.storage import storage_from_string

    for name in ("RATE_LIMIT", "RATE_LIMIT_PER_IP", "RATE_LIMIT_PAGES"):
        if not _is_valid(name):
            continue
        rate = getattr(settings, name)
        try:
            if rate:
                parse(rate)
        except ValueError:
            yield Error(
                f'DBCONNECTIONS["{name}"] {rate!r} is no rate.',
                hint="Write it like '10/10 minutes' or '100 per hour'; empty switches it off.",
                id="dbconnections.E006",
            )
    if not _is_valid("RATE_LIMIT_STORAGE"):
        return
    try:
        storage_from_string(settings.RATE_LIMIT_STORAGE)
    except (ConfigurationError, ValueError) as error:
        yield Error(
            f'DBCONNECTIONS["RATE_LIMIT_STORAGE"]: {error}',
            hint="Use memory:// or redis://host:port/db; the latter needs dbconnections[redis].",
            id="dbconnections.E007",
        )


@register("dbconnections")
def check_wake_up(**kwargs: Any) -> Iterable[CheckMessage]:
    """Django Tasks is there when it is to be used, with the backend and the queue."""
    if settings.WAKE_UP != "task":
        return
    if django.VERSION < (6, 0) and not find_spec("django_tasks"):
        yield Error(
            "WAKE_UP is 'task', but this Django has no tasks and django-tasks is not installed.",
            hint="Install dbconnections[tasks], or use Django 6.0 or later.",
            id="dbconnections.E008",
        )
        return
    if not _is_valid("TASK_BACKEND", "TASK_QUEUE"):
        return
    hint = "TASK_BACKEND is an alias in TASKS, TASK_QUEUE one of its QUEUES."
    try:
        backend = _task_backend()
    except ImproperlyConfigured as error:
        yield Error(
            f"WAKE_UP is 'task', but there is no task backend {settings.TASK_BACKEND!r}: {error}",
            hint=hint,
            id="dbconnections.E042",
        )
        return
    # No queues are all queues.
    if backend.queues and settings.TASK_QUEUE not in backend.queues:
        yield Error(
            f"WAKE_UP is 'task', but the task backend {settings.TASK_BACKEND!r} has no queue "
            f"{settings.TASK_QUEUE!r}: nobody would be woken to send mails.",
            hint=hint,
            id="dbconnections.E043",
        )
    name = type(backend).__name__
    if name in {"ImmediateBackend", "DummyBackend"}:
        yield Error(
            f"WAKE_UP is 'task', but the task backend {settings.TASK_BACKEND!r} is {name}: mails "
            "would go out within the request, whose time then tells who has an account, or not at "
            "all.",
            hint="Name a backend with a worker in TASKS, or use another WAKE_UP.",
            id="dbconnections.E021",
        )


@register("dbconnections")
def check_lease(**kwargs: Any) -> Iterable[CheckMessage]:
    """A worker that waits for a mail server is not taken to have died."""
    backend, timeout = _mailer()
    if backend != SMTP or not _is_valid("DELIVERY_LEASE", "EMAIL_TIMEOUT"):
        return
    if timeout is None:
        timeout = settings.EMAIL_TIMEOUT.total_seconds()
    if isinstance(timeout, int | float) and timeout >= settings.DELIVERY_LEASE.total_seconds():
        yield checks.Warning(
            f"The e-mail backend waits up to {timeout:g} s for a server, no less than a worker has "
            f"for a mail ({settings.DELIVERY_LEASE}): another may send it a second time.",
            hint="Set EMAIL_TIMEOUT (or the mailer's timeout option) below DELIVERY_LEASE; where "
            'neither is set, DBCONNECTIONS["EMAIL_TIMEOUT"] counts.',
            id="dbconnections.W044",
        )


@register("dbconnections")
def check_passwords(**kwargs: Any) -> Iterable[CheckMessage]:
    """What passwords are checked with is there."""
    wanted = _is_valid("BREACHED_PASSWORDS") and settings.BREACHED_PASSWORDS != "ignore"
    if wanted and not find_spec("pwned_passwords_django"):
        yield Error(
            "BREACHED_PASSWORDS needs pwned-passwords-django, which is not installed.",
            hint="Install dbconnections[breaches].",
            id="dbconnections.E029",
        )


@register("dbconnections")
def check_urls(**kwargs: Any) -> Iterable[CheckMessage]:
    """The endpoint is where Auth0's libraries call it."""
    hint = 'Add path("", include("dbconnections.urls")) to the root URLconf.'
    try:
        found = reverse("dbconnections:change_password")
    except NoReverseMatch:
        yield checks.Warning("The app's URLs are not included.", hint=hint, id="dbconnections.W009")
    else:
        if found != PATH:
            yield checks.Warning(
                f"The endpoint is at {found}; Auth0's libraries call {PATH}.",
                hint=hint,
                id="dbconnections.W010",
            )


@register("dbconnections")
def check_ticket_api(**kwargs: Any) -> Iterable[CheckMessage]:
    """Who may ask for tickets can be told, and where these may lead back to."""
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.permissions import BasePermission

    kinds: dict[str, type] = {
        "MANAGEMENT_AUTHENTICATION_CLASSES": BaseAuthentication,
        "MANAGEMENT_PERMISSION_CLASSES": BasePermission,
    }
    for name, kind in kinds.items():
        for path in getattr(settings, name) if _is_valid(name) else ():
            try:
                found = import_string(path)
            except ImportError:
                found = None
            if not (isinstance(found, type) and issubclass(found, kind)):
                yield Error(
                    f'DBCONNECTIONS["{name}"] has {path!r}, which is no {kind.__name__}.',
                    hint="Write the dotted path of a class of Django REST framework's kind.",
                    id="dbconnections.E023",
                )
    open_door: tuple[list[str], ...] = ([], ["rest_framework.permissions.AllowAny"])
    if settings.MANAGEMENT_PERMISSION_CLASSES in open_door:
        yield Error(
            "Anybody can have a link to any customer's account: tickets need no permission.",
            hint='Name a permission class in DBCONNECTIONS["MANAGEMENT_PERMISSION_CLASSES"].',
            id="dbconnections.E028",
        )
    for host in _no_hosts("RESULT_URL_HOSTS"):
        yield Error(
            f'DBCONNECTIONS["RESULT_URL_HOSTS"] has {host!r}, which is no host.',
            hint="Write hosts alone and in lower case, such as app.example.com.",
            id="dbconnections.E024",
        )


@register("dbconnections")
def check_logo_hosts(**kwargs: Any) -> Iterable[CheckMessage]:
    """Logos come from hosts, not from anywhere."""
    for host in _no_hosts("LOGO_HOSTS"):
        yield Error(
            f'DBCONNECTIONS["LOGO_HOSTS"] has {host!r}, which is no host.',
            hint="Write hosts alone and in lower case, such as cdn.example.com.",
            id="dbconnections.E040",
        )


@register("dbconnections")
def check_cors_headers(**kwargs: Any) -> Iterable[CheckMessage]:
    """django-cors-headers leaves the endpoint's preflight to the endpoint."""
    middleware = "corsheaders.middleware.CorsMiddleware"
    pattern = getattr(django_settings, "CORS_URLS_REGEX", r"^.*$")
    if middleware in django_settings.MIDDLEWARE and re.match(pattern, PATH):
        yield checks.Warning(
            "django-cors-headers answers preflights for the endpoint, by its own list of origins.",
            hint='Set CORS_URLS_REGEX = r"^(?!/dbconnections/)", or exclude that path from yours.',
            id="dbconnections.W011",
        )


@register("dbconnections", Tags.database)
def check_connections(
    databases: Iterable[str] | None = None, **kwargs: Any
) -> Iterable[CheckMessage]:
    """Connections can be used and keep links short-lived, logos are there (`check --database`)."""
    if database() not in (databases or ()):
        return
    try:
        clients = list(Client.objects.using(database()).exclude(logo=""))
        found = list(Connection.objects.using(database()))
        is_usable = enabled_pairs().exists()
    except DatabaseError:
        # `migrate` runs these checks before it has made the table.
        return
    if not is_usable:
        yield Info(
            "Nobody can ask for a reset yet: no active client is enabled for an active connection.",
            hint="Add both in the admin, and choose the client on the connection's page.",
            id="dbconnections.I027",
        )
    validators = {entry["NAME"] for entry in django_settings.AUTH_PASSWORD_VALIDATORS}
    for allowed in AllowedOrigin.objects.using(database()):
        if not is_origin(allowed.origin):
            yield checks.Warning(
                f"Client {allowed.client_id} allows {allowed.origin!r}, which no browser sends.",
                hint="Write scheme and host alone, such as https://app.example.com.",
                id="dbconnections.W032",
            )
    for branded in (*clients, *found) if _is_valid("LOGO_HOSTS") else ():
        try:
            if branded.logo:
                validate_logo(branded.logo)
        except ValidationError as error:
            yield checks.Warning(
                f"{type(branded).__name__} {branded} goes without its logo: {error.messages[0]}",
                hint="Choose another in the admin.",
                id="dbconnections.W041",
            )
    for connection in found:
        if _is_valid("USER_STORES") and connection.user_store not in settings.USER_STORES:
            yield Error(
                f"Connection {connection} uses the user store {connection.user_store!r}, "
                "which is not configured.",
                hint='Add it to DBCONNECTIONS["USER_STORES"] or choose another in the admin.',
                id="dbconnections.E012",
            )
        if problem := _problem_of_policy(connection):
            yield Error(
                f"Connection {connection} has a password policy that cannot be used: {problem}",
                hint="Choose another in the admin, or raise PASSWORD_MAX_LENGTH if it is too low.",
                id="dbconnections.E031",
            )
        if connection.password_history_size and HISTORY not in validators:
            yield checks.Warning(
                f"Connection {connection} remembers only passwords that are set by a mailed link.",
                hint=f"Add {HISTORY} to AUTH_PASSWORD_VALIDATORS; it remembers all others.",
                id="dbconnections.W030",
            )
        if connection.ticket_lifetime > DAY:
            yield checks.Warning(
                f"Links of connection {connection} work for {connection.ticket_lifetime}.",
                hint="NIST SP 800-63B-4 allows 24 hours for a recovery code sent by e-mail.",
                id="dbconnections.W013",
            )


@register("dbconnections", deploy=True)
def check_deployment(**kwargs: Any) -> Iterable[CheckMessage]:
    """What is fine for a start, and dangerous in production."""
    if not _is_valid(*all_settings()):
        return
    if settings.BASE_URL.startswith("http://"):
        yield checks.Warning(
            "Mailed links are not https; anyone on the way can read them.",
            hint='Let DBCONNECTIONS["BASE_URL"] start with https://.',
            id="dbconnections.W014",
        )
    netloc = settings.BASE_URL.partition("://")[2].removesuffix("/").lower()
    host, _port = split_domain_port(netloc)
    if host and not validate_host(host, django_settings.ALLOWED_HOSTS):
        yield checks.Warning(
            f"Mailed links lead to {host}, which is not in ALLOWED_HOSTS.",
            hint="Add it, or correct BASE_URL.",
            id="dbconnections.W025",
        )
    if not settings.FROM_EMAIL and django_settings.DEFAULT_FROM_EMAIL == "webmaster@localhost":
        yield checks.Warning(
            "Mails come from webmaster@localhost, which most mailboxes refuse.",
            hint='Set DEFAULT_FROM_EMAIL, or DBCONNECTIONS["FROM_EMAIL"].',
            id="dbconnections.W026",
        )
    if "*" in django_settings.ALLOWED_HOSTS:
        yield checks.Warning(
            "ALLOWED_HOSTS allows every host.",
            hint="List the hosts of this site.",
            id="dbconnections.W015",
        )
    if _mailer() == (SMTP, None):
        yield checks.Warning(
            "The e-mail backend has no time-out of its own.",
            hint="Set EMAIL_TIMEOUT (or the mailer's timeout option) below DELIVERY_LEASE. Until "
            'then this app uses DBCONNECTIONS["EMAIL_TIMEOUT"] for its own mails.',
            id="dbconnections.W016",
        )
    if not (settings.RATE_LIMIT and settings.RATE_LIMIT_PER_IP):
        yield checks.Warning(
            "Requests are not limited.",
            hint="Set RATE_LIMIT and RATE_LIMIT_PER_IP in DBCONNECTIONS.",
            id="dbconnections.W017",
        )
    elif settings.RATE_LIMIT_STORAGE.startswith("memory:"):
        yield checks.Warning(
            "Each process counts requests by itself.",
            hint="With N processes a caller gets N times the limit. If there are several, set "
            'DBCONNECTIONS["RATE_LIMIT_STORAGE"] to a Redis that all of them share.',
            id="dbconnections.W018",
        )
    if settings.WAKE_UP == "thread":
        yield Info(
            "Mails are delivered by a thread of the web process; several processes are fine.",
            hint="Run `manage.py deliver_reset_emails` every minute or so: it sends what a process "
            "that died has left behind. Sending also slows the requests that follow, from which a "
            "patient stranger may tell that an account exists; WAKE_UP 'none' with "
            "`deliver_reset_emails --loop`, or 'task' with a worker, hides that where the "
            "worker has a processor core of its own.",
            id="dbconnections.I019",
        )


def _no_hosts(name: str) -> list[str]:
    """Return what is no host of those that a setting lists."""
    hosts = getattr(settings, name) if _is_valid(name) else []
    return [host for host in hosts if not is_origin(f"https://{host}") or ":" in host]


def _problem_of_policy(connection: Connection) -> str:
    """Say why nobody could set a password on a connection."""
    try:
        if _is_valid("PASSWORD_MAX_LENGTH"):
            connection.clean()
        # What it leaves to the validators of the fields.
        policy_of(connection)
    except ValidationError as error:
        return str(error.messages[0])
    return ""


def _task_backend() -> Any:
    """Return the task backend to wake; raise ``ImproperlyConfigured`` if there is none."""
    try:
        from django.tasks import task_backends
    except ImportError:
        from django_tasks import task_backends  # type: ignore[assignment]  # the same, below Django 6
    try:
        return task_backends[settings.TASK_BACKEND]
    except KeyError as missing:
        raise ImproperlyConfigured(f"Its entry in TASKS has no {missing}.") from missing


def _mailer() -> tuple[str, Any]:
    """Return the site's e-mail backend, by its dotted path, and its time-out in seconds."""
    if mailers := getattr(django_settings, "MAILERS", None):
        mailer = mailers.get("default", {})
        return mailer.get("BACKEND", SMTP), mailer.get("OPTIONS", {}).get("timeout")
    return django_settings.EMAIL_BACKEND, django_settings.EMAIL_TIMEOUT
