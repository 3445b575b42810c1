"""`POST /api/v2/tickets/password-change`: who may, for whom, and what the link does then."""

import base64
import json
import logging
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.test import Client as Browser
from django.test import modify_settings
from django.utils import timezone
from rest_framework.authtoken.models import Token

from dbconnections import delivery, signals
from dbconnections.accounts import Account, ModelUserStore
from dbconnections.models import ResetTicket, TicketState
from dbconnections.prepared import PreparedInsert
from tests.api.wire import assert_error, assert_nothing_done
from tests.factories import (
    ClientFactory,
    ConnectionFactory,
    MailedTicketFactory,
    UserFactory,
)
from tests.support.mail import link_in
from tests.support.pages import submit
from tests.support.signals import heard

URL = "/api/v2/tickets/password-change"
NEW = "walnut-ferry-41"

pytestmark = pytest.mark.django_db


@pytest.fixture
def backend() -> User:
    """The user a back end calls as."""
    user: User = UserFactory(username="backend", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_resetticket"))
    return user


@pytest.fixture
def post(client: Browser, backend: User, connection: Any) -> Any:
    """Post as the back end; ``by`` is another user, or nobody."""

    def post(fields: Any, by: User | None = backend, **extra: Any) -> Any:
        if by:
            token, _created = Token.objects.get_or_create(user=by)
            extra["headers"] = {"Authorization": f"Bearer {token.key}"} | extra.get("headers", {})
        return client.post(URL, fields, **{"content_type": "application/json"} | extra)

    return post


@pytest.fixture
def link(post: Any, jane: User) -> Any:
    """Return a link for Jane."""

    def link(**fields: Any) -> str:
        response = post({"user_id": str(jane.pk)} | fields)
        assert response.status_code == 201, response.content
        return str(response.json()["ticket"])

    return link


def set_password(browser: Browser, url: str) -> Any:
    """Follow a link and choose a new password; return the last page."""
    page = browser.get(url, follow=True)
    response = submit(browser, page, new_password1=NEW, new_password2=NEW)
    return browser.get(response["Location"])


def way_back(page: Any) -> dict[str, list[str]]:
    parts = urlsplit(page.context["return_url"])
    return {"address": [f"{parts.scheme}://{parts.netloc}{parts.path}"]} | parse_qs(parts.query)


# What it is for


def test_link_is_answered_and_nothing_is_mailed(post, jane, client):
    response = post({"user_id": str(jane.pk)})
    assert (response.status_code, response["Content-Type"]) == (201, "application/json")
    assert list(response.json()) == ["ticket"]
    url = response.json()["ticket"]
    assert url.startswith("https://login.example.com/dbconnections/reset/")
    assert url.endswith("#")
    assert delivery.deliver_due() == {}
    assert mail.outbox == []
    assert "Your new password is set" in set_password(client, url).content.decode()
    jane.refresh_from_db()
    assert jane.check_password(NEW)


def test_owner_is_told_of_the_change(link, client):
    set_password(client, link())
    assert delivery.deliver_due() == {"notified": 1}
    assert [message.to for message in mail.outbox] == [["jane@example.com"]]


def test_page_says_whose_account_it_is(link, client):
    page = client.get(link(), follow=True).content.decode()
    assert "j•••@example.com" in page
    assert "Acme Notes" in page


@pytest.mark.parametrize("prefix", ["", "auth0|"])
def test_user_id_with_and_without_auth0s_prefix(post, jane, prefix):
    assert post({"user_id": f"{prefix}{jane.pk}"}).status_code == 201


def test_email_with_connection_id(post, jane, connection):
    fields = {"email": "JANE@example.com", "connection_id": connection.connection_id}
    assert post(fields).status_code == 201
    ticket = ResetTicket.objects.get()
    assert (ticket.account, ticket.email) == (str(jane.pk), "jane@example.com")


def test_ticket_tells_the_administrator_all(link, connection, caplog):
    with caplog.at_level(logging.INFO, "dbconnections"):
        link(organization_id="org_1")
    ticket = ResetTicket.objects.with_state().get()
    assert ticket.current_state == TicketState.HANDED_OVER
    assert ticket.requested_by == "backend"
    assert ticket.ip == "127.0.0.1"
    assert ticket.organization == "org_1"
    assert [label for label, _time in ticket.timeline()] == ["requested", "handed over"]
    [record] = caplog.records
    assert record.event == "scpr"
    assert "jane" not in json.dumps(vars(record), default=str)


def test_ticket_names_the_calling_library(post, jane):
    said = base64.b64encode(b'{"name": "auth0-python", "version": "6.8.0"}').decode()
    post({"user_id": str(jane.pk)}, headers={"Auth0-Client": said})
    assert ResetTicket.objects.get().caller == "auth0-python 6.8.0"


def test_receivers_are_told(link, jane, backend):
    with heard(signals.reset_handed_over) as told:
        link()
    [said] = told
    assert said["ticket"] == ResetTicket.objects.get()
    assert (said["account"].id, said["caller_id"]) == (str(jane.pk), str(backend.pk))


def test_owner_is_told_at_the_address_before_a_change_as_well(link, client, jane):
    """Whoever took the account may change its address before the mail goes out."""
    set_password(client, link())
    User.objects.filter(pk=jane.pk).update(email="thief@example.org")
    assert delivery.deliver_due() == {"notified": 1}
    told = {address for message in mail.outbox for address in message.to}
    assert told == {"jane@example.com", "thief@example.org"}


def test_owner_is_told_even_if_the_address_was_taken_away(link, client, jane):
    set_password(client, link())
    User.objects.filter(pk=jane.pk).update(email="")
    assert delivery.deliver_due() == {"notified": 1}
    assert [message.to for message in mail.outbox] == [["jane@example.com"]]


def test_failing_to_mail_it_leaves_the_link_alone(link, client, connection):
    url = link()
    ticket = ResetTicket.objects.get()
    delivery.send_again(ticket)
    ResetTicket.objects.update(unanswered=99)
    assert delivery.deliver_due() == {"undeliverable": 1}
    assert client.get(url, follow=True).status_code == 200


def test_administrator_may_have_it_mailed_after_all(link, client):
    url = link()
    assert delivery.send_again(ResetTicket.objects.get())
    assert delivery.deliver_due() == {"sent": 1}
    assert link_in(mail.outbox[0]) == url.removesuffix("#")
    assert "127.0.0.1" not in mail.outbox[0].body, "which is the back end's"
    ticket = ResetTicket.objects.get()
    assert (ticket.sent_to, ticket.mailbox) == ("jane@example.com", "jane@example.com")


# Which links live


def test_older_links_die(link, jane, app, connection, client):
    mailed = MailedTicketFactory(user=jane, client=app, connection=connection)
    first, second = link(), link()
    mailed.refresh_from_db()
    assert mailed.superseded_at
    assert client.get(first, follow=True).status_code == 410
    assert client.get(second, follow=True).status_code == 200


def test_request_made_before_is_not_mailed_any_more(ask, link):
    """Otherwise its later mail would take away the link the back end has sent meanwhile."""
    ask()
    link()
    assert delivery.deliver_due() == {TicketState.SUPERSEDED.value: 1}
    assert mail.outbox == []


def test_request_made_afterwards_supersedes_it(ask, link, client):
    url = link()
    ask()
    assert delivery.deliver_due() == {"sent": 1}
    assert client.get(url, follow=True).status_code == 410


def test_link_dies_with_a_change_elsewhere(link, jane, client):
    url = link()
    jane.set_password("changed-elsewhere-9")
    jane.save()
    assert client.get(url, follow=True).status_code == 410


def test_refused_request_leaves_older_links_alone(post, jane, app, connection):
    mailed = MailedTicketFactory(user=jane, client=app, connection=connection)
    fields = {"user_id": str(jane.pk), "result_url": "https://evil.example/"}
    assert post(fields).status_code == 400
    mailed.refresh_from_db()
    assert not mailed.superseded_at


# How long


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [({}, 3600), ({"ttl_sec": 0}, 3600), ({"ttl_sec": None}, 3600)]
    + [({"ttl_sec": n}, n) for n in (1, 7200, 432000)],
)
def test_lifetime(link, fields, seconds):
    link(**fields)
    ticket = ResetTicket.objects.get()
    assert ticket.expires_at - ticket.requested_at == timedelta(seconds=seconds)


