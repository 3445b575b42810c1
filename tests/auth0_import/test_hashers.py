import pytest
from django.contrib.auth.hashers import check_password

from tests.auth0_import.conftest import HASHERS, PASSWORD, bcrypt_of


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


def test_no_password_is_an_error():
    assert not check_password("a\0b", f"bcrypt${bcrypt_of()}")
