"""`docs/mails.md` names all there is of the mails, and nothing else."""

import re
from pathlib import Path

import pytest
from django.template.loader import select_template

from dbconnections import mail
from tests.support.mail_document import DOCUMENT, with_texts
from tests.support.mails import sample

TEMPLATES = Path(mail.__file__).parent / "templates" / "dbconnections" / "mail"
# One block for each mail; `tests/test_docs.py` wants no other.
MARKS = ["texts: written by `python -m tests.support.mail_document`, checked by a test"] * 2
PICTURES = DOCUMENT.parent / "images" / "mails"


def table(heading: str) -> dict[str, str]:
    """Return the names in a section's first column, each with the column beside it."""
    section = DOCUMENT.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:-1] for row in section.splitlines() if row.startswith("| `")]
    return {name: row[1].strip() for row in rows for name in re.findall(r"`([^`]+)`", row[0])}


def blocks_of(*names: str) -> set[str]:
    text = "".join((TEMPLATES / name).read_text() for name in names)
    return set(re.findall(r"{% block (\w+) %}", text))


def test_every_template_is_named():
    assert sorted(table("Templates")) == sorted(path.name for path in TEMPLATES.iterdir())


def test_every_block_is_named_with_where_it_is():
    reset, changed = blocks_of("base.html", "reset.html"), blocks_of("base.html", "changed.html")
    places = {
        name: "both" if name in reset & changed else "`reset.html`" for name in reset | changed
    }
    assert table("Blocks") == places


def test_every_variable_is_named_with_where_it_is(monkeypatch):
    contexts: dict[str, set[str]] = {}

    def remember(names):
        template = select_template(names)

        class Remembering:
            def render(self, context):
                mail_name = re.split(r"[._]", names[-1].rpartition("/")[2])[0]
                contexts.setdefault(mail_name, set()).update(context)
                return template.render(context)

        return Remembering()

    monkeypatch.setattr(mail, "select_template", remember)
    for name in ("reset", "changed"):
        sample(name)
    both = contexts["reset"] & contexts["changed"]
    places = {name: f"`{where}`" for where, names in contexts.items() for name in names - both}
    assert table("Variables") == places | dict.fromkeys(both, "both")


def test_texts_are_current():
    document = DOCUMENT.read_text()
    assert with_texts(document) == document, "run `python -m tests.support.mail_document`"
    assert "Subject: Change your password" in document


def test_every_picture_is_shown_and_small():
    from tests.browser.mail_screenshots import LARGEST, pictures

    shown = re.findall(r"\(images/mails/([^)]+)\.png\)", DOCUMENT.read_text())
    assert sorted(shown) == sorted(pictures())
    files = sorted(PICTURES.iterdir())
    assert [path.stem for path in files] == sorted(shown)
    for path in files:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size <= LARGEST, path


@pytest.mark.parametrize("name", ["reset", "changed"])
def test_text_and_html_use_no_variable_that_is_missing(name, caplog):
    """Django logs the whole context, and so the link, for one that is."""
    with caplog.at_level("DEBUG", logger="django.template"):
        for options in (
            {},
            {"password_given": True},
            {"asked_by_support": True},
            {"may_ask": False},
        ):
            sample(name, **options)
    assert caplog.records == []
