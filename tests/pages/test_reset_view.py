"""The page behind a link: what it shows, and what its form may and may not do."""

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db import connection as database
from django.test import Client as Browser
from django.utils import translation

from dbconnections import links, tickets
from dbconnections.accounts import ModelUserStore
from dbconnections.models import Client, ResetTicket, ResetTicketQuerySet
from dbconnections.pages.views import masked
from dbconnections.prepared import PreparedQuery
from dbconnections.secret import Secret
from tests.factories import PASSWORD, MailedTicketFactory
from tests.pages.html import parse
from tests.pages.person import (
    DONE,
    GIVEN_PASSWORD,
    NEW_PASSWORD,
    RESET,
    Tab,
    has_password,
    is_unchanged,
    link,
)

MIDDLEWARE = django_settings.MIDDLEWARE
DECLINE = "I did not ask for this"
SET = "Set this password"


def problems(page):
    return " ".join(page.one("div", class_="problems").text.split())


def errors_beside(page, field):
    return " ".join(page.one("div", id=f"id_{field}_errors").text.split())


# What the pages show


def test_new_password_page_has_two_fields_and_both_buttons(follow, ticket):
    page = parse(follow(ticket))
    assert [field["name"] for field in page.all("input", type="password")] == [
        "new_password1",
        "new_password2",
    ]
    assert {field["autocomplete"] for field in page.all("input", type="password")} == {
        "new-password"
    }
    assert [button.text for button in page.all("button")] == [SET, DECLINE]


def test_new_password_page_says_the_rules_in_words(follow, ticket):
    page = parse(follow(ticket))
    rules = page.one("ul", id="id_new_password1_rules").text
    assert "At least 8 characters" in rules
    assert "commonly used" in rules
    assert "entirely numeric" in rules


def test_confirm_page_has_no_field_and_both_buttons(follow, sealed_ticket):
    page = parse(follow(sealed_ticket))
    assert page.title == "Confirm your new password"
    assert not page.all("input", type="password")
    assert [button.text for button in page.all("button")] == [SET, DECLINE]
    assert "Only go on if you asked for this" in page.text


def test_retype_page_asks_for_the_password(follow, retype_ticket):
    page = parse(follow(retype_ticket))
    assert page.title == "Confirm your new password"
    assert page.one("input", type="password")["name"] == "password"
    assert [button.text for button in page.all("button")] == [SET, DECLINE]


@pytest.mark.parametrize("kind", ["ticket", "sealed_ticket", "retype_ticket"])
def test_every_form_says_for_which_account_and_application_and_when(request, follow, kind):
    ticket = request.getfixturevalue(kind)
    response = follow(ticket)
    page = parse(response)
    assert "j•••@example.com" in page.text
    assert "jane@example.com" not in response.text
    assert "Acme Notes" in page.text
    assert page.one("time")["datetime"].startswith(ticket.requested_at.strftime("%Y-"))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("jane@example.com", "j•••@example.com"),
        ("j@example.com", "j•••@example.com"),
        ('"a@b"@example.com', '"•••@example.com'),
        ("ünal@example.com", "ü•••@example.com"),
        ("nothing", ""),
        ("", ""),
    ],
)
def test_account_is_masked(address, shown):
    assert masked(address) == shown


@pytest.mark.parametrize("middleware", [MIDDLEWARE, []], ids=["locale middleware", "none"])
@pytest.mark.parametrize(
    ("accepts", "language", "direction"),
    [("de", "de", "ltr"), ("ar", "ar", "rtl"), ("xx", "en", "ltr"), ("", "en", "ltr")],
)
def test_page_is_in_the_language_of_the_browser(
    client, ticket, settings, accepts, language, direction, middleware
):
    settings.MIDDLEWARE = middleware
    with translation.override("fr"):
        client.get(link(ticket))
        html = parse(client.get(RESET, headers={"Accept-Language": accepts})).one("html")
    assert (html["lang"], html["dir"]) == (language, direction)


