import pytest
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User

from tests.auth0_import.conftest import HASHERS, PASSWORD, bcrypt_of
from tests.factories import UserFactory


@pytest.fixture(autouse=True)
def hashers(settings):
    settings.PASSWORD_HASHERS = HASHERS


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_hash_of_auth0_is_verified(prefix):
    encoded = f"bcrypt${bcrypt_of()}".replace("$2b$", prefix)
    assert check_password(PASSWORD, encoded)
    assert not check_password(PASSWORD + "x", encoded)


def test_longer_passwords_count_as_far_as_auth0_read_them():
    encoded = f"bcrypt${bcrypt_of('é' * 36)}"
    assert check_password("é" * 36 + "whatever", encoded)
    assert not check_password("é" * 35, encoded)


UNREADABLE = {
    "salt that is none": "$2b$04$" + "z" * 53,
    "digits of another script": "$2b$\u0660\u0664$" + "." * 53,
    "nothing": "",
}


@pytest.mark.parametrize("hash_", UNREADABLE.values(), ids=UNREADABLE)
def test_hash_that_bcrypt_cannot_read_is_nobodys_password(hash_):
    assert not check_password(PASSWORD, f"bcrypt${hash_}")


@pytest.mark.django_db
def test_account_with_such_a_hash_is_refused_at_the_log_in(client):
    UserFactory(username="ann")
    User.objects.update(password=f"bcrypt${UNREADABLE['salt that is none']}")
    assert not client.login(username="ann", password=PASSWORD)


def test_no_password_is_an_error():
    assert not check_password("a\0b", f"bcrypt${bcrypt_of()}")
