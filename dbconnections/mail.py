"""The two mails: the one with the link, and the one that says the password was changed."""

import logging
import re
from dataclasses import replace
from datetime import timedelta
from email.utils import make_msgid
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
from dbconnections.branding import brand_of
from dbconnections.conf import settings
from dbconnections.models import ResetTicket
from dbconnections.validators import CONTROL_CHARACTERS

if TYPE_CHECKING:
    from css_inline import CSSInliner

logger = logging.getLogger("dbconnections")


def reset_message(ticket: ResetTicket, account: Account) -> EmailMultiAlternatives:
    """Return the mail with the link, in the language of the request."""
    url = links.mailed_url(ticket.pk, fallback=ticket.base_url)
    context = {
        "url": url,
        # To the same page, at the button that stops the link.
        "decline_url": f"{url}#decline",
        "expires_at": ticket.expires_at,
        "password_given": bool(ticket.sealed_password),
        "asked_by_support": bool(ticket.requested_by),
        **lifetime(ticket.expires_at - ticket.requested_at),
    }
    return _message("reset", ticket, account, context)


def changed_message(ticket: ResetTicket, account: Account, to: str) -> EmailMultiAlternatives:
    """Return the mail that tells a person of a change they may not have made."""
    context: dict[str, object] = {"changed_at": ticket.used_at, "ask_url": ask_url(ticket)}
    return _message("changed", ticket, account, context, to)


def ask_url(ticket: ResetTicket) -> str:
    """Return the address of the page to ask for a new link; empty where nobody may ask."""
    if ticket.connection.disable_self_service_change_password:
        return ""
    path = links.ask_url(ticket.client.client_id, ticket.connection.name)
    return links.absolute(path, ticket.base_url)


def _message(
    name: str, ticket: ResetTicket, account: Account, context: dict[str, object], to: str = ""
) -> EmailMultiAlternatives:
    with translation.override(ticket.language or django_settings.LANGUAGE_CODE):
        brand = brand_of(ticket.client, ticket.connection)
        context |= {
            "brand": replace(brand, logo_url=loadable(brand.logo_url, ticket.base_url)),
            "application": brand.name,
            "connection": ticket.connection.name,
            "account": account.login,
            "user": account.user,
            "requested_at": ticket.requested_at,
            # Not those of a back end or an administrator, which say nothing to the person.
            "ip": "" if ticket.requested_by or not settings.MAIL_SHOWS_IP else ticket.ip or "",
            "device": "" if ticket.requested_by else device(ticket.user_agent),
            "organization": ticket.organization,
            "return_url": ticket.client.result_url,
        }
        subject = _render(f"{name}_subject.txt", ticket, context)
        message = EmailMultiAlternatives(
            subject=" ".join(re.sub(CONTROL_CHARACTERS, " ", subject).split()),
            # What a template leaves out for lack of a value leaves its blank lines behind.
            body=_BLANK_LINES.sub("\n\n", _render(f"{name}.txt", ticket, context)),
            from_email=settings.FROM_EMAIL or None,
            to=[to or account.email],
            headers=_headers(ticket),
        )
        html = inlined(_render(f"{name}.html", ticket, context))
        message.attach_alternative(html, "text/html")
    # Read by anymail's backends, ignored by all others. A link rewritten to count clicks is a
    # link handed to a third party.
    vars(message).update(
        tags=["password-reset" if name == "reset" else "password-changed"],
        metadata={"ticket": str(ticket.pk), "mail": name},
        track_clicks=False,
        track_opens=False,
    )
    return message


def loadable(address: str, base_url: str) -> str:
    """Return the address of a picture as a mail has to have it: in full."""
    if address.startswith("//"):
        return f"https:{address}"
    return links.absolute(address, base_url) if address.startswith("/") else address


_BLANK_LINES = re.compile(r"\n{3,}")


def _headers(ticket: ResetTicket) -> dict[str, str]:
    return {
        # RFC 3834: no vacation notice should answer, least of all one that quotes the link.
        # Exchange heeds its own header instead.
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        # Django would name the machine, which is nobody's business and slow to find out.
        "Message-ID": make_msgid(domain=urlsplit(links.absolute("", ticket.base_url)).hostname),
    }


def lifetime(duration: timedelta) -> dict[str, int]:
    """Return how long a link lasts in one of days, hours and minutes, the others being 0.

    Two days or more are told in days, two hours or more in hours; what is over is left out.
    """
    minutes = max(1, round(duration / timedelta(minutes=1)))
    days = minutes // (24 * 60) if minutes >= 2 * 24 * 60 else 0
    hours = minutes // 60 if not days and (minutes >= 2 * 60 or minutes == 60) else 0
    # All of them: Django logs the whole context, and thereby the link, for one that is missing.
    return {
        "lasts_days": days,
        "lasts_hours": hours,
        "lasts_minutes": 0 if days or hours else minutes,
    }


def inlined(html: str) -> str:
    """Copy the rules of a mail's <style> into its elements, as many mail clients need them.

    @-rules stay in a <style>. Nothing is fetched: a <link> to a style sheet is dropped. A mail
    that cannot be inlined is returned as it is, for it can be read without its styles too.
    """
    if "<style" not in html:
        return html
    failure: BaseException
    try:
        return _inliner().inline(html)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library, which is in Rust, is no Exception
        failure = error
    # The error's text may quote the mail.
    logger.error("The styles of a mail could not be inlined: %s.", type(failure).__name__)
    return html


@cache
def _inliner() -> "CSSInliner":
    # Imported here: only what sends mails needs it.
    from css_inline import CSSInliner

    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


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
    # A copy, for a template sets variables in what it is given.
    return str(template.render(context.copy()))


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
