"""The passwords an account has had, so that none of the last ones comes back.

Auth0 remembers those that were set after the option was switched on, up to 24. They are kept as the
hashes the site itself makes, per connection and account.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.hashers import check_password
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy
from django.views.decorators.debug import sensitive_variables

from dbconnections.clock import DatabaseNow
from dbconnections.models import Connection, PasswordHistory
from dbconnections.passwords.refusal import UsedBefore
from dbconnections.secret import Secret


@sensitive_variables()
def check_history(connection: Connection, account_id: str, password: Secret, current: str) -> None:
    """Raise ``UsedBefore`` if a password is among the last ones, ``current`` (a hash) included.

    Costs one hashing for each that is remembered, so call it outside any transaction.
    """
    size = connection.password_history_size
    if not size:
        return
    known = PasswordHistory.objects.of(connection, account_id)
    rows = known.values_list("password", "set_at", DatabaseNow())
    last = {hash_: set_at and now - set_at for hash_, set_at, now in rows[:size]}
    if current and current not in last:
        # From before the history began, or hashed anew since; it is the last one all the same.
        last = {current: None, **dict(list(last.items())[: size - 1])}
    for hash_, age in last.items():
        if check_password(password.reveal(), hash_):
            raise UsedBefore([reason(size, age)], size, in_english(age) if age is not None else "")


def remember(connection: Connection, account_id: str, hash_: str, *, before: str = "") -> None:
    """Add a password's hash to the history, and forget what is older than it remembers.

    ``before`` is the hash it replaces, added as well if it is not there: nobody knows since when
    it had been in use.
    """
    size = connection.password_history_size
    if not size or not hash_:
        return
    known = dict(PasswordHistory.objects.of(connection, account_id).values_list("password", "pk"))
    misplaced = []
    if before and before not in known and hash_ in known:
        # `HistoryValidator` was told first; the new one comes after the one it replaces.
        misplaced = [known.pop(hash_)]
    added = [
        PasswordHistory(connection=connection, account=account_id, password=password, set_at=set_at)
        for password, set_at in {before: None, hash_: DatabaseNow()}.items()
        if password and password not in known
    ][-size:]
    PasswordHistory.objects.bulk_create(added)
    if forgotten := misplaced + list(known.values())[size - len(added) :]:
        PasswordHistory.objects.filter(pk__in=forgotten).delete()


def forget(account_id: str, connections: Iterable[Connection]) -> None:
    """Delete what is remembered of an account that is gone."""
    PasswordHistory.objects.filter(account=account_id, connection__in=connections).delete()


def reason(size: int, age: timedelta | None) -> str:
    """Return why the password is refused, in the current language."""
    rule = ngettext(
        "You may not reuse your last password.",
        "You may not reuse any of your last %(size)d passwords.",
        size,
    ) % {"size": size}
    if age is None:
        return rule
    minutes = age // timedelta(minutes=1)
    used = _("This one was set less than a minute ago.")
    for unit, words in _UNITS.items():
        if number := minutes // unit:
            used = words % number
            break
    return f"{rule} {used}"


# Minutes of each unit, the largest first.
_DAY = 24 * 60
_UNITS = {
    365 * _DAY: ngettext_lazy("This one was set %d year ago.", "This one was set %d years ago."),
    30 * _DAY: ngettext_lazy("This one was set %d month ago.", "This one was set %d months ago."),
    _DAY: ngettext_lazy("This one was set %d day ago.", "This one was set %d days ago."),
    60: ngettext_lazy("This one was set %d hour ago.", "This one was set %d hours ago."),
    1: ngettext_lazy("This one was set %d minute ago.", "This one was set %d minutes ago."),
}


def in_english(age: timedelta) -> str:
    """Return an age as Auth0 words it ("a minute ago", "a day ago"): by moment.js's thresholds."""
    seconds = age.total_seconds()
    # The last unit has no end, so that one is always found.
    unit = next(unit for unit, (below, *_) in _MOMENTS.items() if round(seconds / unit) < below)
    _below, one, many = _MOMENTS[unit]
    number = round(seconds / unit)
    return f"{one if number <= 1 else many % number} ago"


# Seconds of each unit; below how many of it the unit is used; its words for one and for more.
_MOMENTS: dict[float, tuple[float, str, str]] = {
    1: (45, "a few seconds", "a few seconds%.0s"),
    60: (45, "a minute", "%d minutes"),
    3600: (22, "an hour", "%d hours"),
    86400: (26, "a day", "%d days"),
    86400 * 365 / 12: (11, "a month", "%d months"),
    86400 * 365: (float("inf"), "a year", "%d years"),
}
