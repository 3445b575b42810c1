"""Exports as Auth0 writes them, of a tenant that does not exist."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import bcrypt
import pytest

TENANT = Path(__file__).parent / "files" / "tenant.yaml"
CONNECTION = "Username-Password-Authentication"
PASSWORD = "granite-otter-58"
HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "dbconnections.auth0_import.hashers.Auth0BCryptPasswordHasher",
]


@cache
def bcrypt_of(password: str = PASSWORD) -> str:
    """Hash as Auth0 does, with the least cost there is."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def tenant() -> Path:
    return TENANT


@pytest.fixture
def yaml_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "tenant.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    """Write users, one a line."""

    def write(*users: Any) -> Path:
        path = tmp_path / "users.ndjson"
        lines = (user if isinstance(user, str) else json.dumps(user) for user in users)
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


def user(email: str = "ann@example.com", **fields: Any) -> dict[str, Any]:
    """A line of the export of password hashes."""
    return {
        "_id": {"$oid": "5dea9f9c82dd7c0e76e4ec93"},
        "email": email,
        "email_verified": True,
        "passwordHash": bcrypt_of(),
        "password_set_date": {"$date": "2019-12-06T18:36:12.412Z"},
        "tenant": "acme",
        "connection": CONNECTION,
        "_tmp_is_unique": True,
        **fields,
    }
