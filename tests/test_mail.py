"""What the two mails say, and what every mail carries."""

import email
import re
import socket
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from django.core import mail
from django.template import autoreload
from django.utils import timezone, translation

from dbconnections import links
from dbconnections import mail as mails
from dbconnections.accounts import ModelUserStore
from dbconnections.delivery import deliver_due
from dbconnections.mail import changed_message, device, mailer, reset_message
from dbconnections.models import ResetTicket
from dbconnections.secret import Secret
from dbconnections.validators import CONTROL_CHARACTERS
from tests.factories import MailedTicketFactory
from tests.pages.html import parse
from tests.support.mail import link_in, send_through
from tests.support.processes import ROOT

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)]
GIVEN = "brave-lantern-53"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


@pytest.fixture
def ticket(jane, app, connection) -> ResetTicket:
    app.result_url = "https://app.example.com/login"
    app.save()
    asked = {"ip": "192.0.2.7", "user_agent": AGENT, "used_at": timezone.now()}
    return MailedTicketFactory(user=jane, client=app, connection=connection, **asked)


@pytest.fixture
def compose_reset(ticket, jane):
    return lambda: reset_message(ticket, ModelUserStore().account_of(jane))


@pytest.fixture
def compose_changed(ticket, jane):
    return lambda: changed_message(ticket, ModelUserStore().account_of(jane), to=jane.email)


@pytest.fixture(params=["reset", "changed"])
def compose(request, compose_reset, compose_changed):
    """Return a function that writes a mail to Jane, the way delivery does."""
    return {"reset": compose_reset, "changed": compose_changed}[request.param]


def parsed(message) -> EmailMessage:
    return email.message_from_bytes(message.message().as_bytes(), policy=email.policy.default)


def html_of(message) -> str:
    [(html, _type)] = message.alternatives
    return html