@pytest.mark.parametrize("kind", ["ticket", "retype_ticket"])
def test_every_field_has_its_label_and_is_described_by_its_errors(request, follow, submit, kind):
    follow(request.getfixturevalue(kind))
    page = parse(submit("kettle", password="wrong"))
    fields = page.all("input", type="password")
    assert {field["id"] for field in fields} == {label["for"] for label in page.all("label")}
    wrong = fields[0]
    assert page.one("div", id=f"{wrong['id']}_errors")
    assert f"{wrong['id']}_errors" in wrong["aria-describedby"].split()
    assert wrong["aria-invalid"] == "true"
    assert page.one("a", href=f"#{wrong['id']}").text in errors_beside(page, wrong["name"])


def test_rules_describe_the_field(follow, ticket):
    page = parse(follow(ticket))
    described_by = page.one("input", name="new_password1")["aria-describedby"].split()
    assert page.one("ul", id="id_new_password1_rules")["id"] in described_by


# Setting a password


def test_new_password_is_set(follow, submit, ticket, jane):
    follow(ticket)
    response = submit(NEW_PASSWORD)
    assert response.status_code == 302
    assert response["Location"] == DONE
    assert has_password(jane, NEW_PASSWORD)


@pytest.mark.parametrize("kind", ["sealed_ticket", "retype_ticket"])
def test_given_password_is_set(request, follow, submit, jane, kind):
    follow(request.getfixturevalue(kind))
    assert submit(password=GIVEN_PASSWORD)["Location"] == DONE
    assert has_password(jane, GIVEN_PASSWORD)


@pytest.mark.parametrize(
    "password",
    [
        " leading-kettle-88",
        "trailing-kettle-88 ",
        "   ",
        "Pässwörd-straße-88",
        "Pa\u0308sswo\u0308rd-88-x",
        "ﬁre-Ⅷ-kettle-88",
        "кошка-и-собака-88",
        "密码很长很长很长的密码",
        "🔑🔑🔑🔑🔑🔑🔑🔑",
        "tab\tand-kettle-88",
        "<b>&amp;\"'</b>{{ x }}",
        "%s%(x)s%d-kettle-88",
        "x" * 61 + "-kettle",
        "kettle-" + "x" * 121,
    ],
)
def test_password_is_kept_as_typed(follow, submit, ticket, jane, password, settings):
    settings.AUTH_PASSWORD_VALIDATORS = []
    follow(ticket)
    assert submit(password)["Location"] == DONE
    assert has_password(jane, password)
    if password.strip() and password.strip() != password:
        assert not has_password(jane, password.strip())


@pytest.mark.parametrize(
    ("first", "second", "field", "sentence"),
    [
        (NEW_PASSWORD, NEW_PASSWORD + " ", "new_password2", "The two passwords are not the same."),
        (NEW_PASSWORD, NEW_PASSWORD.upper(), "new_password2", "are not the same"),
        (NEW_PASSWORD, "", "new_password2", "Type a password."),
        ("", NEW_PASSWORD, "new_password1", "Type a password."),
        ("", "", "new_password1", "Type a password."),
        ("kettle", "kettle", "new_password1", "At least 8 characters"),
        ("password123", "password123", "new_password1", "too common"),
        ("4815162342", "4815162342", "new_password1", "entirely numeric"),
        ("jane@example", "jane@example", "new_password1", "too similar to the email address"),
        ("JANE-EXAMPLE.COM", "JANE-EXAMPLE.COM", "new_password1", "too similar to the email"),
        ("x" * 129, "x" * 129, "new_password1", "at most 128 characters"),
        ("x" * 100_000, "x" * 100_000, "new_password1", "at most 128 characters"),
        ("nul-\0-kettle-88", "nul-\0-kettle-88", "new_password1", "Null characters"),
    ],
)
def test_refused_password_is_explained_beside_its_field(
    follow, submit, ticket, jane, first, second, field, sentence
):
    follow(ticket)
    response = submit(first, second)
    assert response.status_code == 200
    page = parse(response)
    assert sentence in errors_beside(page, field)
    assert sentence in problems(page)
    assert page.one("title").text.startswith("Error:")
    assert is_unchanged(jane)
    assert submit(NEW_PASSWORD)["Location"] == DONE


def test_password_similar_to_the_username_is_refused(follow, submit, connection, app):
    user = User.objects.create_user("wanderlust", "w@example.com", PASSWORD)
    follow(MailedTicketFactory(client=app, connection=connection, user=user))
    page = parse(submit("wanderlust1"))
    assert "too similar to the username" in errors_beside(page, "new_password1")
    assert is_unchanged(user)


