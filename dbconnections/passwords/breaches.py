"""Passwords known from breaches elsewhere, by *Have I Been Pwned*.

Only where a person chooses: asking takes a request to the service, which learns the first five
digits of a hash and nothing else. Never in the API, whose callers would wait for it.
"""

import logging

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from dbconnections.conf import settings
from dbconnections.passwords.refusal import Breached, Unchecked
from dbconnections.secret import Secret

logger = logging.getLogger("dbconnections")


@sensitive_variables()
def check_breaches(password: Secret) -> None:
    """Raise ``Breached`` for a password known from a breach, if the site wants that.

    When the service cannot be asked the password is taken, or ``Unchecked`` raised, as
    ``BREACHED_PASSWORDS`` says.
    """
    if settings.BREACHED_PASSWORDS == "ignore":
        return
    from pwned_passwords_django import api
    from pwned_passwords_django.exceptions import PwnedPasswordsError

    try:
        hits = api.check_password(password.reveal())
    except PwnedPasswordsError as error:
        failure = error.code.value
    else:
        if hits:
            raise Breached([_("This password is known from a data breach. Choose another.")])
        return
    logger.warning("A password was not checked for breaches: %s.", failure)
    if settings.BREACHED_PASSWORDS == "refuse_unchecked":
        raise Unchecked([_("The password cannot be checked at the moment. Try again later.")])
