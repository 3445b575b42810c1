"""What must never be written: each line marked with the rule that has to catch it."""

import hashlib
import logging
import subprocess

from django.contrib.sites.shortcuts import get_current_site
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail

log = logging.getLogger("bait")


def ask(request, environ, users, ticket, signal, password, token, email):
    link = request.build_absolute_uri("/reset/" + token)  # link-from-request
    host = request.get_host()  # link-from-request
    host = request._get_raw_host()  # link-from-request
    host = get_current_site(request).domain  # link-from-request
    host = request.META["SERVER_NAME"]  # link-from-request
    host = request.META.get("SERVER_NAME")  # link-from-request
    host = environ["HTTP_HOST"]  # link-from-request
    host = environ["HTTP_X_FORWARDED_HOST"]  # link-from-request
    host = request.headers["Host"]  # link-from-request
    host = request.headers.get("x-forwarded-host")  # link-from-request
    host = request._current_scheme_host  # link-from-request
    log.info("Sending %s to %s.", token, host)  # secret-in-log
    log.info("Sending.", extra={"link": link})  # secret-in-log
    log.error("Nobody has %s.", email)  # secret-in-log
    log.warning("Refused.", extra={"given": password.reveal()})  # secret-in-log
    log.debug("Sealed %s.", ticket.sealed)  # secret-in-log
    log.exception("Cannot send to %s.", ticket.sent_to)  # secret-in-log
    log.critical("Refused: %s.", request.retyped)  # secret-in-log
    log.log(logging.INFO, "Given: %s.", request.passwd)  # secret-in-log
    signal.send(ticket, url=absolute_url(ticket))  # secret-in-log
    signal.send_robust(ticket, to=ticket.address)  # secret-in-log
    print(unseal(ticket))  # secret-in-log
    raise ValueError(f"{ticket.sealed_password} cannot be opened")  # secret-in-log
    user = users.get(email__iexact=request.POST["email"])  # mail-to-input
    user = users.filter(email__iexact=email)  # mail-to-input
    user = users.get(**{f"{users.EMAIL_FIELD}__iexact": email})  # mail-to-input
    EmailMessage("Reset", link, to=[request.POST["email"]]).send()  # mail-to-input
    EmailMessage("Reset", link, None, [request.POST["email"]]).send()  # mail-to-input
    EmailMessage("Reset", link, cc=[ticket.submitted]).send()  # mail-to-input
    EmailMultiAlternatives("Reset", link, bcc=[fields.email]).send()  # mail-to-input
    EmailMultiAlternatives("Reset", link, None, [address]).send()  # mail-to-input
    send_mail("Reset", link, None, [email], fail_silently=True)  # mail-to-input
    send_mail("Reset", link, None, recipient_list=[ticket.email])  # mail-to-input
    subprocess.run(f"notify {user}", shell=True)  # B602
    return hashlib.md5(token.encode()).hexdigest()  # B324
