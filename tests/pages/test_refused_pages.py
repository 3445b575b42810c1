"""Every way a link dies: what the page says, that it leads on, and that nothing is changed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dbconnections import links, tickets
from dbconnections.models import ResetTicket
from dbconnections.secret import Secret
from tests.factories import PASSWORD, MailedTicketFactory
from tests.pages.html import parse
from tests.pages.person import NEW_PASSWORD, RESET, has_password, is_unchanged

WAY_BACK = "https://app.example.com/login"


def row(**columns):
    return lambda ticket, user: ResetTicket.objects.filter(pk=ticket.pk).update(**columns)


def on(name, **values):
    """Change and save what the ticket belongs to."""

    def change(ticket, user):
        thing = user if name == "user" else getattr(ticket, name)
        for attribute, value in values.items():
            setattr(thing, attribute, value)
        thing.save()

    return change


def supersede(ticket, user):
    fields = {"client": ticket.client, "connection": ticket.connection, "user": user}
    newer = MailedTicketFactory(**fields)
    tickets.supersede(newer, newer.account)


def change_password(ticket, user):
    user.set_password("elsewhere-kettle-1")
    user.save()


def set_same_password(ticket, user):
    user.set_password(PASSWORD)
    user.save()


def disable_password(ticket, user):
    user.set_unusable_password()
    user.save()


NOW = timezone.now()

# Each way with the reason the page gives.
ENDS = {
    "used": ("used", lambda t, user: tickets.redeem(t.pk, password=Secret("other-kettle-99"))),
    "expired": ("expired", row(expires_at=NOW - timedelta(days=1))),
    "declined": ("revoked", lambda ticket, user: tickets.revoke(ticket.pk, "declined")),
    "administrator": ("revoked", lambda ticket, user: tickets.revoke(ticket.pk, "administrator")),
    "superseded": ("superseded", supersede),
    "password changed": ("changed", change_password),
    "same password set anew": ("changed", set_same_password),
    "address changed": ("changed", on("user", email="jane@elsewhere.example")),
    "account without a password": ("closed", disable_password),
    "account without an address": ("closed", on("user", email="")),
    "account inactive": ("closed", on("user", is_active=False)),
    "account deleted": ("closed", lambda ticket, user: user.delete()),
    "client inactive": ("closed", on("client", is_active=False)),
    "connection inactive": ("closed", on("connection", is_active=False)),
    "connection no database": ("closed", on("connection", strategy="google-oauth2")),
    "connection not enabled": ("closed", lambda t, user: t.connection.clients.clear()),
    "not bound to an account": ("closed", row(fingerprint="")),
    "no account": ("closed", row(no_account_at=NOW)),
    "suppressed": ("closed", row(suppressed_at=NOW)),
    "undeliverable": ("closed", row(undeliverable_at=NOW)),
    "deleted": ("unknown", lambda ticket, user: ResetTicket.objects.all().delete()),
}

TITLES = {reason.value: str(reason.label) for reason in tickets.Reason}

every_end = pytest.mark.parametrize(("reason", "end"), ENDS.values(), ids=ENDS)


@every_end
@pytest.mark.parametrize("kind", ["ticket", "sealed_ticket"])
def test_dead_link_says_why(request, follow, jane, kind, reason, end):
    ticket = request.getfixturevalue(kind)
    end(ticket, jane)
    response = follow(ticket)
    assert response.status_code == (404 if reason == "unknown" else 410)
    page = parse(response)
    assert page.title == TITLES[reason]
    assert TITLES[reason] in page.one("title").text
    assert not page.all("form")


@every_end
@pytest.mark.parametrize(
    ("kind", "fields"), [("ticket", {"first": NEW_PASSWORD}), ("sealed_ticket", {})]
)
def test_link_that_dies_while_its_page_is_open_changes_nothing(
    request, follow, submit, jane, kind, fields, reason, end
):
    ticket = request.getfixturevalue(kind)
    assert follow(ticket).status_code == 200
    end(ticket, jane)
    before = list(type(jane).objects.values_list("password", flat=True))
    response = submit(**fields)
    assert response.status_code == (404 if reason == "unknown" else 410)
    assert parse(response).title == TITLES[reason]
    assert list(type(jane).objects.values_list("password", flat=True)) == before


@every_end
def test_dead_link_leads_back_to_the_application(follow, app, ticket, jane, reason, end):
    app.result_url = WAY_BACK
    app.save()
    ticket.client = app
    end(ticket, jane)
    page = parse(follow(ticket))
    if reason == "unknown":
        # Nothing is known of the application.
        assert not page.all("a")
        assert "go to the page where you log in" in page.text
    else:
        # What Auth0 tells an application of an expired link; of no other end.
        told = "?success=false&message=Access%20expired" if reason == "expired" else ""
        assert page.one("a", href=f"{WAY_BACK}{told}").text == "Back to Acme Notes"


WAYS_ON = {
    "closed": "contact the people who run",
    "unknown": "go to the page where you log",
}


@every_end
def test_dead_link_leads_on_without_an_address_to_lead_to(follow, ticket, jane, reason, end):
    end(ticket, jane)
    page = parse(follow(ticket))
    if reason in WAYS_ON:
        # There is no account to send a link to, or nothing is known of the application.
        assert not page.all("a")
        assert WAYS_ON[reason] in page.text
    else:
        [ask] = page.all("a")
        assert ask.text == "Ask for a new link"
        assert ask["href"] == links.ask_url("demo", "Username-Password-Authentication")


@every_end
def test_link_to_ask_for_a_new_one_works(client, follow, ticket, jane, reason, end):
    end(ticket, jane)
    assert bool(follow(ticket).context["ask_url"]) is (reason not in WAYS_ON)
    for ask in parse(follow(ticket)).all("a"):
        assert parse(client.get(ask["href"])).title == "Get a new password"


@every_end
def test_dead_link_offers_no_new_one_where_only_the_support_sends_any(
    follow, ticket, jane, connection, reason, end
):
    connection.disable_self_service_change_password = True
    connection.save()
    end(ticket, jane)
    page = parse(follow(ticket))
    assert not page.all("a")


def test_reasons_are_all_told_apart():
    assert {reason for reason, _end in ENDS.values()} == set(TITLES)
    assert len(set(TITLES.values())) == len(TITLES)


def test_dead_link_names_the_masked_account_only(follow, ticket, jane):
    tickets.revoke(ticket.pk, "declined")
    response = follow(ticket)
    assert "j•••@example.com" in response.text
    assert "jane@example.com" not in response.text


def test_newer_link_works_and_the_older_does_not(follow, submit, app, connection, jane):
    older, newer = (
        MailedTicketFactory(client=app, connection=connection, user=jane) for _ in range(2)
    )
    tickets.supersede(newer, newer.account)
    follow(older)
    assert submit("stale-kettle-11").status_code == 410
    follow(newer)
    assert submit(NEW_PASSWORD).status_code == 302
    assert has_password(jane, NEW_PASSWORD)


@pytest.mark.parametrize(
    ("redeemed", "reason"), [("newer", "superseded"), ("older", "changed")], ids=["newer", "older"]
)
def test_redeeming_one_of_two_links_kills_the_other(
    follow, submit, seal, ticket, jane, redeemed, reason
):
    # The other holds a password to be confirmed, which must not come after the one chosen here.
    age = timedelta(minutes=1 if redeemed == "newer" else -1)
    other = seal(requested_at=ticket.requested_at - age)
    follow(ticket)
    submit(NEW_PASSWORD)
    assert parse(follow(other)).title == TITLES[reason]
    assert submit().status_code == 410
    assert has_password(jane, NEW_PASSWORD)


def test_page_without_any_link_is_unknown(client, db):
    response = client.get(RESET)
    assert response.status_code == 404
    assert parse(response).title == TITLES["unknown"]


def test_link_of_another_users_ticket_never_touches_this_user(follow, submit, ticket, jane):
    other = MailedTicketFactory(client=ticket.client, connection=ticket.connection)
    follow(other)
    submit(NEW_PASSWORD)
    assert is_unchanged(jane)


def test_newest_link_is_not_ended_by_the_main_button(follow, ticket, jane):
    supersede(ticket, jane)
    [button] = [link for link in parse(follow(ticket)).all("a") if "form?" in link["href"]]
    assert button["class"] == "button"