@pytest.mark.parametrize("ttl", [-1, 432001, 10**30, 1.5, "60", True, [], {}])
def test_lifetime_that_cannot_be(post, jane, ttl):
    assert_error(post({"user_id": str(jane.pk), "ttl_sec": ttl}), 400, "invalid_request", "ttl_sec")
    assert_nothing_done()


# Where it leads back to


@pytest.fixture
def with_way_back(app):
    app.result_url = "https://app.example.com/login#top"
    app.save()


@pytest.mark.parametrize(
    ("result_url", "address"),
    [
        ("", "https://app.example.com/login"),
        ("https://app.example.com/welcome", "https://app.example.com/welcome"),
        ("https://other.example.com/x", "https://other.example.com/x"),
        ("https://other.example.com:8443/x", "https://other.example.com:8443/x"),
    ],
)
def test_way_back(link, client, with_way_back, configure, result_url, address):
    configure(RESULT_URL_HOSTS=["other.example.com"])
    found = way_back(set_password(client, link(result_url=result_url)))
    assert found["address"] == [address]
    assert found["success"] == ["true"]
    assert "email" not in found
    assert "organization_id" not in found


def test_way_back_names_address_and_organization_when_asked_to(link, client, with_way_back):
    url = link(includeEmailInRedirect=True, organization_id="org_1")
    found = way_back(set_password(client, url))
    assert (found["email"], found["organization_id"]) == (["jane@example.com"], ["org_1"])


