"""What must never be written: each line marked with the rule that has to catch it."""

import hashlib
import logging
import subprocess

from django.core.mail import EmailMessage, send_mail

log = logging.getLogger("bait")


def ask(request, environ, users, ticket, password, token, email):
    link = request.build_absolute_uri("/reset/" + token)  # link-from-request
    host = request.META["HTTP_X_FORWARDED_HOST"]  # link-from-request
    host = environ["HTTP_HOST"]  # link-from-request
    host = request.headers["Host"]  # link-from-request
    host = request.headers.get("x-forwarded-host")  # link-from-request
    host = request._current_scheme_host  # link-from-request
    log.info("Sending %s to %s.", token, host)  # secret-in-log
    log.info("Sending.", extra={"link": link})  # secret-in-log
    log.error("Nobody has %s.", email)  # secret-in-log
    log.warning("Refused.", extra={"given": password.reveal()})  # secret-in-log
    raise ValueError(f"{ticket.sealed_password} cannot be opened")  # secret-in-log
    user = users.get(email__iexact=request.POST["email"])  # mail-to-input
    EmailMessage("Reset", link, to=[request.POST["email"]]).send()  # mail-to-input
    EmailMessage("Reset", link, None, [request.POST["email"]]).send()  # mail-to-input
    send_mail("Reset", link, None, [email], fail_silently=True)  # mail-to-input
    send_mail("Reset", link, None, recipient_list=[ticket.email])  # mail-to-input
    subprocess.run(f"notify {user}", shell=True)  # B602
    return hashlib.md5(token.encode()).hexdigest()  # B324
