"""Ask from many processes under forged headers, and see that every limit holds exactly.

Callers with one address each send whatever may make them look like many, for mailboxes in every
spelling. Half of the processes are called directly, half through a proxy they trust. Some people
have all the mails they may have when it begins: the link in the last one has to work throughout.
"""

import os
import random
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.test import Client as Browser
from django.test import override_settings

from dbconnections.delivery import deliver_due
from dbconnections.models import ResetTicket
from tests.stress import journal, support
from tests.support.mail import send_through

PROCESSES = 16
WORKERS = 2
POSTS_PER_CALLER = 125

PER_ADDRESS, PER_IP, MAILS = 10, 100, 3

# Periods that no run outlasts.
SETTINGS = {
    "RATE_LIMIT": f"{PER_ADDRESS}/1 hour",
    "RATE_LIMIT_PER_IP": f"{PER_IP}/1 hour",
    "MAIL_CAPS": [(MAILS, timedelta(hours=1))],
}

PEOPLE = [f"jane.person{n}@example.com" for n in range(20)]
PESTERED = PEOPLE[:5]
STRANGERS = [f"jane.nobody{n}@example.com" for n in range(10)]

PROXY = "10.0.0.1"

VARIANTS = {
    "redis": "The app, counting in Redis",
    "memory": "Broken control: each process counts by itself",
    "forwarded": "Broken control: headers are believed that no proxy has set",
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--posts", type=int, default=10_000, help="posts (default: 10000)")
    parser.add_argument(
        "--header-sets", type=int, default=1000, help="sets of forged headers (default: 1000)"
    )
    parser.add_argument("--only", choices=VARIANTS, help="the app, or one broken control, alone")


def run(directory: Path, *, posts: int, header_sets: int, only: str | None) -> bool:
    holds = True
    for variant in [only] if only else VARIANTS:
        place = directory / variant
        place.mkdir()
        support.empty_site()
        number = posts if variant == "redis" else min(posts, support.CONTROL_POSTS)
        with override_settings(DBCONNECTIONS=configured(variant)):
            attack = Attack(place, number, header_sets, variant)
            attack.play()
            figures, failures = attack.judge()
        support.show(VARIANTS[variant], figures)
        holds &= support.verdict(failures, control="" if variant == "redis" else "callers")
    return holds


def configured(variant: str) -> dict[str, Any]:
    if not django_settings.REDIS_URL:
        raise SystemExit("Set REDIS_URL: limits that several processes share are counted there.")
    storage = "memory://" if variant == "memory" else django_settings.REDIS_URL
    return django_settings.DBCONNECTIONS | SETTINGS | {"RATE_LIMIT_STORAGE": storage}


class Attack:
    """Posts, and the account given of what became of them."""

    def __init__(self, directory: Path, posts: int, header_sets: int, variant: str) -> None:
        self.answers = directory / "answers"
        self.mails = directory / "mails"
        self.variant = variant
        support.add_people(PEOPLE)
        headers = [forged_headers() for _ in range(header_sets)]
        callers = [new_ip(number) for number in range(max(2, posts // POSTS_PER_CALLER))]
        self.posts = [
            (caller, address, headers[number % header_sets])
            for number, (caller, address) in enumerate(plan(callers, posts))
        ]
        random.shuffle(self.posts)
        self.links: dict[str, str] = {}
        self.looks = self.failed_looks = 0

    def play(self) -> None:
        os.environ["MAIL_JOURNAL"] = str(self.mails)
        with send_through("tests.stress.support.JournalBackend"):
            self._pester()
            workers = [support.start(support.deliver) for _ in range(WORKERS)]
            callers = [support.start(self._call, number) for number in range(PROCESSES)]
            while any(caller.is_alive() for caller in callers):
                self._look()
            assert not any(caller.exitcode for caller in callers), "A caller failed."
            for worker in workers:
                worker.terminate()
                worker.join()
            deliver_due()
        self._look()

    def _pester(self) -> None:
        """Have some people mailed as often as they may be, by somebody else before."""
        browser = Browser(REMOTE_ADDR=new_ip(1))
        for address in PESTERED * MAILS:
            assert support.ask(browser, address).status_code == 200
            deliver_due()
        self.links = {entry["to"]: entry["link"] for entry in journal.read(self.mails)}

    def _look(self) -> None:
        """Look at the page behind the pestered people's links; looking changes nothing."""
        for link in self.links.values():
            page: Any = Browser().get(link, follow=True, secure=True)
            self.looks += 1
            self.failed_looks += "new_password1" not in page.text

    def _call(self, number: int) -> None:
        """Be one of the processes that answer, and of those that call."""
        proxies = 1 if number % 2 or self.variant == "forwarded" else 0
        django_settings.DBCONNECTIONS = django_settings.DBCONNECTIONS | {"TRUSTED_PROXIES": proxies}
        browser = Browser()
        for caller, address, headers in self.posts[number::PROCESSES]:
            sender = (
                caller if "/" not in caller else f"{caller[:-4]}:{random.randrange(1, 2**16):x}"
            )
            extra = {"REMOTE_ADDR": sender}
            if proxies and self.variant != "forwarded":
                forwarded = [headers.get("X-Forwarded-For", ""), sender]
                headers = headers | {"X-Forwarded-For": ", ".join(filter(None, forwarded))}
                extra = {"REMOTE_ADDR": PROXY}
            response = support.ask(browser, address, headers=headers, **extra)
            journal.write(self.answers, caller=caller, address=address, status=response.status_code)

    def judge(self) -> tuple[dict[str, object], dict[str, str]]:
        """Return figures, and what should not have happened."""
        answers = journal.read(self.answers)
        statuses = Counter(entry["status"] for entry in answers)
        accepted = Counter(entry["caller"] for entry in answers if entry["status"] == 200)
        allowed = allowance(self.posts)
        mails = Counter(entry["to"] for entry in journal.read(self.mails))
        others = Counter({address: mails[address] for address in PEOPLE if address not in PESTERED})
        suppressed = ResetTicket.objects.filter(suppressed_at__isnull=False).count()
        newest = {entry["to"]: entry["link"] for entry in journal.read(self.mails)}
        working = sum(support.works(link) for link in newest.values())
        kept = sum(newest.get(address) == self.links[address] for address in PESTERED)
        off = {caller: (accepted[caller], allowed[caller]) for caller in allowed}
        off = {caller: pair for caller, pair in off.items() if pair[0] != pair[1]}
        failures = {}
        if set(statuses) - {200, 429} or len(answers) != len(self.posts):
            failures["answers"] = f"answers other than 200 and 429: {dict(statuses)}"
        if off:
            got, limit = max(off.values(), key=lambda pair: pair[0] - pair[1])
            failures["callers"] = f"{len(off)} callers off their limit, such as {got} for {limit}"
        if set(mails) - set(PEOPLE) or max(mails.values()) > MAILS:
            failures["mails"] = f"mails per address: {mails.most_common(1)}"
        if not suppressed or max(others.values()) != MAILS:
            failures["unused"] = "the cap was never reached"
        if kept < len(PESTERED) or self.failed_looks:
            failures["kept"] = f"open links lost: {kept} kept, {self.failed_looks} looks failed"
        if working != len(newest):
            failures["links"] = f"{working} of {len(newest)} newest links work"
        figures: dict[str, object] = {
            "posts": f"{len(answers)} by {PROCESSES} processes",
            "callers": len(allowed),
            "answers": ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items())),
            "accepted posts": f"{accepted.total()} (allowed {sum(allowed.values())})",
            "callers off their limit": len(off),
            "most accepted of a caller": f"{max(accepted.values())} (at most {PER_IP})",
            "most mails to an address": f"{max(mails.values())} (at most {MAILS})",
            "requests without a mail": suppressed,
            "looks at open links": f"{self.looks}, {self.failed_looks} failed",
            "newest links that work": f"{working} of {len(newest)}",
        }
        return figures, failures


def plan(callers: list[str], posts: int) -> Iterator[tuple[str, str]]:
    """Yield who asks for which mailbox, as it is spelt this time.

    Half of the callers ask for everybody in turn, and so reach the limit per IP address; the
    others have one victim each.
    """
    everybody = {caller: cycle(PEOPLE + STRANGERS) for caller in callers}
    for number, caller in enumerate(islice(cycle(callers), posts)):
        index = callers.index(caller)
        address = next(everybody[caller]) if index % 2 else PEOPLE[index // 2 % len(PEOPLE)]
        # Mostly in ways that lead to the account, so that caps have something to hold.
        yield caller, spelt(address, number)


def allowance(posts: list[tuple[str, str, dict[str, str]]]) -> Counter[str]:
    """Return how many of its posts each caller is to get accepted, to the post.

    Every post counts against the caller's limit and, while that lasts, against that of the
    caller and mailbox; so no caller may have both limits at work for this to be a matter of
    numbers alone.
    """
    asked: dict[str, Counter[str]] = {}
    for caller, address, _headers in posts:
        asked.setdefault(caller, Counter())[mailbox(address)] += 1
    allowed: Counter[str] = Counter()
    for caller, mailboxes in asked.items():
        if len(mailboxes) == 1:
            allowed[caller] = min(mailboxes.total(), PER_ADDRESS)
        else:
            assert max(mailboxes.values()) <= PER_ADDRESS
            allowed[caller] = min(mailboxes.total(), PER_IP)
    return allowed


def mailbox(address: str) -> str:
    """Return which of the mailboxes a spelling is one of; not by the app's own rule."""
    [found] = [one for one in PEOPLE + STRANGERS if plain(one) == plain(address)]
    return found


def plain(address: str) -> str:
    local, _, domain = address.lower().partition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


def spelt(address: str, number: int) -> str:
    """Spell a mailbox in one of the ways that reach it somewhere."""
    local, _, domain = address.partition("@")
    return [
        address,
        address.upper(),
        f"{local.title()}@{domain.title()}",
        f"{local.replace('.', '')}@{domain}",
        f"{'.'.join(local.replace('.', ''))}@{domain}",
        f"{local}+{number}@{domain}",
    ][number % 6]


def new_ip(number: int) -> str:
    """Return an address no earlier run has used: an IPv4 one, or an IPv6 network of 64 bits."""
    if number % 4 == 3:
        return f"2001:db8:{random.randrange(2**16):x}:{random.randrange(1, 2**16):x}::/64"
    return f"100.{random.randrange(64, 128)}.{random.randrange(256)}.{random.randrange(256)}"


def forged_headers() -> dict[str, str]:
    """Return headers that may make a caller look like another."""
    ip = new_ip(0)
    return {
        "X-Forwarded-For": random.choice([ip, f"{ip}, {new_ip(0)}", "127.0.0.1", "unknown", ""]),
        "X-Real-IP": ip,
        "X-Client-IP": new_ip(0),
        "True-Client-IP": new_ip(0),
        "CF-Connecting-IP": new_ip(0),
        "Forwarded": f"for={ip};proto=https;by={new_ip(0)}",
        "Via": f"1.1 proxy{random.randrange(1000)}",
        "Origin": f"https://app{random.randrange(10**6)}.example.com",
        "Referer": f"https://app{random.randrange(10**6)}.example.com/login",
        "User-Agent": f"Mozilla/5.0 (X11; Linux x86_64) Firefox/{random.randrange(10**6)}",
        "Auth0-Client": f"client{random.randrange(10**6)}",
        "Authorization": f"Bearer {random.randrange(10**9)}",
        "Cookie": f"sessionid={random.randrange(10**9)}",
        "Accept-Language": random.choice(["en", "de", "fr", "ja"]),
    }