def words(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


class Page(HTMLParser):
    """Counts a page's elements and collects its text and its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        self.links += [value for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data):
        self.text += data


# What they say


def test_reset_mail_has_the_link_and_the_circumstances(compose_reset, ticket):
    message = compose_reset()
    url = links.mailed_url(ticket.pk)
    assert message.subject == "Change your password for Acme Notes"
    assert link_in(message) == url
    assert Page(html_of(message)).links == [url, f"{url}#decline"]
    for text in (message.body, Page(html_of(message)).text):
        for part in ("account jane in Acme Notes", "Device: Firefox on Linux"):
            assert part in words(text)


def test_mail_leads_to_the_button_that_stops_the_link(compose_reset, ticket, client):
    ResetTicket.objects.update(used_at=None)
    path, _hash, fragment = Page(html_of(compose_reset())).links[1].partition("#")
    page = parse(client.get(path, follow=True, secure=True))
    [button] = [e for e in page.one("form", id=fragment).inside if e.tag == "button"]
    assert button["value"] == "decline"


def test_changed_mail_has_no_link_but_to_ask_for_another(compose_changed):
    message = compose_changed()
    asking = (
        "https://login.example.com/dbconnections/change_password/form"
        "?client_id=demo&connection=Username-Password-Authentication"
    )
    assert message.subject == "Your password for Acme Notes was changed"
    assert Page(html_of(message)).links == [asking]
    for text in (message.body, Page(html_of(message)).text):
        assert "jane" in text
        assert "/dbconnections/reset/" not in text
        assert asking in text


def test_changed_mail_leads_to_support_where_nobody_may_ask(compose_changed, ticket):
    ticket.connection.disable_self_service_change_password = True
    message = compose_changed()
    assert Page(html_of(message)).links == []
    for text in (message.body, Page(html_of(message)).text):
        assert "have support lock the account" in text
        assert "https://" not in text


def test_mail_for_a_given_password_asks_to_confirm_and_does_not_name_it(compose_reset, ticket):
    plain = compose_reset()
    ticket.client.accepts_password = True
    ticket.sealed_password = links.seal(Secret(GIVEN), ticket.pk)
    message = compose_reset()
    assert "confirm" in message.body
    assert "confirm" in html_of(message)
    assert "confirm" not in plain.body
    assert "confirm" not in html_of(plain)
    assert GIVEN not in message.message().as_string()
    assert ticket.sealed_password not in message.message().as_string()


@pytest.mark.parametrize("shown", [True, False])
def test_ip_address_is_told_only_where_the_site_says_so(compose_reset, settings, shown):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"MAIL_SHOWS_IP": shown}
    message = compose_reset()
    for text in (message.body, Page(html_of(message)).text):
        assert ("IP address: 192.0.2.7" in words(text)) is shown
        assert ("192.0.2.7" in text) is shown


def test_circumstances_that_are_not_known_are_left_out(compose_reset, ticket, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"MAIL_SHOWS_IP": True}
    ticket.ip, ticket.user_agent = None, ""
    message = compose_reset()
    for text in (message.body, Page(html_of(message)).text):
        assert "Requested:" in text
        assert "Device" not in text
        assert "IP address" not in text
        assert "None" not in text


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (AGENT, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/143.0 Safari/537.36 Edg/143.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/26.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/143.0 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macOS"),
        ("curl/8.5.0", "curl"),
        ("Pay up at https://evil.example", ""),
        ("", ""),
    ],
)
def test_device_is_named_in_our_words_only(user_agent, expected):
    assert device(user_agent) == expected


# What every mail carries


def test_mail_is_text_and_html_to_one_person(compose):
    message = parsed(compose())
    assert message.get_content_type() == "multipart/alternative"
    parts = [part.get_content_type() for part in message.iter_parts()]
    assert parts == ["text/plain", "text/html"]
    assert message.get_all("To") == ["jane@example.com"]
    assert message["Cc"] is message["Bcc"] is None


def test_mail_is_marked_as_automatic(compose):
    """So that no vacation notice answers, and quotes the link."""
    message = parsed(compose())
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"


@pytest.mark.parametrize(
    ("base_url", "requested_at", "domain"),
    [
        ("https://login.example.com:8443", "", "login.example.com"),
        ("", "http://127.0.0.1:8000", "127.0.0.1"),
    ],
)
def test_message_id_has_the_domain_of_the_site(
    compose, ticket, settings, base_url, requested_at, domain
):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"BASE_URL": base_url}
    ticket.base_url = requested_at
    first, second = parsed(compose()), parsed(compose())
    assert first["Message-ID"].strip().endswith(f"@{domain}>")
    # The same mail sent again is not to be taken for one that is there already.
    assert first["Message-ID"] != second["Message-ID"]


@pytest.mark.parametrize(
    ("configured", "expected"),
    [("", "noreply@example.com"), ("Acme <no-reply@example.com>", "Acme <no-reply@example.com>")],
)
def test_sender_is_the_sites(compose, settings, configured, expected):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"FROM_EMAIL": configured}
    assert parsed(compose())["From"] == expected


def test_mail_is_not_tracked_and_is_labelled_for_the_provider(ticket, jane):
    ResetTicket.objects.update(due_at=ticket.requested_at, used_at=None)
    with send_through("anymail.backends.test.EmailBackend"):
        assert deliver_due() == {"sent": 1}
    [message] = mail.outbox
    sent = message.anymail_test_params
    assert sent["tags"] == ["password-reset"]
    assert sent["metadata"] == {"ticket": str(ticket.pk), "mail": "reset"}
    assert (sent["track_clicks"], sent["track_opens"]) == (False, False)


def test_mails_are_told_apart_for_the_provider(compose):
    expected = {"Change": "password-reset", "Your": "password-changed"}
    message = compose()
    assert message.tags == [expected[message.subject.split()[0]]]
    assert message.tags == [f"password-{message.metadata['mail']}"]


# Whatever the names say

HEADERS = sorted(
    [
        "Auto-Submitted",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
        "X-Auto-Response-Suppress",
    ]
)


def rename(ticket, jane, name) -> None:
    """Have everything a mail shows say the same."""
    ticket.client.name = jane.username = name
    ticket.organization = ticket.user_agent = name


def test_control_characters_in_names_make_no_header(compose, ticket, jane):
    for control in CONTROLS:
        rename(ticket, jane, f"Acme{control}Bcc: evil@example.com{control}{control}Pay up")
        message = parsed(compose())
        assert sorted(message.keys()) == HEADERS, hex(ord(control))
        assert message["To"] == "jane@example.com"
        assert not re.search(CONTROL_CHARACTERS, message["Subject"])
        assert "evil@example.com" in message["Subject"]


def test_control_characters_in_an_address_make_no_header(compose, jane):
    for control in CONTROLS:
        jane.email = f"jane@example.com{control}Bcc: evil@example.com"
        try:
            message = parsed(compose())
        except (ValueError, MessageError):
            continue  # It is not sent at all.
        assert sorted(message.keys()) == HEADERS, hex(ord(control))


def test_subject_is_one_line_however_long_the_name(compose, ticket):
    ticket.client.name = f"Acme {'ö ' * 200}"
    subject = compose().subject
    assert "\n" not in subject
    assert parsed(compose())["Subject"].strip() == subject


HOSTILE = """<b>&amp;"'</b><script src=//evil.example></script>{{ url }}{% load i18n %}"""


def test_names_make_no_markup(compose, ticket, jane):
    rename(ticket, jane, "Acme")
    harmless = Page(html_of(compose()))
    rename(ticket, jane, HOSTILE)
    page = Page(html_of(compose()))
    assert page.elements == harmless.elements
    assert page.links == harmless.links
    assert HOSTILE in page.text


def test_names_are_not_escaped_in_the_text(compose, ticket, jane):
    rename(ticket, jane, "R&D <\"'>")
    message = compose()
    assert "R&D <\"'>" in message.body
    assert "R&D <\"'>" in message.subject


# Templates of the site


@pytest.fixture
def own(settings, tmp_path):
    """Return a function that adds a template of the site's own."""
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]

    def own(path: str, text: str) -> None:
        template = tmp_path / "dbconnections" / "mail" / path
        template.parent.mkdir(parents=True, exist_ok=True)
        template.write_text(text)
        autoreload.reset_loaders()

    return own


