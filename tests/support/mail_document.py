"""Writes the texts of the mails into `docs/mails.md`: `python -m tests.support.mail_document`."""

import os
from textwrap import indent

import django
from django.utils import timezone

from tests.support.documentation import ROOT, with_part

DOCUMENT = ROOT / "docs" / "mails.md"


def texts() -> str:
    """Return subject and text of both samples in Markdown."""
    from tests.support.mails import BRAND, sample

    shown = []
    with timezone.override("UTC"):
        for name in ("reset", "changed"):
            message = sample(name, brand=BRAND)
            shown.append(f"Subject: {message.subject}\n\n{message.body.strip()}")
    return "\n\n---\n\n".join(indent(text, "    ") for text in shown)


def with_texts(document: str) -> str:
    """Return the document with the texts written anew."""
    return with_part(document, "texts", f"\n{texts()}\n\n")


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    DOCUMENT.write_text(with_texts(DOCUMENT.read_text()))
