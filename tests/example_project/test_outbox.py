"""The outbox: mails in files, shown in the browser."""

from datetime import UTC, datetime
from pathlib import Path

import django
import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.urls import include, path, reverse

from dbconnections.mail import mailer
from example_project.outbox.mails import read_outbox

pytestmark = pytest.mark.urls(__name__)
urlpatterns = [
    path("outbox/", include("example_project.outbox.urls")),
    path("", include("example_project.urls")),
]

LINK = "http://127.0.0.1:8000/lo/reset?ticket=abc_DEF-123&again=1"


@pytest.fixture(autouse=True)
def directory(settings, tmp_path: Path) -> Path:
    """Have the site write its mails here."""
    backend = "django.core.mail.backends.filebased.EmailBackend"
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": {"file_path": tmp_path}}}
    else:
        settings.EMAIL_BACKEND = backend
        settings.EMAIL_FILE_PATH = tmp_path
    settings.MAIL_DIR = tmp_path
    return tmp_path


def mail(subject: str = "Hello", body: str = "Hello Jane", html: str = "") -> EmailMessage:
    message = EmailMultiAlternatives(subject, body, "noreply@example.com", ["jane@example.com"])
    if html:
        message.attach_alternative(html, "text/html")
    return message


def send(*messages: EmailMessage) -> None:
    mailer().send_messages(messages)


def test_mails_sent_together_are_in_one_file_and_told_apart(directory):
    send(mail("First"), mail("Second", html="<p>Hello</p>"), mail("Third"))
    assert len(list(directory.iterdir())) == 1
    assert [mail.subject for mail in read_outbox()] == ["Third", "Second", "First"]
    assert len({mail.id for mail in read_outbox()}) == 3


def test_newest_is_first_whatever_the_file():
    older, newer = mail("Older"), mail("Newer")
    older.extra_headers["Date"] = "Mon, 05 Jan 2026 10:00:00 -0000"
    newer.extra_headers["Date"] = "Mon, 05 Jan 2026 10:00:01 +0000"
    send(newer)
    send(older)
    assert [mail.subject for mail in read_outbox()] == ["Newer", "Older"]
    assert read_outbox()[1].sent_at == datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_mail_without_a_date_has_that_of_its_file(directory):
    (directory / "a.log").write_bytes(b"Subject: Hello\n\nHi\n" + b"-" * 79 + b"\n")
    assert read_outbox()[0].sent_at.date() == datetime.now(UTC).date()


def test_parts_are_decoded():
    text, html = f"Grüße, Zoë\n\n{LINK}\n", f'<p>Zoë <a href="{LINK}">öffnen</a></p>\n'
    send(mail("Schlüssel für Zoë", text, html))
    [found] = read_outbox()
    assert found.subject == "Schlüssel für Zoë"
    assert found.recipients == "jane@example.com"
    assert found.text == text
    assert found.html == html
    assert ("From", "noreply@example.com") in found.headers


def test_line_of_dashes_in_a_mail_does_not_end_it():
    send(mail(body=f"above\n{'-' * 79}\nbelow"), mail("Second"))
    assert [mail.subject for mail in read_outbox()] == ["Second", "Hello"]
    assert "below" in read_outbox()[1].text


def test_mail_that_is_being_written_is_left_out(directory):
    send(mail("Whole"))
    [file] = directory.iterdir()
    with file.open("ab") as stream:
        stream.write(b"Subject: Half\n\nHel")
    assert [mail.subject for mail in read_outbox()] == ["Whole"]


@pytest.mark.parametrize("exists", [True, False])
def test_outbox_may_be_empty(client, directory, exists):
    if not exists:
        directory.rmdir()
    assert "Nothing yet" in client.get("/outbox/").text


def test_list_links_to_each_mail(client):
    send(mail("<b>First</b>"))
    [found] = read_outbox()
    page = client.get("/outbox/").text
    assert f'href="{reverse("mail", args=[found.id])}"' in page
    assert "&lt;b&gt;First&lt;/b&gt;" in page
    assert "jane@example.com" in page


def test_mail_page_shows_text_with_live_links_and_all_headers(client):
    send(mail(body=f"Open this link:\n\n{LINK}\n\n<script>"))
    [found] = read_outbox()
    page = client.get(reverse("mail", args=[found.id])).text
    assert f'<a href="{LINK.replace("&", "&amp;")}"' in page
    assert "&lt;script&gt;" in page
    assert all(f"<dt>{name}</dt>" in page for name, _value in found.headers)
    assert "<iframe" not in page


def test_html_part_is_shut_in_a_frame_that_links_can_leave(client):
    send(mail(html=f'<!doctype html><a href="{LINK}">Reset</a>'))
    [found] = read_outbox()
    address = reverse("mail_html", args=[found.id])
    page = client.get(reverse("mail", args=[found.id])).text
    assert f'<iframe class="card" src="{address}"' in page

    response = client.get(address)
    assert response.text == f'<!doctype html><base target="_top">{found.html}'
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "allow-top-navigation-by-user-activation" in policy
    assert "allow-scripts" not in policy


@pytest.mark.parametrize("name", ["mail", "mail_html"])
def test_unknown_mail_is_not_found(client, name):
    assert client.get(reverse(name, args=["unknown"])).status_code == 404
