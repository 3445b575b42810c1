"""What a good password is.

Pure rules: nothing here knows a request, a ticket or a mail. The site's
``AUTH_PASSWORD_VALIDATORS`` decide, and what they say is reported the way Auth0 does.
"""

from dbconnections.passwords.policy import PasswordRefused, Rule, check, rules

__all__ = ["PasswordRefused", "Rule", "check", "rules"]
