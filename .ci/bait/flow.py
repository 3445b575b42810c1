"""What must never be written: each line marked with the rule that has to catch it."""

import hashlib
import logging
import subprocess

from django.core.mail import EmailMessage

logger = logging.getLogger("bait")


def ask(request, users, ticket, password, token):
    link = request.build_absolute_uri("/reset/" + token)  # link-from-request
    host = request.META["HTTP_X_FORWARDED_HOST"]  # link-from-request
    logger.info("Sending %s to %s.", token, host)  # secret-in-log
    logger.warning("Refused.", extra={"given": password.reveal()})  # secret-in-log
    raise ValueError(f"{ticket.sealed_password} cannot be opened")  # secret-in-log
    user = users.get(email__iexact=request.POST["email"])  # mail-to-input
    EmailMessage("Reset", link, to=[request.POST["email"]]).send()  # mail-to-input
    subprocess.run(f"notify {user}", shell=True)  # B602
    return hashlib.md5(token.encode()).hexdigest()  # B324