@pytest.mark.parametrize("name", ["subject.txt", ".txt", ".html"])
def test_site_client_and_connection_may_have_their_own_mails(own, compose_reset, ticket, name):
    def compose() -> str:
        message = compose_reset()
        return {"subject.txt": message.subject, ".txt": message.body, ".html": html_of(message)}[
            name
        ]

    file = f"reset{'_' if name == 'subject.txt' else ''}{name}"
    assert "Acme" in compose()
    own(file, "of the site for {{ application }}")
    assert compose() == "of the site for Acme Notes"
    own(f"connections/{ticket.connection.name}/{file}", "of the connection for {{ account }}")
    assert compose() == "of the connection for jane"
    own(f"clients/other/{file}", "of another client")
    own(f"connections/Other/{file}", "of another connection")
    assert compose() == "of the connection for jane"
    own(f"clients/demo/{file}", "of the client at {{ url }}")
    assert compose() == f"of the client at {links.mailed_url(ticket.pk)}"


def test_subject_of_a_template_may_end_with_a_newline(own, compose_changed):
    own("changed_subject.txt", "\n  Changed:\n{{ application }}\n")
    assert compose_changed().subject == "Changed: Acme Notes"


# Styles


def test_styles_of_a_sites_own_template_are_inlined(own, compose_reset):
    own("reset.html", "<style>p { color: #00f } @media print { p { color: #000 } }</style><p>Hello")
    html = html_of(compose_reset())
    assert '<p style="color: #00f;">Hello' in html
    assert "@media print { p { color: #000 } }" in html
    assert "p { color: #00f }" not in html


def test_one_block_of_a_mail_may_be_replaced(own, compose_reset):
    whole = html_of(compose_reset())
    own(
        "clients/demo/reset.html",
        '{% extends "dbconnections/mail/reset.html" %}'
        "{% block style %}{{ block.super }} h1 { color: #0000ff; }{% endblock %}"
        '{% block footer %}<p class="foot">Acme Inc.</p>{% endblock %}',
    )
    html = html_of(compose_reset())
    assert "Acme Inc." in html
    assert "never ask" in whole
    assert "never ask" not in html
    assert re.search(r'<h1 style="[^"]*color: #0000ff', html)
    assert Page(html).links == Page(whole).links


def test_no_style_sheet_is_fetched(own, compose_reset, tmp_path):
    sheet = tmp_path / "mail.css"
    sheet.write_text("p { color: #f00 }")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        for address in (sheet, sheet.as_uri(), f"http://127.0.0.1:{server.getsockname()[1]}/"):
            link = f'<link rel="stylesheet" href="{address}">'
            own("reset.html", f"{link}<style>p {{ margin: 0 }} @import '{address}';</style><p>Hi")
            html = html_of(compose_reset())
            assert '<p style="margin: 0;">Hi' in html
            assert "<link" not in html
        with pytest.raises(BlockingIOError):
            server.accept()


def test_mail_whose_styles_cannot_be_inlined_is_sent_as_it_is(own, compose_reset, ticket, caplog):
    own("reset.html", "<style>p { margin: 0 }</style><p style='no style'>{{ url }}</p>")
    html = html_of(compose_reset())
    assert (
        html
        == f"<style>p {{ margin: 0 }}</style><p style='no style'>{links.mailed_url(ticket.pk)}</p>"
    )
    [record] = caplog.records
    assert record.getMessage() == "The styles of a mail could not be inlined: InlineError."
    assert record.exc_info is None