def test_way_back_does_not_name_the_address_for_ever(link, client, with_way_back):
    set_password(client, link(includeEmailInRedirect=True))
    for minutes, is_named in ((14, True), (16, False)):
        ResetTicket.objects.update(used_at=timezone.now() - timedelta(minutes=minutes))
        assert ("email" in way_back(client.get("/dbconnections/reset/done/"))) == is_named


@pytest.mark.parametrize(
    "result_url",
    [
        "https://evil.example/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "https://app.example.com:444/",
        "http://app.example.com/",
        "https://sub.other.example.com/",
        "//app.example.com/",
        "javascript:alert(1)",
        "https://app.example.com\\@evil.example/",
        "app.example.com",
        "/login",
    ],
)
def test_way_back_nobody_allowed(post, jane, with_way_back, configure, result_url):
    configure(RESULT_URL_HOSTS=["other.example.com"])
    response = post({"user_id": str(jane.pk), "result_url": result_url})
    assert_error(response, 400, "invalid_request", "result_url")
    assert_nothing_done()


def test_client_without_way_back_allows_none(post, jane):
    response = post({"user_id": str(jane.pk), "result_url": "https://app.example.com/"})
    assert_error(response, 400, "invalid_request", "result_url")


# Verified addresses


def test_use_marks_the_address_as_verified(link, client, jane, configure):
    options = {"email_verified_field": "is_staff"}  # any boolean field will do here
    store = {"BACKEND": "dbconnections.accounts.ModelUserStore", "OPTIONS": options}
    configure(USER_STORES={"default": store})
    url = link(mark_email_as_verified=True)
    jane.refresh_from_db()
    assert not jane.is_staff
    set_password(client, url)
    jane.refresh_from_db()
    assert jane.is_staff


def test_use_does_not_mark_it_unasked(link, client, jane, monkeypatch):
    monkeypatch.setattr(ModelUserStore, "mark_email_verified", lambda *_: pytest.fail("marked"))
    set_password(client, link())


def test_mark_that_is_not_recorded_is_refused(post, jane):
    response = post({"user_id": str(jane.pk), "mark_email_as_verified": True})
    assert_error(response, 400, "invalid_request", "mark_email_as_verified")
    assert_nothing_done()


# Who may