def test_all_reasons_are_told_at_once(follow, submit, ticket):
    follow(ticket)
    told = errors_beside(parse(submit("1234")), "new_password1")
    assert "At least 8 characters" in told
    assert "entirely numeric" in told
    assert "too common" in told


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("echo-kettle-<&\"'>-1", "echo-kettle-<&\"'>-2"),
        ("echo-kettle-12", ""),
        ("", "echo-kettle-12"),
        ("echo-12", "echo-12"),
        ("echo-kettle-" + "x" * 128, "echo-kettle-" + "x" * 128),
        ("echo-kettle-12", "echo-kettle-12"),
    ],
)
@pytest.mark.parametrize("kind", ["ticket", "sealed_ticket"])
def test_password_is_never_in_an_answer(request, client, follow, submit, kind, first, second):
    follow(request.getfixturevalue(kind))
    submitted = submit(first, second)
    for response in (submitted, client.get(RESET), client.get(DONE)):
        assert "echo-" not in response.text
        assert "echo-" not in str(response.headers)
        assert "echo-" not in str(response.cookies)


@pytest.mark.parametrize("kind", ["sealed_ticket", "retype_ticket"])
@pytest.mark.parametrize("typed", [GIVEN_PASSWORD, "guessed-kettle-77", ""])
def test_given_password_is_never_in_an_answer(request, client, follow, submit, kind, typed):
    pages = [follow(request.getfixturevalue(kind)), submit(password=typed)]
    for response in (*pages, client.get(RESET), client.get(DONE)):
        assert GIVEN_PASSWORD not in response.text
        assert "guessed-" not in response.text


def test_form_without_a_link_is_unknown(submit, ticket, jane):
    assert submit(NEW_PASSWORD).status_code == 404
    assert is_unchanged(jane)


@pytest.fixture
def elsewhere(app, connection):
    """The ticket of a stranger's account, who sent the person its link."""
    stranger = User.objects.create_user("stranger", "stranger@example.org", PASSWORD)
    return MailedTicketFactory(client=app, connection=connection, user=stranger)


def test_form_is_for_the_account_on_its_page(client, tab, ticket, elsewhere, jane):
    """Another link opened in a second tab does not receive what is typed in the first."""
    tab.follow(ticket)
    client.get(link(elsewhere), follow=True)
    response = tab.submit(NEW_PASSWORD)
    assert response.status_code == 409
    page = parse(response)
    assert "You have opened another link meanwhile." in problems(page)
    assert "s•••@example.org" in page.text
    assert is_unchanged(jane)
    assert is_unchanged(User.objects.get(username="stranger"))

    # The page is now that of the other account, and says so.
    assert tab.submit(NEW_PASSWORD)["Location"] == DONE
    assert is_unchanged(jane)


def test_form_declines_the_ticket_on_its_page(client, tab, ticket, elsewhere):
    tab.follow(ticket)
    client.get(link(elsewhere), follow=True)
    assert tab.submit(action="decline").status_code == 409
    assert ResetTicket.objects.open().count() == 2


@pytest.mark.parametrize("purpose", ["", links.MAILED, links.OPENED])
def test_form_without_the_ticket_of_its_page_changes_nothing(follow, submit, ticket, jane, purpose):
    follow(ticket)
    token = links.make_token(ticket.pk, purpose) if purpose else ""
    assert submit(NEW_PASSWORD, ticket=token).status_code == 409
    assert submit(action="decline", ticket=token).status_code == 409
    assert is_unchanged(jane)
    assert ResetTicket.objects.open().exists()


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(client, follow, ticket, jane, method):
    follow(ticket)
    response = getattr(client, method)(RESET, "action=decline")
    assert response.status_code == 405
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert ResetTicket.objects.open().exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe=1&new_password1=\xff",
        b"new_password1=%ff%fe&new_password2=%ff%fe",
        b"new_password1",
        b"&&==&",
        b"new_password1=a&new_password1=b&new_password2=b",
    ],
)
def test_malformed_form_changes_nothing(client, follow, ticket, jane, body):
    follow(ticket)
    response = client.generic("POST", RESET, body, "application/x-www-form-urlencoded")
    assert response.status_code == 409
    assert is_unchanged(jane)
    assert ResetTicket.objects.open().exists()


