"""The clients that are tried: what each is, and where its callers find what went wrong.

The tests run every one, and the table in the documentation is made from them.
"""

from dataclasses import dataclass
from typing import Any, Literal

NEWEST = "newest"


@dataclass(frozen=True, kw_only=True)
class Client:
    """One SDK in one version line, and what it makes of the site's answers."""

    name: str
    version: str
    requirement: str = ""  # as npm or pip take it
    runs_in: Literal["shell", "Node", "Python", "browser"]
    api: Literal["authentication", "management"] = "authentication"
    # The code that is run: its name in the documentation.
    snippet: str
    # Where callers find these in an error; dots lead into objects.
    status: str
    error_code: str
    sentence: str
    # Where they find from when they may ask again, in seconds since 1970.
    limit_ends: str = ""
    sends_password: bool = False
    # What it says of a weak password where that is not the sentence that names every rule.
    on_weak_password: str = ""
    # What it says by itself, and sends nothing, where the address is empty or not given.
    on_empty_email: str = ""
    on_no_email: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def auth0_js(version: str, requirement: str) -> Client:
    return Client(
        name="auth0-js",
        version=version,
        requirement=requirement,
        runs_in="browser",
        snippet="auth0-js",
        status="statusCode",
        error_code="code",
        sentence="description",
        on_no_email="email option is required",
    )


def node_auth0(version: str, requirement: str, snippet: str) -> Client:
    return Client(
        name="auth0 (npm)",
        version=version,
        requirement=requirement,
        runs_in="Node",
        snippet=snippet,
        status="statusCode",
        error_code="error",
        sentence="error_description",
        sends_password=True,
        on_no_email="Required parameter requestParameters.email was null or undefined.",
    )


def auth0_python(version: str, requirement: str, snippet: str, **more: Any) -> Client:
    return Client(
        name="auth0-python",
        version=version,
        requirement=requirement,
        runs_in="Python",
        snippet=snippet,
        status="status_code",
        error_code="error_code",
        sentence="message",
        on_no_email="missing 1 required positional argument: 'email'",
        **more,
    )


def curl(body: str, snippet: str) -> Client:
    return Client(
        name="curl",
        version=body,
        runs_in="shell",
        snippet=snippet,
        status="HTTP status",
        error_code="error",
        sentence="message",
        sends_password=True,
        on_weak_password="Password is too weak",
    )


def for_back_ends(
    name: str, version: str, requirement: str, snippet: str, error: tuple[str, str, str]
) -> Client:
    """Return an SDK's client for the Management API."""
    status, error_code, sentence = error
    return Client(
        name=name,
        version=version,
        requirement=requirement,
        runs_in="Node" if "npm" in name else "Python" if requirement else "shell",
        api="management",
        snippet=snippet,
        status=status,
        error_code=error_code,
        sentence=sentence,
    )


# Hands nothing over: it shows texts of its own, so its tests are of another kind.
LOCK = Client(
    name="Lock (auth0-lock)",
    version=NEWEST,
    requirement="auth0-lock@latest",
    runs_in="browser",
    snippet="lock",
    status="",
    error_code="",
    sentence="shown by Lock",
)

CLIENTS = [
    Client(
        name="auth0-js",
        version="7.6.1",
        requirement="auth0-js@7.6.1",
        runs_in="browser",
        snippet="auth0-js-7",
        status="status",
        error_code="code",
        sentence="message",
        sends_password=True,
        on_weak_password="Password is not strong enough.",
    ),
    auth0_js("newest 9", "auth0-js@9"),
    auth0_js(NEWEST, "auth0-js@latest"),
    LOCK,
    Client(
        name="auth0 (npm)",
        version="2.44",
        requirement="auth0@2.44",
        runs_in="Node",
        snippet="auth0-2",
        status="statusCode",
        error_code="name",
        sentence="message",
        sends_password=True,
        on_weak_password="Password is too weak",
        on_empty_email="email field is required",
        on_no_email="email field is required",
    ),
    node_auth0("newest 4", "auth0@4", "auth0-4"),
    node_auth0(NEWEST, "auth0@latest", "auth0-legacy"),
    Client(
        name="@auth0/auth0-auth-js",
        version=NEWEST,
        requirement="@auth0/auth0-auth-js@latest",
        runs_in="Node",
        snippet="auth0-auth-js",
        status="statusCode",
        error_code="cause.error",
        sentence="message",
        on_empty_email='Either "email" or "username" is required.',
        on_no_email='Either "email" or "username" is required.',
    ),
    auth0_python("3.1.4", "auth0-python==3.1.4", "auth0-python-3", sends_password=True),
    auth0_python("newest 3", "auth0-python==3.*", "auth0-python-3", limit_ends="reset_at"),
    auth0_python(NEWEST, "auth0-python", "auth0-python", limit_ends="reset_at"),
    curl("with JSON", "curl-json"),
    curl("with a form", "curl-form"),
    for_back_ends(
        "auth0 (npm)", "2.44", "auth0@2.44", "tickets-auth0-2", ("statusCode", "name", "message")
    ),
    for_back_ends(
        "auth0 (npm)",
        "newest 4",
        "auth0@4",
        "tickets-auth0-4",
        ("statusCode", "errorCode", "message"),
    ),
    for_back_ends(
        "auth0 (npm)",
        NEWEST,
        "auth0@latest",
        "tickets-auth0",
        ("statusCode", "body.errorCode", "body.message"),
    ),
    for_back_ends(
        "auth0-python",
        "3.1.4",
        "auth0-python==3.1.4",
        "tickets-auth0-python-3",
        ("status_code", "error_code", "message"),
    ),
    for_back_ends(
        "auth0-python",
        "newest 3",
        "auth0-python==3.*",
        "tickets-auth0-python-3",
        ("status_code", "error_code", "message"),
    ),
    for_back_ends(
        "auth0-python",
        NEWEST,
        "auth0-python",
        "tickets-auth0-python",
        ("status_code", "body.errorCode", "body.message"),
    ),
    for_back_ends("curl", "with JSON", "", "tickets-curl", ("HTTP status", "errorCode", "message")),
]

# Puts code and what it imports into one script for a page.
BUNDLER = "esbuild@0.28"
