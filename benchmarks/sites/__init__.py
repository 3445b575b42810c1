"""The sites compared: each as its own guide sets it up, on one common ground.

A site is a package with ``settings`` and ``urls``; what asks it for a reset is in `SITES`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

# What a browser sends with any request, to each site the same.
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept-Language": "en-US,en;q=0.5",
}
# A CSRF secret is its own token when sent in the form.
CSRF = "0123456789abcdefghijklmnopqrstuv"


def form(email: str) -> bytes:
    """Return the form of Django's and allauth's pages."""
    return urlencode({"email": email, "csrfmiddlewaretoken": CSRF}).encode()


def body(email: str) -> bytes:
    """Return what the JSON endpoints of the peers take."""
    return json.dumps({"email": email}).encode()


def auth0(email: str) -> bytes:
    """Return what Auth0's libraries send."""
    connection = "Username-Password-Authentication"
    return json.dumps({"client_id": "app", "email": email, "connection": connection}).encode()


def auth0_with_password(email: str) -> bytes:
    """Return what Lock 8 sends: the new password is in the request."""
    return json.dumps({**json.loads(auth0(email)), "password": "Wandering-Fjord-42"}).encode()


@dataclass(frozen=True)
class Site:
    """A site and the request for a reset that it answers."""

    label: str
    package: str
    path: str
    body: Callable[[str], bytes]
    known: int = 200
    """The status for an address of a user."""

    unknown: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    settings: str = "settings"
    distributions: tuple[str, ...] = ()
    """What is measured, by its name on PyPI."""

    is_ours: bool = False
    mails_strangers: bool = False
    in_table: bool = True
    """Whether requests to it are compared; others are put under load only."""

    @property
    def leaves_mails(self) -> bool:
        """Whether it answers before any mail is sent, so that its pairs take no time."""
        return self.is_ours or self.package == "floor"

    @property
    def settings_module(self) -> str:
        return f"benchmarks.sites.{self.package}.{self.settings}"

    def request(self, email: str) -> tuple[dict[str, str], bytes]:
        """Return headers and body that ask for a reset."""
        return {**HEADERS, **self.headers}, self.body(email)


JSON = {"Content-Type": "application/json", "Accept": "application/json"}
FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Origin": "http://localhost",
    "Cookie": f"csrftoken={CSRF}",
}
# {"name": "auth0.js", "version": "9.28.0"}, as auth0.js sends it
AUTH0_JS = "eyJuYW1lIjoiYXV0aDAuanMiLCJ2ZXJzaW9uIjoiOS4yOC4wIn0="
BROWSER = {**JSON, "Origin": "https://app.example.com"}

_ours = Site(
    "dbconnections, delivery by the command",
    "ours",
    "/dbconnections/change_password",
    auth0,
    headers={**BROWSER, "Auth0-Client": AUTH0_JS},
    settings="settings_none",
    is_ours=True,
)

SITES: dict[str, Site] = {
    "floor": Site("floor", "floor", "/requests", auth0, headers=BROWSER),
    "ours": _ours,
    "ours-thread": replace(
        _ours, label="dbconnections, delivery by a thread", settings="settings_thread"
    ),
    "ours-task": replace(
        _ours, label="dbconnections, delivery by a task", settings="settings_task", in_table=False
    ),
    "ours-sealing": replace(
        _ours,
        label="dbconnections, a password in the request",
        body=auth0_with_password,
        headers=BROWSER,
    ),
    "django": Site(
        "django.contrib.auth",
        "django_auth",
        "/accounts/password_reset/",
        form,
        known=302,
        unknown=302,
        headers=FORM,
        distributions=("Django",),
    ),
    "allauth-html": Site(
        "django-allauth, HTML",
        "allauth",
        "/accounts/password/reset/",
        form,
        known=302,
        unknown=302,
        headers=FORM,
        distributions=("django-allauth",),
        mails_strangers=True,
    ),
    "allauth-link": Site(
        "django-allauth, headless, link",
        "allauth",
        "/_allauth/app/v1/auth/password/request",
        body,
        headers=JSON,
        distributions=("django-allauth",),
        mails_strangers=True,
    ),
    "allauth-code": Site(
        "django-allauth, headless, code",
        "allauth",
        "/_allauth/app/v1/auth/password/request",
        body,
        known=401,
        unknown=401,
        headers=JSON,
        settings="settings_code",
        distributions=("django-allauth",),
        mails_strangers=True,
    ),
    "djoser": Site(
        "djoser",
        "djoser",
        "/auth/users/reset_password/",
        body,
        known=204,
        unknown=204,
        headers=JSON,
        distributions=("djoser",),
    ),
    "dj-rest-auth": Site(
        "dj-rest-auth",
        "dj_rest_auth",
        "/dj-rest-auth/password/reset/",
        body,
        headers=JSON,
        distributions=("dj-rest-auth",),
    ),
    "dj-rest-auth-allauth": Site(
        "dj-rest-auth with django-allauth",
        "dj_rest_auth",
        "/dj-rest-auth/password/reset/",
        body,
        headers=JSON,
        settings="settings_allauth",
        distributions=("dj-rest-auth", "django-allauth"),
    ),
    "passwordreset": Site(
        "django-rest-passwordreset",
        "passwordreset",
        "/api/password_reset/",
        body,
        headers=JSON,
        distributions=("django-rest-passwordreset",),
    ),
    "registration": Site(
        "django-rest-registration",
        "registration",
        "/api/v1/accounts/send-reset-password-link/",
        body,
        unknown=400,  # as it comes, it says who is known
        headers=JSON,
        distributions=("django-rest-registration",),
    ),
}


def environ(site: Site, email: str, ip: str) -> dict[str, Any]:
    """Return a request as a WSGI server hands it on."""
    from io import BytesIO

    headers, content = site.request(email)
    variables: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": site.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": ip,
        "HTTP_HOST": "localhost",
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(content),
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        variables[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return variables
