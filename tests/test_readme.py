"""What the README says is so."""

import pytest

from tests.support.readme import README, with_table


def test_table_of_settings_is_current():
    text = README.read_text()
    assert with_table(text) == text, "run `python -m tests.support.readme`"


def test_page_that_has_lost_its_marks_is_not_current():
    with pytest.raises(AssertionError, match="0 places are marked 'settings'"):
        with_table("# dbconnections\n")


def test_picture_is_shown_and_small():
    from tests.browser.flow_picture import LARGEST, PICTURE

    assert f"({PICTURE.relative_to(README.parent)})" in README.read_text()
    assert PICTURE.stat().st_size <= LARGEST


def test_table_names_every_setting():
    assert "| `BASE_URL` |" in README.read_text()