def test_nobody_without_a_token(post, jane):
    response = post({"user_id": str(jane.pk)}, by=None)
    assert_error(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"
    assert_nothing_done()


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer a b", "Bearer \xff", "Bearer a\0", "Basic eDp4"]
)
def test_token_that_is_none(post, jane, header):
    response = post({"user_id": str(jane.pk)}, headers={"Authorization": header})
    code = "not_authenticated" if header.startswith("Basic") else "authentication_failed"
    assert_error(response, 401, code)
    assert_nothing_done()


def test_session_is_no_token(post, jane, client, backend):
    """A page elsewhere could have a logged-in administrator's browser post it."""
    client.force_login(backend)
    assert_error(post({"user_id": str(jane.pk)}, by=None), 401, "not_authenticated")


def test_customers_may_not(post, jane):
    assert_error(post({"user_id": str(jane.pk)}, by=jane), 403, "permission_denied")
    assert_nothing_done()


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"permitted": True}])
def test_staff_without_the_permission_may_not(post, jane, backend, rights):
    """Nor may those who have it without being staff."""
    caller = UserFactory(is_staff=rights.get("is_staff", False))
    if "permitted" in rights:
        caller.user_permissions.set(backend.user_permissions.all())
    body = assert_error(post({"user_id": str(jane.pk)}, by=caller), 403, "permission_denied")
    assert "permission to add reset tickets" in body["message"]


def test_inactive_staff_may_not(post, jane, backend):
    backend.is_active = False
    backend.save()
    assert_error(post({"user_id": str(jane.pk)}), 401, "authentication_failed")


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}])
def test_link_to_staff_takes_a_superuser(post, backend, rights):
    """It opens the account, and with it whatever that account may do."""
    target = UserFactory(**rights)
    assert_error(post({"user_id": str(target.pk)}), 403, "insufficient_scope")
    assert_nothing_done()
    backend.is_superuser = True
    backend.save()
    response = post({"user_id": str(target.pk)})
    assert response.status_code == 201
    page = set_password(Browser(), response.json()["ticket"])
    assert "Your new password is set" in page.content.decode()


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}])
@pytest.mark.parametrize("is_open", [False, True])
def test_link_is_not_kept_until_its_account_becomes_staff(link, client, jane, rights, is_open):
    url = link()
    page = client.get(url, follow=True) if is_open else None
    User.objects.filter(pk=jane.pk).update(**rights)
    if page:
        response = submit(client, page, new_password1=NEW, new_password2=NEW)
    else:
        response = client.get(url, follow=True)
    assert response.status_code == 410
    jane.refresh_from_db()
    assert not jane.check_password(NEW)


@pytest.mark.parametrize("change", [{"is_staff": True}, {"email": "victim@example.org"}])
def test_account_that_changes_while_it_is_looked_for(post, jane, connection, monkeypatch, change):
    """Rights and address are judged on the row that is locked, not on the one found before."""
    get = ModelUserStore.get

    def get_after_change(self: Any, account_id: str, *, for_update: bool = False) -> Any:
        if for_update:
            User.objects.filter(pk=jane.pk).update(**change)
        return get(self, account_id, for_update=for_update)

    monkeypatch.setattr(ModelUserStore, "get", get_after_change)
    fields = {"email": jane.email, "connection_id": connection.connection_id}
    assert post(fields).status_code == (403 if "is_staff" in change else 400)
    assert_nothing_done()


@pytest.mark.parametrize("end", ["delete", "deactivate"])
def test_account_that_ends_while_it_is_looked_for(post, jane, monkeypatch, end):
    get = ModelUserStore.get

    def get_after_end(self: Any, account_id: str, *, for_update: bool = False) -> Any:
        if for_update:
            found = User.objects.filter(pk=jane.pk)
            found.delete() if end == "delete" else found.update(is_active=False)
        return get(self, account_id, for_update=for_update)

    monkeypatch.setattr(ModelUserStore, "get", get_after_end)
    assert post({"user_id": str(jane.pk)}).status_code == 400
    assert_nothing_done()