# Once only


def test_back_after_success_says_that_the_link_was_used(client, follow, submit, ticket):
    follow(ticket)
    submit(NEW_PASSWORD)
    response = client.get(RESET)
    assert response.status_code == 410
    assert parse(response).title == "This link has already been used"


@pytest.mark.parametrize("kind", ["ticket", "sealed_ticket", "retype_ticket"])
def test_second_submit_changes_nothing(request, follow, submit, jane, kind):
    follow(request.getfixturevalue(kind))
    fields = {"password": GIVEN_PASSWORD} if kind != "ticket" else {"first": NEW_PASSWORD}
    submit(**fields)
    for again in (fields, {"first": "attackers-kettle-66"}, {"action": "decline"}):
        response = submit(**again)
        assert response.status_code == 410
        assert parse(response).title == "This link has already been used"
    assert has_password(jane, NEW_PASSWORD if kind == "ticket" else GIVEN_PASSWORD)


def test_link_in_two_browsers_works_in_the_first(ticket, jane):
    first, second = Tab(Browser()), Tab(Browser())
    for tab in (first, second):
        assert tab.follow(ticket).status_code == 200
    assert first.submit(NEW_PASSWORD).status_code == 302
    assert second.submit("slower-kettle-99").status_code == 410
    assert has_password(jane, NEW_PASSWORD)


# A given password that may not be set


@pytest.mark.parametrize("password", ["jane@example.com", "too-long-" + "x" * 120, "12345"])
def test_refused_given_password_leads_to_a_new_one(follow, submit, seal, jane, password):
    follow(seal(password))
    response = submit()
    assert response.status_code == 200
    page = parse(response)
    assert page.title == "Set a new password"
    assert len(page.all("input", type="password")) == 2
    assert "The password you asked for cannot be used. Please choose another." in problems(page)
    assert len(problems(page)) > len("The password you asked for cannot be used.") + 40
    assert password not in response.text
    assert is_unchanged(jane)

    assert "At least 8 characters" in errors_beside(parse(submit("short")), "new_password1")
    assert submit(NEW_PASSWORD)["Location"] == DONE
    assert has_password(jane, NEW_PASSWORD)


def test_given_password_that_can_no_longer_be_read_leads_to_a_new_one(
    follow, submit, sealed_ticket, jane, settings
):
    settings.SECRET_KEY = "another-key-of-fifty-characters-0123456789-abcdefgh"
    assert parse(follow(sealed_ticket)).title == "Set a new password"
    assert parse(submit()).title == "Set a new password"
    assert is_unchanged(jane)
    assert submit(NEW_PASSWORD)["Location"] == DONE
    assert has_password(jane, NEW_PASSWORD)


# Retyping


@pytest.mark.parametrize(
    "typed", [None, "", " ", GIVEN_PASSWORD[:-1], GIVEN_PASSWORD + " ", GIVEN_PASSWORD.upper()]
)
def test_given_password_not_retyped_is_not_set(follow, submit, retype_ticket, jane, typed):
    follow(retype_ticket)
    page = parse(submit() if typed is None else submit(password=typed))
    assert page.title == "Confirm your new password"
    assert errors_beside(page, "password")
    assert is_unchanged(jane)
    assert submit(password=GIVEN_PASSWORD)["Location"] == DONE


def test_wrong_retype_is_told(follow, submit, retype_ticket):
    follow(retype_ticket)
    told = errors_beside(parse(submit(password="wrong")), "password")
    assert "This is not the password you asked for." in told


def test_too_many_wrong_retypes_kill_the_link(follow, submit, retype_ticket, jane, settings):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "MAX_RETYPES": 3}
    follow(retype_ticket)
    assert [submit(password="wrong").status_code for _ in range(3)] == [200, 200, 410]
    response = submit(password=GIVEN_PASSWORD)
    assert response.status_code == 410
    assert parse(response).title == "This link was cancelled"
    assert is_unchanged(jane)
    assert ResetTicket.objects.get().sealed_password == ""


def test_retype_asked_for_after_the_page_was_opened_counts(follow, submit, sealed_ticket, jane):
    follow(sealed_ticket)
    Client.objects.update(confirmation=Client.Confirmation.RETYPE)
    assert parse(submit()).one("input", type="password")["name"] == "password"
    assert is_unchanged(jane)


