"""The page *Coming from Auth0*: its code, which is what the tests run, and its tables.

`python -m tests.sdk.documentation` writes the tables.
"""

import re

from tests.sdk.clients import CLIENTS, Client
from tests.support.documentation import ROOT, blocks, with_part

PAGE = ROOT / "docs" / "coming-from-auth0.md"

# What the page's code says where each reader has something else.
DOMAIN = "login.example.com"
ORIGIN = "https://app.example.com"
CLIENT_ID = "YOUR_CLIENT_ID"
CONNECTION = "Username-Password-Authentication"
ADDRESS = "jane@example.com"
TOKEN = "YOUR_TOKEN"
USER_ID = "auth0|42"

_TABLES = {"clients": "authentication", "back ends": "management"}

# The address and what stands around it, in JavaScript, Python, JSON and a form.
_EMAIL = re.compile(rf"""(?P<before>,\s*|&)(?P<q>["']?)email(?P=q)(?P<is>: |=)"?{ADDRESS}"?""")

# The key of an account, likewise.
_USER_ID = re.compile(rf"""(?P<q>["']?)user_id(?P=q)(?P<is>: |=)"{re.escape(USER_ID)}\"""")


def snippets() -> dict[str, str]:
    """Return the page's code by name."""
    return {block.name: block.code for block in blocks(PAGE) if block.mark.startswith("snippet: ")}


def snippet(name: str) -> str:
    """Return the code of that name."""
    return snippets()[name]


def without_email(code: str) -> str:
    """Return code that does not give an address."""
    return _EMAIL.sub("", code)


def with_password(code: str, password: str) -> str:
    """Return code that gives a password beside the address."""

    def add(email: re.Match[str]) -> str:
        quote = "" if email["before"] == "&" else '"'
        name = f"{email['q']}password{email['q']}"
        return f"{email[0]}{email['before']}{name}{email['is']}{quote}{password}{quote}"

    return _EMAIL.sub(add, code)


def with_result_url(code: str, result_url: str) -> str:
    """Return code that says where a ticket's last page leads back to."""

    def add(user_id: re.Match[str]) -> str:
        name = f"{user_id['q']}result_url{user_id['q']}"
        return f'{user_id[0]}, {name}{user_id["is"]}"{result_url}"'

    return _USER_ID.sub(add, code)


def table(api: str) -> str:
    """Return the table of an API's clients in Markdown."""
    columns = ["client", "version", "status of an error", "its code", "its sentence"]
    if api == "authentication":
        columns.append("sends a password")
    rows = [columns, ["---"] * len(columns)]
    rows += [row(client)[: len(columns)] for client in CLIENTS if client.api == api]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows).replace(" --- ", "---")


def row(client: Client) -> list[str]:
    """Return a client's cells in a table."""
    fields = [shown(path) for path in (client.status, client.error_code, client.sentence)]
    sends_password = "if given one" if client.sends_password else "never"
    return [client.name, client.version, *fields, sends_password]


def shown(path: str) -> str:
    """Return where callers find something: a field as code, anything else in words."""
    return f"`{path}`" if path and " " not in path else path or "—"


def with_tables(text: str) -> str:
    """Return the page with its tables made anew."""
    for name, api in _TABLES.items():
        text = with_part(text, name, table(api))
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
