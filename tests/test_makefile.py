"""The Makefile knows every marker."""

import re
import tomllib

from tests.support.documentation import ROOT


def recipe(target: str) -> str:
    """Return what a target does."""
    text = (ROOT / "Makefile").read_text()
    [lines] = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    return lines


def test_tests_that_need_more_than_python_are_left_out_by_name():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    markers = project["tool"]["pytest"]["ini_options"]["markers"]
    needy = [marker.partition(":")[0] for marker in markers if ": needs " in marker]
    [left_out] = re.findall(r'-m "not \((.+?)\)"', recipe("test"))
    assert sorted(left_out.split(" or ")) == sorted(needy)
