import pytest

from dbconnections.auth0_import.profiles import Loss, user_of
from tests.auth0_import.conftest import CONNECTION, bcrypt_of, user


def read(data):
    found, problems = user_of(data, "line 1")
    assert problems == []
    return found


def test_user_of_the_export_of_hashes():
    found = read(user())
    assert (found.profile.email, found.profile.email_verified) == ("ann@example.com", True)
    assert found.profile.password == f"bcrypt${bcrypt_of()}"
    assert (found.connection, found.losses) == (CONNECTION, frozenset())


def test_user_of_the_export_of_profiles():
    found = read(
        {
            "user_id": "auth0|5dea9f9c82dd7c0e76e4ec93",
            "email": "ann@example.com",
            "email_verified": True,
            "username": "ann",
            "given_name": "Ann",
            "family_name": "Lee",
            "nickname": "annie",
            "name": "Ann Lee",
            "identities": [{"provider": "auth0", "connection": CONNECTION, "isSocial": False}],
        }
    )
    profile = found.profile
    assert (profile.username, profile.given_name, profile.family_name) == ("ann", "Ann", "Lee")
    assert (profile.name, profile.nickname, profile.password) == ("Ann Lee", "annie", "")
    assert (found.connection, found.losses) == (CONNECTION, {Loss.NO_HASH})


def test_address_may_be_an_identifier_only():
    identifiers = [
        {"type": "username", "value": "ann"},
        {"type": "email", "value": "ann@example.com", "verified": True},
    ]
    found = read(user(email=None, email_verified=None, identifiers=identifiers))
    assert found.profile.email == "ann@example.com"
    assert found.profile.email_verified
    assert found.profile.username == "ann"


LOSSES = {
    "social": ({"user_id": "google-oauth2|1"}, Loss.SOCIAL),
    "social identity": ({"identities": [{"provider": "facebook"}]}, Loss.SOCIAL),
    "no login": ({"email": None}, Loss.NO_LOGIN),
    "unverified": ({"email_verified": False}, Loss.UNVERIFIED),
    "not said whether verified": ({"email_verified": None}, Loss.UNVERIFIED),
    "unverified identifier": (
        {"email": None, "identifiers": [{"type": "email", "value": "ann@example.com"}]},
        Loss.UNVERIFIED,
    ),
    "blocked": ({"blocked": True}, Loss.BLOCKED),
    "no hash": ({"passwordHash": None}, Loss.NO_HASH),
    "no bcrypt": ({"passwordHash": "$argon2id$v=19$m=65536"}, Loss.UNUSABLE_HASH),
    "cut off": ({"passwordHash": bcrypt_of()[:-1]}, Loss.UNUSABLE_HASH),
    "endless": ({"passwordHash": bcrypt_of().replace("$04$", "$31$")}, Loss.UNUSABLE_HASH),
    "impossible salt": ({"passwordHash": "$2b$10$" + "z" * 53}, Loss.UNUSABLE_HASH),
    "digits of another script": (
        {"passwordHash": bcrypt_of().replace("04", "\u0660\u0664", 1)},
        Loss.UNUSABLE_HASH,
    ),
    "metadata": ({"user_metadata": {"color": "red"}}, Loss.METADATA),
    "second factor": ({"multifactor": ["guardian"]}, Loss.SECOND_FACTOR),
    "linked": ({"identities": [{"provider": "auth0"}, {"provider": "github"}]}, Loss.LINKED),
    "scrypt": (
        {"passwordHash": None, "custom_password_hash": {"algorithm": "scrypt"}},
        Loss.UNUSABLE_HASH,
    ),
}


@pytest.mark.parametrize(("fields", "loss"), LOSSES.values(), ids=LOSSES)
def test_what_is_lost_is_told(fields, loss):
    found = read(user(**fields))
    assert loss in found.losses
    if loss in (Loss.NO_HASH, Loss.UNUSABLE_HASH):
        assert found.profile.password == ""


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_every_bcrypt_there_is(prefix):
    hash_ = bcrypt_of().replace("$2b$", prefix)
    assert read(user(passwordHash=hash_)).profile.password == f"bcrypt${hash_}"
    custom = {"algorithm": "bcrypt", "hash": {"value": hash_}}
    found = read(user(passwordHash=None, custom_password_hash=custom))
    assert found.profile.password == f"bcrypt${hash_}"


def test_without_an_address_there_is_none_to_verify():
    assert read(user(None, username="ann", email_verified=False)).losses == frozenset()


def test_wrong_types_are_problems():
    _found, problems = user_of(user(email=7, blocked="no"), "line 9")
    assert "line 9.email: must be a text, and is int." in problems
    assert "line 9.blocked: must be true or false, and is str." in problems


def test_hash_is_not_in_the_representation():
    assert bcrypt_of() not in repr(read(user()))


def test_identifiers_of_other_kinds_are_passed_over():
    found = read(user(identifiers=[{"type": "phone_number", "value": "+15550100"}]))
    assert found.profile.username == ""


def test_what_looks_like_a_placeholder_is_a_text_of_the_users_own():
    found = read(user("##ann##@example.com", username="@@ann@@", nickname="the ##one##"))
    profile = found.profile
    assert (profile.email, profile.username) == ("##ann##@example.com", "@@ann@@")
    assert profile.nickname == "the ##one##"
    assert found.losses == frozenset()