def test_site_without_tokens_lets_nobody_in(post, jane):
    with modify_settings(INSTALLED_APPS={"remove": "rest_framework.authtoken"}):
        body = assert_error(post({"user_id": str(jane.pk)}), 401, "authentication_failed")
        assert "rest_framework.authtoken is not installed" in body["message"]
        assert_error(post({"user_id": str(jane.pk)}, by=None), 401, "not_authenticated")


def test_classes_can_be_configured(post, jane, backend, configure, client):
    configure(
        MANAGEMENT_AUTHENTICATION_CLASSES=["rest_framework.authentication.SessionAuthentication"],
        MANAGEMENT_PERMISSION_CLASSES=["rest_framework.permissions.IsAuthenticated"],
    )
    assert_error(post({"user_id": str(jane.pk)}), 403, "not_authenticated")
    client.force_login(UserFactory())
    assert post({"user_id": str(jane.pk)}, by=None).status_code == 201


def test_refusals_are_logged(post, jane, caplog):
    with caplog.at_level(logging.INFO, "dbconnections"):
        post({"user_id": str(jane.pk)}, by=None)
    [record] = [record for record in caplog.records if record.name == "dbconnections"]
    assert (record.event, record.reason, record.status) == ("fcpr", "not_authenticated", 401)


# For whom


@pytest.mark.parametrize(
    "user_id", ["999999", "x", "auth0|x", "auth0|", "0", "-1", "9" * 200, "1.5", "None"]
)
def test_account_there_is_not(post, user_id):
    UserFactory(username="")
    body = assert_error(post({"user_id": user_id}), 404, "inexistent_user")
    assert body["message"] == "The user does not exist."


@pytest.mark.parametrize("form", ["0%d", "+%d", "%d_0", "auth0| %d", "auth0|auth0|%d"])
def test_user_id_is_read_exactly(post, form):
    """What Python reads as the same number is another id to the back end that sends it."""
    UserFactory(pk=471)
    UserFactory(pk=4710)
    assert_error(post({"user_id": form % 471}), 404, "inexistent_user")


def test_user_id_that_has_the_prefix_itself(post, configure):
    configure(USER_STORES={"default": {"BACKEND": f"{__name__}.Directory"}})
    for user_id, key in (("auth0|5f1", "auth0|5f1"), ("6e2", "6e2"), ("auth0|6e2", "6e2")):
        assert post({"user_id": user_id}).status_code == 201
        assert ResetTicket.objects.latest().account == key


def test_account_without_address_where_the_store_resets_such(post, configure):
    configure(USER_STORES={"default": {"BACKEND": f"{__name__}.Directory"}})
    assert post({"user_id": "5f1"}).status_code == 201
    ticket = ResetTicket.objects.get()
    assert (ticket.email, ticket.username) == ("", "login of 5f1")


def test_store_says_who_is_privileged(post, configure):
    configure(USER_STORES={"default": {"BACKEND": f"{__name__}.Directory"}})
    assert_error(post({"user_id": "root"}), 403, "insufficient_scope")


class Directory:
    """A store of accounts that are not Django's, and have no address."""

    def get(self, account_id: str, *, for_update: bool = False) -> Account | None:
        known = account_id in {"auth0|5f1", "5f1", "6e2", "root"}
        return Account(account_id, "", f"login of {account_id}", user={}) if known else None

    def is_resettable(self, account: Account) -> bool:
        return True

    def is_privileged(self, account: Account) -> bool:
        return account.id == "root"

    def fingerprint(self, account: Account) -> str:
        return "x"


def test_address_there_is_not(post, connection):
    fields = {"email": "nobody@example.com", "connection_id": connection.connection_id}
    assert_error(post(fields), 404, "inexistent_user")


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": ""}, {"password": "!"}])
def test_account_that_cannot_be_reset(post, jane, change):
    User.objects.filter(pk=jane.pk).update(**change)
    assert_error(post({"user_id": str(jane.pk)}), 400, "invalid_request", "cannot be reset")
    assert_nothing_done()


