"""Dates on pages and in mails, of which Django has no whole format in each language."""

from datetime import UTC, datetime

import pytest
from django.template import Context, Template
from django.utils import timezone, translation
from django.utils.formats import date_format

from dbconnections.templatetags.dbconnections_dates import date_and_time
from tests.test_translations import LANGUAGES

MOMENT = datetime(2026, 3, 4, 15, 6, tzinfo=UTC)


def test_arabic_date_is_arabic():
    with translation.override("ar"):
        assert date_and_time(MOMENT) == "4 مارس، 2026 3:06 م"


@pytest.mark.parametrize("language", ["en", *(name for name in LANGUAGES if name != "ar")])
def test_other_languages_are_as_django_has_them(language):
    with translation.override(language.replace("_", "-").lower()):
        assert date_and_time(MOMENT) == date_format(MOMENT, "DATETIME_FORMAT")


def test_time_is_local():
    template = Template("{% load dbconnections_dates %}{{ moment|date_and_time }}")
    with timezone.override("Asia/Tokyo"), translation.override("de"):
        assert template.render(Context({"moment": MOMENT})) == "5. März 2026 00:06"


def test_no_moment_is_no_text():
    assert date_and_time(None) == ""
