"""What is said to be tested is what `.ci/run` tests and what a release declares."""

import re
import tomllib

from tests.sites.environments import Pair, supported_pairs
from tests.support.documentation import ROOT

CI = (ROOT / ".ci/run").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_pair_that_is_promised_is_tested():
    run = {Pair(*found) for found in re.findall(r"\bmatrix ([\d.]+) ([\d.]+)", CI)}
    assert run == set(supported_pairs())


def test_release_declares_the_versions_that_are_tested():
    classifiers = " ".join(PROJECT["classifiers"])
    pairs = supported_pairs()
    djangos = re.findall(r"Framework :: Django :: (\d+\.\d+)", classifiers)
    pythons = re.findall(r"Python :: (\d+\.\d+)", classifiers)
    assert set(djangos) == {pair.django for pair in pairs}
    assert set(pythons) == {pair.python for pair in pairs}
    assert PROJECT["requires-python"] == f">={pythons[0]}"


def test_every_marker_that_make_test_leaves_out_is_run():
    [left_out] = re.findall(r'-m "not \((.+?)\)"', (ROOT / "Makefile").read_text())
    for marker in left_out.split(" or "):
        assert re.search(rf"(-m|^step .*\bredis) {marker}\b", CI, re.MULTILINE), marker
