"""What a real client of *Have I Been Pwned* does with a service on this machine."""

import hashlib
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dbconnections import tickets
from dbconnections.passwords import PasswordRefused
from dbconnections.passwords.breaches import check_breaches
from dbconnections.secret import Secret
from tests.factories import MailedTicketFactory

KNOWN = Secret("known-kettle-88")
FRESH = Secret("fresh-kettle-88")


class Service(BaseHTTPRequestHandler):
    asked: list[str] = []
    status = 200

    def do_GET(self):
        self.asked.append(self.path)
        digest = hashlib.sha1(KNOWN.reveal().encode(), usedforsecurity=False).hexdigest().upper()
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(f"{'0' * 35}:7\r\n{digest[5:]}:1,234".encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def service(monkeypatch, settings):
    from pwned_passwords_django.api import PwnedPasswords

    monkeypatch.setattr(Service, "asked", [])
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "BREACHED_PASSWORDS": "refuse"}
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/range/"
        monkeypatch.setattr(PwnedPasswords, "api_endpoint", address)
        yield Service
        server.shutdown()
        thread.join()


def test_password_known_from_a_breach(service):
    with pytest.raises(PasswordRefused) as refused:
        check_breaches(KNOWN)
    assert refused.value.name == "PasswordBreachedError"
    assert str(refused.value) == "Password is known from a data breach"
    assert refused.value.description == ""
    assert refused.value.sentences == ["This password is known from a data breach. Choose another."]
    check_breaches(FRESH)


def test_service_learns_five_digits_of_a_hash(service):
    check_breaches(FRESH)
    [path] = service.asked
    assert len(path) == len("/range/12345")


@pytest.mark.django_db
def test_link_refuses_it_and_works_on(service, jane, app, connection):
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    with pytest.raises(PasswordRefused):
        tickets.redeem(ticket.pk, password=KNOWN)
    tickets.redeem(ticket.pk, password=FRESH)


def test_request_asks_nobody(service, ask, legacy_app):
    assert ask(client_id=legacy_app.client_id, password=KNOWN.reveal()).status_code == 200
    assert service.asked == []


def test_service_that_fails_lets_passwords_through(service, monkeypatch, caplog):
    monkeypatch.setattr(service, "status", 503)
    check_breaches(KNOWN)
    [record] = [record for record in caplog.records if record.name == "dbconnections"]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("A password was not checked for breaches: ")
    assert KNOWN.reveal() not in caplog.text


def test_service_that_fails_lets_nothing_through_where_that_is_wanted(
    service, monkeypatch, settings
):
    monkeypatch.setattr(service, "status", 503)
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "BREACHED_PASSWORDS": "refuse_unchecked"}
    with pytest.raises(PasswordRefused) as refused:
        check_breaches(FRESH)
    assert "cannot be checked at the moment" in refused.value.sentences[0]


def test_nobody_is_asked_by_default(service, settings):
    del settings.DBCONNECTIONS["BREACHED_PASSWORDS"]
    check_breaches(KNOWN)
    assert service.asked == []