def test_address_of_several_accounts(post, jane, connection):
    UserFactory(email="jane@example.com")
    fields = {"email": "jane@example.com", "connection_id": connection.connection_id}
    assert_error(post(fields), 400, "invalid_request", "user_id")
    assert_nothing_done()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "user_id"),
        ({"user_id": "1", "email": "jane@example.com", "connection_id": "c"}, "user_id"),
        ({"email": "jane@example.com"}, "connection_id"),
        ({"user_id": 1}, "user_id"),
        ({"user_id": ["1"]}, "user_id"),
        ({"user_id": "1", "client_id": 5}, "client_id"),
        ({"user_id": "1", "organization_id": {}}, "organization_id"),
        ({"user_id": "1", "includeEmailInRedirect": "yes"}, "includeEmailInRedirect"),
        ({"user_id": "1", "includeEmailInRedirect": 1}, "includeEmailInRedirect"),
        ({"user_id": "1", "mark_email_as_verified": "true"}, "mark_email_as_verified"),
        ({"user_id": "1", "new_password": "x"}, "new_password"),
        ({"user_id": "1", "ttl": 60}, "ttl"),
        ({"user_id": "1", "identity": {"user_id": "1"}}, "identity"),
    ],
)
def test_fields_that_are_wrong_are_named(post, fields, named):
    assert_error(post(fields), 400, "invalid_request", named)
    assert_nothing_done()


# Through what


def test_unknown_client(post, jane):
    assert_error(post({"user_id": str(jane.pk), "client_id": "DEMO"}), 400, "invalid_client")


def test_unknown_connection(post, jane):
    response = post({"user_id": str(jane.pk), "connection_id": "con_unknown"})
    assert_error(response, 400, "connection not found")


@pytest.mark.parametrize("change", [{"is_active": False}, {"strategy": "google-oauth2"}])
def test_connection_that_does_not_serve(post, jane, connection, change):
    type(connection).objects.update(**change)
    assert_error(post({"user_id": str(jane.pk)}), 400, "connection not found")


def test_several_connections_must_be_told_apart(post, jane, app, connection):
    other = ConnectionFactory(clients=[app])
    assert_error(post({"user_id": str(jane.pk)}), 400, "invalid_request", "connection_id")
    fields = {"user_id": str(jane.pk), "connection_id": other.connection_id}
    assert post(fields).status_code == 201
    assert ResetTicket.objects.get().connection == other


def test_several_clients_must_be_told_apart(post, jane, connection):
    other = ClientFactory()
    connection.clients.add(other)
    assert_error(post({"user_id": str(jane.pk)}), 400, "invalid_request", "client_id")
    assert post({"user_id": str(jane.pk), "client_id": other.client_id}).status_code == 201
    assert ResetTicket.objects.get().client == other


# As any endpoint of this API


def test_it_is_there_with_and_without_a_slash(post, jane, client):
    assert client.post(f"{URL}/").status_code == 401


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/xml", ""])
def test_answer_is_json_whatever_is_accepted(post, jane, accept):
    response = post({"user_id": str(jane.pk)}, headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (201, "application/json")


def test_answer_is_never_kept(post, jane):
    response = post({"user_id": str(jane.pk)})
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in response


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods(client, backend, connection, method):
    headers = {"Authorization": f"Bearer {Token.objects.create(user=backend).key}"}
    response = getattr(client, method)(URL, headers=headers)
    assert_error(response, 405, "method_not_allowed")


def test_methods_there_are_is_all_that_options_tells(client, backend, connection):
    headers = {"Authorization": f"Bearer {Token.objects.create(user=backend).key}"}
    response = client.options(URL, headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    assert response["Allow"] == "POST, OPTIONS"
    assert_error(client.options(URL), 401, "not_authenticated")


def test_body_that_is_no_json(post):
    assert_error(post("{"), 400, "invalid_request")


def test_form_is_refused(post):
    response = post("user_id=1", content_type="application/x-www-form-urlencoded")
    body = assert_error(response, 415, "unsupported_media_type")
    assert "form" not in body["message"]


def test_database_that_cannot_decide(post, jane, monkeypatch):
    from django.db import OperationalError

    def locked(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(PreparedInsert, "run", locked)
    response = post({"user_id": str(jane.pk)})
    assert_error(response, 503, "temporarily_unavailable")
    assert response["Retry-After"] == "1"
