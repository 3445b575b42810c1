"""The two mails: the one with the link, and the one that says the password was changed."""

import django
from django.conf import settings as django_settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend as SMTPBackend
from django.template.loader import select_template
from django.utils import translation
from django.utils.translation import gettext as _

from dbconnections import links
from dbconnections.accounts import Account
from dbconnections.conf import settings
from dbconnections.models import ResetTicket
from dbconnections.validators import CONTROL_CHARACTERS


def reset_message(ticket: ResetTicket, account: Account) -> EmailMultiAlternatives:
    """Return the mail with the link, in the language of the request."""
    context = {
        "url": links.mailed_url(ticket.pk, fallback=ticket.base_url),
        "expires_at": ticket.expires_at,
        "password_given": bool(ticket.sealed_password),
        "asked_by_support": bool(ticket.requested_by),
    }
    return _message("reset", ticket, account, context)


def changed_message(ticket: ResetTicket, account: Account, to: str) -> EmailMultiAlternatives:
    """Return the mail that tells a person of a change they may not have made."""
    return _message("changed", ticket, account, {"changed_at": ticket.used_at}, to)


def _message(
    name: str, ticket: ResetTicket, account: Account, context: dict[str, object], to: str = ""
) -> EmailMultiAlternatives:
    with translation.override(ticket.language or django_settings.LANGUAGE_CODE):
        context |= {
            "application": ticket.client.name,
            "connection": ticket.connection.name,
            "account": account.login,
            "user": account.user,
            "requested_at": ticket.requested_at,
            # Not those of a back end or an administrator, which say nothing to the person.
            "ip": "" if ticket.requested_by else ticket.ip or "",
            "user_agent": "" if ticket.requested_by else device(ticket.user_agent),
            "organization": ticket.organization,
            "return_url": ticket.client.result_url,
        }
        subject = _render(f"{name}_subject.txt", ticket, context)
        message = EmailMultiAlternatives(
            subject=" ".join(CONTROL_CHARACTERS.sub(" ", subject).split()),
            body=_render(f"{name}.txt", ticket, context),
            from_email=settings.FROM_EMAIL or None,
            to=[to or account.email],
            # RFC 3834: no vacation notice should answer, least of all one that quotes the link.
            headers={"Auto-Submitted": "auto-generated"},
        )
        message.attach_alternative(_render(f"{name}.html", ticket, context), "text/html")
    # Read by anymail's backends, ignored by all others. A link rewritten to count clicks is a
    # link handed to a third party.
    vars(message).update(
        tags=["password-reset" if name == "reset" else "password-changed"],
        metadata={"ticket": str(ticket.pk), "mail": name},
        track_clicks=False,
        track_opens=False,
    )
    return message


def device(user_agent: str) -> str:
    """Name browser and system as far as they are known, such as "Firefox on Android".

    Never the header itself: whoever asks chooses its text, and would have us mail it to others.
    """
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system


# In this order: most browsers also name those they descend from.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def _render(name: str, ticket: ResetTicket, context: dict[str, object]) -> str:
    """Render a template, the client's own before the connection's before the app's."""
    template = select_template(
        [
            f"dbconnections/mail/clients/{ticket.client.client_id}/{name}",
            f"dbconnections/mail/connections/{ticket.connection.name}/{name}",
            f"dbconnections/mail/{name}",
        ]
    )
    return str(template.render(context))


def mailer() -> BaseEmailBackend:
    """Return the site's e-mail backend, which never waits for a server without end."""
    if django.VERSION >= (6, 1):
        from django.core.mail import mailers

        backend = mailers.default
    else:
        from django.core.mail import get_connection

        backend = get_connection()
    if isinstance(backend, SMTPBackend) and backend.timeout is None:
        backend.timeout = settings.EMAIL_TIMEOUT.total_seconds()
    # A provider that has no click tracking to switch off, say, is no reason not to mail a link.
    if hasattr(backend, "ignore_unsupported_features"):  # one of anymail's
        backend.ignore_unsupported_features = True
    return backend
