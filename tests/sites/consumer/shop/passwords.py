"""Judging a password on a page of the site's own, by a connection's rules."""

from dbconnections.models import Connection, PasswordHistory
from dbconnections.passwords import (
    LEVELS,
    PasswordRefused,
    Policy,
    check,
    from_options,
    policy_of,
    requirements,
)
from dbconnections.secret import Secret


def problems(connection: Connection, text: str, names: list[str]) -> list[str]:
    try:
        check(Secret(text), policy_of(connection), personal=names)
    except PasswordRefused as refused:
        return [refused.message, *refused.sentences]
    return []


def notes(level: str, options: dict[str, object]) -> list[str]:
    policy: Policy = from_options(options) if options else LEVELS[level]
    rules, sentences = requirements(policy)
    return [*(rule.sentence() for rule in rules), *sentences]


def remembered(connection: Connection, account_id: str) -> int:
    kept = PasswordHistory.objects.filter(connection=connection, account=account_id)
    number: int = kept.count()
    return number
