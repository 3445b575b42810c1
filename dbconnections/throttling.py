"""Counting requests: by whom, how often, and what the answer says about it.

DRF's own throttles are no security measure by its own words: they count without atomicity and
believe `X-Forwarded-For`. Counters here are those of the `limits` library, atomic in Redis and,
under a lock, in memory; addresses are only taken from as many proxies as are trusted.
"""

import hashlib
import ipaddress
import logging
import math
import re
import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from django.http import HttpRequest

from dbconnections.accounts import canonical
from dbconnections.conf import settings

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import FixedWindowRateLimiter

logger = logging.getLogger("dbconnections")

# Around counting in memory, so that of threads that meet none overlooks another.
_memory_lock = Lock()


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit after a request was counted."""

    limit: int
    """Requests the window has room for."""

    remaining: int
    reset_at: int
    """End of the window, in seconds since the epoch."""

    is_exceeded: bool

    @property
    def retry_after(self) -> int:
        """Whole seconds until the window ends, at least one."""
        return max(1, self.reset_at - int(time.time()))

    def headers(self) -> dict[str, str]:
        """Return the headers Auth0 puts on every answer; all integers, which SDKs parse."""
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
        }
        if self.is_exceeded:
            headers["Retry-After"] = str(self.retry_after)
        return headers


def count(scope: str, rate: str, *key: str, spend: bool = True) -> Allowance | None:
    """Count one request and return what is left; None if the rate is empty.

    Without ``spend`` nothing is counted, only looked up.

    A window opens with the first request of a key and holds exactly as many as the rate says,
    however many arrive at once. When the shared storage cannot be reached nobody is refused:
    the mails an address gets are capped by the database in any case.
    """
    if not rate:
        return None
    item = _parse(rate)
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()
    try:
        with _memory_lock if settings.RATE_LIMIT_STORAGE.startswith("memory:") else nullcontext():
            limiter = _limiter(settings.RATE_LIMIT_STORAGE)
            is_allowed = limiter.hit(item, scope, digest) if spend else True
            window = limiter.get_window_stats(item, scope, digest)
    except Exception as error:
        if settings.RATE_LIMIT_STORAGE.startswith("memory:"):
            raise
        logger.error("Requests are not limited, the storage fails: %s.", type(error).__name__)
        return None
    return Allowance(
        limit=item.amount,
        remaining=max(0, window.remaining),
        reset_at=math.ceil(window.reset_time),
        is_exceeded=not is_allowed,
    )


def count_caller(ip: str | None, *, spend: bool = True) -> Allowance | None:
    """Count a request for a reset against what one caller may ask for in all."""
    return count("ip", settings.RATE_LIMIT_PER_IP, network(ip), spend=spend)


def count_request(ip: str | None, sought: str) -> Allowance | None:
    """Count a request for a reset against what one caller may ask for one address or username."""
    return count("request", settings.RATE_LIMIT, network(ip), mailbox_key(sought))


_PORT = re.compile(r"^\[(.*)\](:\d+)?$|^([\d.]+):\d+$")


def client_ip(request: HttpRequest) -> str | None:
    """Return the caller's address: the connection's, or the one the trusted proxies noted.

    Each trusted proxy appends the address it was called from, so only that many entries from
    the right can be believed; everything before them the caller may have made up.
    """
    candidate = request.META.get("REMOTE_ADDR", "")
    if proxies := settings.TRUSTED_PROXIES:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        # However many the caller may have made up, no more are taken apart than are looked at.
        hops = forwarded.rsplit(",", proxies)
        if forwarded and len(hops) >= proxies:
            candidate = hops[-proxies].strip()
    # Some proxies append a port, and a link-local address may name its interface.
    bare = _PORT.sub(r"\1\3", candidate).partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def network(ip: str | None) -> str:
    """Return what counts as one caller: an IPv4 address, or an IPv6 network of 64 bits."""
    if ip is None:
        return "unknown"
    if ":" in ip:
        return str(ipaddress.ip_network(f"{ip}/64", strict=False))
    return ip


def mailbox_key(address: str) -> str:
    """Return what counts as one address: without case, dots and a +tag in the local part.

    For counting only. Some hosts deliver such variants to one mailbox; treating them as one
    everywhere costs a stranger nothing but a shared allowance from the same network.
    """
    local, at, domain = canonical(address).rpartition("@")
    return local.partition("+")[0].replace(".", "") + at + domain


@lru_cache(maxsize=16)
def _parse(rate: str) -> "RateLimitItem":
    from limits import parse

    return parse(rate)


@lru_cache(maxsize=4)
def _limiter(uri: str) -> "FixedWindowRateLimiter":
    # Imported late: the library and its storages are a noticeable part of start-up.
    from limits.storage import storage_from_string
    from limits.strategies import FixedWindowRateLimiter

    from dbconnections.windows import WindowStorage

    if uri.startswith("memory:"):
        return FixedWindowRateLimiter(WindowStorage())
    options = {"socket_timeout": 1, "socket_connect_timeout": 1}
    return FixedWindowRateLimiter(storage_from_string(uri, **options))
