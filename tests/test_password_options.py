"""Every option of a connection changes what the POST and the page accept, and both agree."""

import random

import pytest
from django.core import mail
from django.test import Client as Browser

from dbconnections import links
from dbconnections.delivery import deliver_due
from dbconnections.models import Connection
from dbconnections.passwords.history import remember
from tests.api.wire import assert_accepted
from tests.factories import PASSWORD, MailedTicketFactory
from tests.support.mail import link_in
from tests.support.pages import submit

STRENGTH = "PasswordStrengthError"
DICTIONARY = "PasswordDictionaryError"
USER_INFO = "PasswordNoUserInfoError"

CUSTOM = {"password_policy": "custom"}
TYPES = {"character_types": ["lowercase", "number"]}

# The options, a password they refuse and one they accept, and the name of Auth0's error.
TABLE = {
    "low": ({"password_policy": "low"}, "kettl", "kettle", STRENGTH),
    "fair": ({"password_policy": "fair"}, "kettle-88", "Kettle88", STRENGTH),
    "good": ({"password_policy": "good"}, "Kettlekettle", "kettle-88", STRENGTH),
    "excellent": ({"password_policy": "excellent"}, "kettle-888", "kettle-887", STRENGTH),
    "length": ({"password_min_length": 15}, "fourteen-chars", "fifteen-letters", STRENGTH),
    "types": (CUSTOM | {"password_complexity": TYPES}, "kettle", "kettle1", STRENGTH),
    "identical": (
        CUSTOM | {"password_complexity": {"identical_characters": "block"}},
        "keeettle",
        "keettle",
        STRENGTH,
    ),
    "sequential": (
        CUSTOM | {"password_complexity": {"sequential_characters": "block"}},
        "kettle-321",
        "kettle-132",
        STRENGTH,
    ),
    "bytes": (
        CUSTOM | {"password_complexity": {"max_length_exceeded": "error"}},
        "é" * 37,
        "é" * 36,
        STRENGTH,
    ),
    "10k": ({"password_dictionary": 10_000}, "PassWord1", "070171", DICTIONARY),
    "100k": ({"password_dictionary": 100_000}, "070171", "walnut-ferry", DICTIONARY),
    "words": ({"password_dictionary_words": ["Acme Notes"]}, "acme notes", "acme", DICTIONARY),
    "local part": ({"password_no_personal_info": True}, "my-Jane-88", "my-June-88", USER_INFO),
}


@pytest.fixture(autouse=True)
def only_the_connection(settings):
    ours = {"SITE_VALIDATORS": False, "RATE_LIMIT_PER_IP": "", "RATE_LIMIT_PAGES": ""}
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, **ours}


@pytest.fixture
def choose(jane, app, connection):
    """Choose a password on the page of a mailed link; return the answer."""

    def choose(password):
        ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
        browser = Browser()
        page = browser.get(f"/dbconnections/reset/{links.make_token(ticket.pk)}", follow=True)
        return submit(browser, page, new_password1=password, new_password2=password)

    return choose


@pytest.mark.parametrize(("options", "refused", "accepted", "name"), TABLE.values(), ids=TABLE)
def test_post_and_page_agree(ask, legacy_app, choose, options, refused, accepted, name):
    for password in (refused, accepted):
        assert_accepted(ask(client_id=legacy_app.client_id, password=password))
    Connection.objects.update(**options)
    response = ask(client_id=legacy_app.client_id, password=refused)
    assert response.status_code == 400
    body = response.json()
    assert (body["name"], body["code"]) == (name, "invalid_password")
    assert body["error_description"].startswith(body["message"])
    assert choose(refused).status_code == 200
    assert_accepted(ask(client_id=legacy_app.client_id, password=accepted))
    assert choose(accepted).status_code == 302


@pytest.mark.parametrize("policy", ["none", "low", "fair", "good", "excellent"])
def test_post_and_page_agree_on_whatever_is_chosen(ask, legacy_app, choose, policy):
    Connection.objects.update(password_policy=policy)
    chance = random.Random(policy)
    verdicts = set()
    for _ in range(40):
        length = chance.choice([1, 5, 6, 7, 8, 9, 10, 12])
        characters = chance.choice(["abc", "abcXYZ", "abcXYZ019", "abcXYZ019-! é😀"])
        password = "".join(chance.choices(characters, k=length))
        by_post = ask(client_id=legacy_app.client_id, password=password).status_code == 200
        by_page = choose(password).status_code == 302
        assert by_post == by_page, password
        verdicts.add(by_post)
    assert verdicts == ({True, False} if policy != "none" else {True})


def test_strength_in_auth0s_body(ask, legacy_app, connection):
    Connection.objects.update(password_policy="good")
    body = ask(client_id=legacy_app.client_id, password="kettle").json()
    items = [
        {"message": "lower case letters (a-z)", "code": "lowerCase", "verified": True},
        {"message": "upper case letters (A-Z)", "code": "upperCase", "verified": False},
        {"message": "numbers (i.e. 0-9)", "code": "numbers", "verified": False},
        {
            "message": "special characters (e.g. !@#$%^&*)",
            "code": "specialCharacters",
            "verified": False,
        },
    ]
    assert body["description"] == {
        "rules": [
            {
                "message": "At least %d characters in length",
                "code": "lengthAtLeast",
                "format": [8],
                "verified": False,
            },
            {
                "message": "Contain at least %d of the following %d types of characters:",
                "code": "containsAtLeast",
                "format": [3, 4],
                "items": items,
                "verified": False,
            },
        ],
        "verified": False,
    }
    assert body["policy"].splitlines() == [
        "* At least 8 characters in length",
        "* Contain at least 3 of the following 4 types of characters:",
        " * lower case letters (a-z)",
        " * upper case letters (A-Z)",
        " * numbers (i.e. 0-9)",
        " * special characters (e.g. !@#$%^&*)",
    ]
    assert body["message"] == "Password is too weak"


# What only the account can tell


def confirm(ask, legacy_app, browser, password):
    """Send a password with a request, and confirm it; return the answer."""
    assert_accepted(ask(client_id=legacy_app.client_id, password=password))
    deliver_due()
    return submit(browser, browser.get(link_in(mail.outbox[-1]), follow=True))


@pytest.mark.parametrize(
    ("options", "password", "said"),
    [
        ({"password_no_personal_info": True}, "Quintessa-88", "your name, username or address"),
        ({"password_history_size": 3}, PASSWORD, "any of your last 3 passwords"),
    ],
)
def test_given_password_that_the_account_refuses(
    ask, legacy_app, client, jane, choose, options, password, said
):
    jane.first_name = "Quintessa"
    jane.save()
    Connection.objects.update(**options)
    response = confirm(ask, legacy_app, client, password)
    assert response.status_code == 200
    page = response.content.decode()
    assert said in page
    assert "The password you asked for cannot be used." in page
    done = submit(client, response, new_password1="kettle-88", new_password2="kettle-88")
    assert done.status_code == 302
    jane.refresh_from_db()
    assert jane.check_password("kettle-88")


@pytest.mark.parametrize("password", ["Quintessa-88", PASSWORD])
def test_request_tells_nothing_of_the_account(ask, legacy_app, jane, connection, password):
    jane.first_name = "Quintessa"
    jane.save()
    Connection.objects.update(password_no_personal_info=True, password_history_size=3)
    connection.refresh_from_db()
    remember(connection, str(jane.pk), jane.password)
    assert_accepted(ask(client_id=legacy_app.client_id, password=password))
