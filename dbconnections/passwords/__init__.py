"""What a good password is.

Nothing here knows a request, a ticket or a mail. A connection's policy decides, and the site's
``AUTH_PASSWORD_VALIDATORS``; what they say is reported the way Auth0 does. The history reads the
database, and breaches ask a service.
"""

from dbconnections.passwords.check import check, requirements
from dbconnections.passwords.policy import LEVELS, Policy, from_options, policy_of
from dbconnections.passwords.refusal import PasswordRefused

__all__ = [
    "LEVELS",
    "PasswordRefused",
    "Policy",
    "check",
    "from_options",
    "policy_of",
    "requirements",
]
