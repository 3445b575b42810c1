"""`docs/customising.md` names all there is of the pages, and nothing else."""

import re
from pathlib import Path

import dbconnections
from tests.pages.person import DONE, NEW_PASSWORD, RESET

TEMPLATES = Path(dbconnections.__file__).parent / "templates" / "dbconnections"
DOCUMENT = Path(__file__).parents[2] / "docs" / "customising.md"


def table(heading: str) -> list[str]:
    """Return the names in the first column of the table with this heading."""
    text = DOCUMENT.read_text().partition(f"\n| {heading} | |\n")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in text.splitlines()]
    return sorted(name for row in rows for name in re.findall(r"`([^`]+)`", row))


def files() -> list[Path]:
    return [path for path in TEMPLATES.iterdir() if path.is_file()]


def test_every_template_is_named():
    assert table("pages: `dbconnections/`") == sorted(path.name for path in files())


def test_every_block_is_named():
    found = {
        name for path in files() for name in re.findall(r"{% block (\w+) %}", path.read_text())
    }
    assert table("block of the pages") == sorted(found)


def test_every_custom_property_is_named():
    found = re.findall(r"(--[\w-]+):", (TEMPLATES / "_style.css").read_text())
    assert table("custom property of the style") == sorted(set(found))


def test_every_variable_is_named(client, follow, submit, seal, ticket, settings):
    ask = "/dbconnections/change_password/form"
    ticket.client.result_url, ticket.client.result_url_forwards = "https://example.com/", True
    ticket.client.save()
    answers = [follow(seal("12345")), submit(), follow(ticket)]
    submit(NEW_PASSWORD)
    answers += [client.get(DONE), client.get(RESET)]
    answers += [
        client.get(f"{ask}{path}") for path in ("?client_id=demo", "/sent?client_id=demo", "")
    ]
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "RATE_LIMIT_PAGES": "1/hour"}
    answers += [client.post(RESET), client.post(RESET)]
    given: set[str] = set()
    for answer in answers:
        context = answer.context_data
        given.update(set(context) - {"page"}, {f"page.{name}" for name in context["page"]})
    assert table("variable of the pages") == sorted(given)


def test_every_picture_is_shown_and_small():
    from tests.browser.screenshots import GALLERY, LARGEST, gallery, pictures

    assert GALLERY.read_text() == gallery(), "run `python -m tests.browser.screenshots`"
    files = sorted((GALLERY.parent / "images" / "pages").iterdir())
    assert [path.name for path in files] == sorted(f"{name}.webp" for name in pictures())
    for path in files:
        assert path.read_bytes()[8:12] == b"WEBP"
        assert path.stat().st_size <= LARGEST, path
    assert sum(path.stat().st_size for path in files) <= 3_000_000
