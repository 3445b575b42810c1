"""The home page: log-in, reset panel, and the way back from a reset."""

import pytest
from django.contrib.auth.models import User

pytestmark = [pytest.mark.urls("example_project.urls"), pytest.mark.django_db]

PASSWORD = "tangerine-lamp-42"
CHANGED = "Your password has been changed."
NOT_CHANGED = "Your password has not been changed."


@pytest.fixture(autouse=True)
def site(settings) -> None:
    """Set what the log-in needs, as the example site does."""
    settings.AUTHENTICATION_BACKENDS = ["example_project.backends.EmailOrUsernameBackend"]
    settings.LOGIN_REDIRECT_URL = settings.LOGOUT_REDIRECT_URL = "home"


@pytest.fixture
def jane() -> User:
    return User.objects.create_user("jane", "jane@example.com", PASSWORD, first_name="Jane")


@pytest.mark.parametrize("login", ["jane", "jane@example.com", "Jane@Example.COM"])
def test_log_in_by_username_or_email_and_log_out(client, jane, login):
    page = client.post("/", {"username": login, "password": PASSWORD}, follow=True).text
    assert "Hello Jane" in page
    assert 'id="reset"' not in page
    assert "Log in" in client.post("/logout/", follow=True).text


@pytest.mark.parametrize(
    "credentials",
    [
        {"username": "jane@example.com", "password": "wrong"},
        {"username": "nobody@example.com", "password": PASSWORD},
    ],
)
def test_wrong_credentials_are_refused(client, jane, credentials):
    assert "Please enter a correct" in client.post("/", credentials).text


def test_reset_panel_posts_to_the_endpoint(client):
    assert 'id="reset" action="/dbconnections/change_password"' in client.get("/").text


def test_way_back_from_a_reset_shows_a_sentence_of_the_page(client):
    page = client.get("/?success=true&message=<b>Pay here</b>").text
    assert CHANGED in page
    assert "Pay here" not in page


def test_way_back_from_a_failed_reset(client):
    page = client.get("/?success=false&message=Pay here").text
    assert NOT_CHANGED in page
    assert "Pay here" not in page


@pytest.mark.parametrize("query", ["", "?message=Hello", "?success=maybe"])
def test_no_notice_without_a_result(client, query):
    page = client.get(f"/{query}").text
    assert CHANGED not in page
    assert NOT_CHANGED not in page


def test_user_admin_sends_resets(admin_client):
    assert 'value="send_password_reset"' in admin_client.get("/admin/auth/user/").text
