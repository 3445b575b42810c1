"""The Makefile knows every marker and every part of the documentation that is written."""

import ast
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


def test_documentation_is_built_after_all_that_is_written_from_the_code():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
        for path in (ROOT / "tests").rglob("*.py")
    }
    # Pictures take a browser and somebody who looks at them: their modules make, these write.
    writers = {
        name
        for name, tree in modules.items()
        if (about := ast.get_docstring(tree)) and f"`python -m {name}`" in about
        if re.search(r"\bwrites\b", about, re.IGNORECASE)
    }
    *written, built = re.findall(r"-m (\S+)", recipe("docs"))
    assert set(written) == writers
    assert built == "sphinx"
