"""What a site may listen to. Every signal is sent with ``send_robust`` and carries no secret.

A receiver's exception is logged by Django and never reaches the person. ``sender`` is the
``ResetTicket`` class throughout.
"""

from django.dispatch import Signal

__all__ = [
    "delivery_attempted",
    "delivery_reported",
    "password_changed",
    "reset_handed_over",
    "reset_refused",
    "reset_requested",
    "reset_revoked",
    "reset_sent",
]

reset_requested = Signal()
"""A request was accepted and stored: ``ticket``. The account is not known yet."""

reset_sent = Signal()
"""The mail with the link was handed to the mail server: ``ticket``, ``account``."""

delivery_attempted = Signal()
"""A worker is done with a ticket for now: ``ticket``, ``outcome``, ``attempts``, ``waited``.

``outcome`` is ``sent``, ``notified``, ``retry`` or how the ticket ended, as a ``TicketState``.
``waited`` is the seconds since the request; for the mail after a change, since that.
"""

delivery_reported = Signal()
"""A mail provider told of a mail with a link: ``ticket_id``, ``outcome``, ``reason``.

``outcome`` is ``delivered``, ``bounced``, ``rejected`` or ``complained``.
"""

reset_handed_over = Signal()
"""A back end got the link, to deliver it itself: ``ticket``, ``account``, ``caller_id``."""

password_changed = Signal()
"""A new password was set and committed: ``ticket``, ``account``."""

reset_revoked = Signal()
"""A ticket was closed before use: ``ticket_id``, ``reason`` (``declined``, ``administrator``,
``retypes``)."""

reset_refused = Signal()
"""Something was refused: ``stage``, ``reason``, ``ticket`` (or None), ``details``.

``stage`` is ``request`` (the POST, or finding and mailing the account) or ``change`` (the
pages). ``reason`` is, of the POST, the code of the error; of the mail, a ``TicketState``; of the
pages, ``invalid_password``, ``wrong_retype``, or why the link does not work: ``unknown``, ``used``,
``expired``, ``revoked``, ``superseded``, ``changed`` (the account's password or address) or
``closed`` (client, connection or account no longer serve). ``details`` is a dict of what else is
known, such as ``client_id``, ``connection``, ``ip`` and ``status``, a number.
"""
