"""The catalogues: every text of the app in every language, and compiled as it stands there."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.utils.translation.template import templatize

import dbconnections

APP = Path(dbconnections.__file__).parent
LANGUAGES = ["ar", "de", "es", "fr", "he", "it", "ja", "nl", "pl", "pt_BR", "tr", "zh_Hans"]

FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
QUOTED = r"""(?:u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*")"""
IN_TEMPLATE = re.compile(rf"\bn?gettext\(({QUOTED})(?:, ({QUOTED}))?")
PLACEHOLDER = re.compile(r"%\(\w+\)[sdr]|%[sdr]|\{\w*\}")
TAG = re.compile(r"</?[a-z][^>]*>")

# Two texts in one line, with nothing but elements of a sentence between them.
GLUED = re.compile(
    r"{% (?:endblocktranslate|translate [^%]*) %}"
    r"(?: |</?(?:a|b|bdi|span)\b[^>]*>)*"
    r"{% (?:block)?translate "
)


def in_code(path: Path) -> Iterator[str]:
    """Return the texts that a module marks for translation."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FUNCTIONS:
            is_plural = getattr(node.func, "id", "").startswith("ngettext")
            for said in node.args[: 2 if is_plural else 1]:
                if isinstance(said, ast.Constant):
                    yield said.value


def in_template(path: Path) -> Iterator[str]:
    """Return the texts that a template marks for translation."""
    for texts in IN_TEMPLATE.findall(templatize(path.read_text())):
        yield from (ast.literal_eval(text) for text in texts if text)


def marked() -> set[str]:
    """Return every text of the app that is to be translated."""
    templates = [path for kind in ("html", "txt") for path in APP.rglob(f"templates/**/*.{kind}")]
    code = {text for path in APP.rglob("*.py") for text in in_code(path)}
    return code | {text for path in templates for text in in_template(path)}


def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(APP / "locale" / language / "LC_MESSAGES" / "django.po"))


def translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_languages_are_those_there_are():
    assert sorted(path.name for path in (APP / "locale").iterdir()) == LANGUAGES


def test_marked_texts_are_found():
    texts = marked()
    assert "Password is too weak" in texts
    assert "Ask for a new link" in texts
    assert any("%(minutes)s minutes" in text for text in texts)


def test_no_text_is_glued_from_two():
    """What belongs together is one text: languages join and order its parts in their own ways."""
    for path in APP.rglob("templates/**/*.html"):
        assert GLUED.findall(path.read_text()) == [], path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language):
    """Run `make messages` where one is missing or was left over, and translate it."""
    entries = catalogue(language)
    known = {text for entry in entries for text in (entry.msgid, entry.msgid_plural) if text}
    assert marked() == known
    assert [entry.msgid for entry in entries if entry.fuzzy or not all(translations(entry))] == []
    assert entries.obsolete_entries() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_hold_what_is_filled_in_and_no_other_element(language):
    for entry in catalogue(language):
        for translation in translations(entry):
            filled = set(PLACEHOLDER.findall(entry.msgid + entry.msgid_plural))
            assert set(PLACEHOLDER.findall(translation)) <= filled, translation
            assert sorted(TAG.findall(translation)) == sorted(TAG.findall(entry.msgid))
            if not entry.msgid_plural:
                assert set(PLACEHOLDER.findall(translation)) == filled, translation


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_is_compiled_as_it_stands(language):
    with (APP / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in catalogue(language):
        if entry.msgid_plural:
            forms = {compiled.ngettext(entry.msgid, entry.msgid_plural, n) for n in range(200)}
            assert forms <= set(translations(entry))
        else:
            assert compiled.gettext(entry.msgid) == entry.msgstr