class Panic(BaseException):
    """What a panic in a library written in Rust becomes: no `Exception`."""


@pytest.mark.parametrize("failure", [Panic, ImportError, MemoryError])
def test_mail_is_sent_whatever_the_inliner_fails_with(compose, monkeypatch, failure):
    whole = Page(html_of(compose()))

    def fail():
        raise failure

    monkeypatch.setattr(mails, "_inliner", fail)
    page = Page(html_of(compose()))
    assert page.links == whole.links
    del whole.elements["tbody"]  # the inliner adds what browsers add
    assert page.elements == whole.elements


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit])
def test_process_that_is_told_to_end_does_so(compose, monkeypatch, failure):
    def fail():
        raise failure

    monkeypatch.setattr(mails, "_inliner", fail)
    with pytest.raises(failure):
        compose()


def test_inliner_is_loaded_with_the_first_mail_only():
    """Most processes of a site send none."""
    code = (
        "import django, sys; django.setup(); import dbconnections.mail, dbconnections.delivery;"
        "assert 'css_inline' not in sys.modules;"
        "dbconnections.mail.inlined('<style>p { margin: 0 }</style><p>');"
        "assert 'css_inline' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# Languages


@pytest.fixture
def asked_in_january(ticket, settings) -> ResetTicket:
    settings.TIME_ZONE = "UTC"
    ticket.requested_at = ticket.used_at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    ticket.expires_at = ticket.requested_at + timedelta(hours=1)
    return ticket


@pytest.mark.parametrize(
    ("language", "date"), [("en", "Jan. 5, 2026, 10 a.m. UTC"), ("de", "5. Januar 2026 10:00 UTC")]
)
def test_mail_is_in_the_language_of_the_request(compose, asked_in_january, language, date):
    asked_in_january.language = language
    with translation.override("fr"):
        message = compose()
        assert translation.get_language() == "fr"
    assert date in words(message.body)
    assert date in words(Page(html_of(message)).text)
    assert f'<html lang="{language}"' in html_of(message)


def test_mail_of_an_unknown_language_is_in_that_of_the_site(compose, asked_in_january, settings):
    settings.LANGUAGE_CODE = "de"
    asked_in_january.language = ""
    message = compose()
    assert "5. Januar 2026 10:00 UTC" in words(message.body)
    assert '<html lang="de"' in html_of(message)


# Mail servers


@pytest.mark.parametrize(
    ("own_timeout", "configured", "expected"),
    [
        (None, timedelta(seconds=30), 30),
        (None, timedelta(seconds=0.5), 0.5),
        (7, timedelta(seconds=30), 7),
    ],
)
def test_mail_server_is_not_waited_for_without_end(settings, own_timeout, configured, expected):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"EMAIL_TIMEOUT": configured}
    options = {"host": "127.0.0.1", "timeout": own_timeout}
    with send_through("django.core.mail.backends.smtp.EmailBackend", **options):
        assert mailer().timeout == expected


# Branding


@pytest.mark.parametrize(
    ("static_url", "address"),
    [
        ("/static/", "https://login.example.com/static/example_project/icon.svg"),
        ("https://cdn.example.com/s/", "https://cdn.example.com/s/example_project/icon.svg"),
        ("//cdn.example.com/s/", "https://cdn.example.com/s/example_project/icon.svg"),
    ],
)
def test_logo_has_its_full_address(compose, own, app, settings, static_url, address):
    settings.STATIC_URL = static_url
    app.logo = "example_project/icon.svg"
    for name in ("reset", "changed"):
        own(f"{name}.txt", "{{ brand.logo_url }} {{ brand.name }} {{ brand.accent }}")
    assert compose().body == f"{address} Acme Notes #3d63dd"


def test_logo_from_elsewhere_stays_as_it_is(compose, own, app, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"LOGO_HOSTS": ["cdn.example.com"]}
    app.logo = "https://cdn.example.com/logo.png"
    for name in ("reset", "changed"):
        own(f"{name}.txt", "{{ brand.logo_url }}")
    assert compose().body == "https://cdn.example.com/logo.png"


def test_no_logo_is_no_address(compose, own):
    for name in ("reset", "changed"):
        own(f"{name}.txt", "[{{ brand.logo_url }}]")
    assert compose().body == "[]"