# I did not ask for this


@pytest.mark.parametrize("kind", ["ticket", "sealed_ticket", "retype_ticket"])
def test_declining_kills_the_link(request, follow, submit, jane, kind):
    ticket = request.getfixturevalue(kind)
    follow(ticket)
    response = submit(action="decline")
    assert response.status_code == 200
    assert parse(response).title == "The link no longer works"
    assert parse(follow(ticket)).title == "This link was cancelled"
    assert submit(NEW_PASSWORD, password=GIVEN_PASSWORD).status_code == 410
    assert is_unchanged(jane)
    assert ResetTicket.objects.get().sealed_password == ""


def test_declining_wins_over_fields_that_are_filled_in(follow, submit, ticket, jane):
    follow(ticket)
    submit(NEW_PASSWORD, action="decline")
    assert is_unchanged(jane)
    assert ResetTicket.objects.get().revoked_at


def test_link_used_as_it_is_declined_is_told_to_be_used(follow, submit, ticket, monkeypatch):
    """Whoever declines a link that somebody else has just used must not think it was stopped."""
    revoke = tickets.revoke

    def use_and_revoke(*args):
        tickets.redeem(ticket.pk, password=Secret(NEW_PASSWORD))
        return revoke(*args)

    follow(ticket)
    monkeypatch.setattr(tickets, "revoke", use_and_revoke)
    response = submit(action="decline")
    assert response.status_code == 410
    assert parse(response).title == "This link has already been used"
    assert ResetTicket.objects.get().revoked_at is None


def test_declining_takes_a_form(client, follow, ticket):
    follow(ticket)
    client.get(RESET, {"action": "decline"})
    client.head(RESET, {"action": "decline"})
    assert ResetTicket.objects.open().exists()


# A database that is busy


@pytest.fixture
def locked(monkeypatch):
    """Return a function that lets the database give up some work so many times."""

    def locked(owner, name, times):
        work, left = getattr(owner, name), [times]

        def give_up(*args, **kwargs):
            if left[0] == 0:
                return work(*args, **kwargs)
            left[0] -= 1
            raise OperationalError("database is locked")

        monkeypatch.setattr(owner, name, give_up)

    return locked


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic_requests", [False, True])
def test_database_that_is_busy_for_a_moment_goes_unnoticed(
    follow, submit, ticket, jane, locked, monkeypatch, atomic_requests
):
    monkeypatch.setitem(database.settings_dict, "ATOMIC_REQUESTS", atomic_requests)
    follow(ticket)
    locked(ModelUserStore, "set_password", times=2)
    assert submit(NEW_PASSWORD)["Location"] == DONE
    assert has_password(jane, NEW_PASSWORD)


@pytest.mark.parametrize(
    ("kind", "owner", "work", "fields"),
    [
        ("ticket", ModelUserStore, "set_password", {"first": NEW_PASSWORD}),
        ("sealed_ticket", ModelUserStore, "set_password", {}),
        ("ticket", ResetTicketQuerySet, "update", {"action": "decline"}),
        ("ticket", ResetTicketQuerySet, "update", {"first": "12345"}),
        ("retype_ticket", ResetTicketQuerySet, "update", {"password": "wrong"}),
        ("ticket", PreparedQuery, "first", {"first": NEW_PASSWORD}),
    ],
    ids=["set", "confirm", "decline", "weak", "retype", "open"],
)
def test_busy_database_is_told_and_the_link_still_works(
    request, client, follow, submit, jane, locked, kind, owner, work, fields
):
    follow(request.getfixturevalue(kind))
    locked(owner, work, times=1)
    response = submit(**fields)
    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert parse(response).title
    assert is_unchanged(jane)
    assert ResetTicket.objects.open().exists()

    assert client.get(RESET).status_code == 200
    assert submit(**fields).status_code in {200, 302}


def test_busy_database_is_told_to_who_looks(client, follow, ticket, locked):
    follow(ticket)
    for path in (RESET, DONE):
        locked(PreparedQuery, "first", times=1)
        assert client.get(path).status_code == 503
    assert client.get(RESET).status_code == 200
