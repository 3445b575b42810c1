"""What a release holds: the package with all its data files, and nothing else."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dbconnections

ROOT = Path(__file__).parent.parent
RELEASED_SUFFIXES = {".py", ".html", ".txt", ".css", ".js", ".svg", ".po", ".mo", ".typed"}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that builds a distribution in this environment, without any download."""

    def build(target: str) -> Path:
        directory = tmp_path_factory.mktemp(target)
        command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(directory)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        [distribution] = directory.iterdir()
        return distribution

    return build


@pytest.fixture(scope="module")
def wheel(build: Callable[[str], Path]) -> list[str]:
    with zipfile.ZipFile(build("wheel")) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def sdist(build: Callable[[str], Path]) -> list[str]:
    with tarfile.open(build("sdist")) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]


def test_wheel_holds_the_package_and_its_metadata_only(wheel):
    package = {name for name in wheel if name.startswith("dbconnections/")}
    files = {path for path in (ROOT / "dbconnections").rglob("*") if path.is_file()}
    assert package == {
        path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts
    }
    data = "dbconnections/passwords/data/"
    others = {name for name in package if not name.startswith(data)}
    assert {PurePosixPath(name).suffix for name in others} <= RELEASED_SUFFIXES
    metadata_directory = f"dbconnections-{dbconnections.__version__}.dist-info"
    assert {name.partition("/")[0] for name in set(wheel) - package} == {metadata_directory}


@pytest.mark.parametrize(
    "pattern",
    [
        "dbconnections/py.typed",
        "dbconnections/migrations/0001_*.py",
        "dbconnections/templates/dbconnections/*.html",
        "dbconnections/static/dbconnections/*.css",
        "dbconnections/locale/*/LC_MESSAGES/django.po",
        "dbconnections/management/commands/*.py",
        "dbconnections/passwords/data/common_100000.bin",
        "dbconnections/passwords/data/README.md",
        "dbconnections-*/licenses/LICENSE",
    ],
)
def test_wheel_holds(wheel, pattern):
    assert [name for name in wheel if fnmatch(name, pattern)]


def test_wheel_holds_every_translation_compiled(wheel):
    sources = {name for name in wheel if name.endswith(".po")}
    assert {name.removesuffix("po") + "mo" for name in sources} <= set(wheel)


@pytest.mark.parametrize("name", ["LICENSE", "README.md", "manage.py", "tests/settings.py"])
def test_sdist_holds(sdist, name):
    assert name in sdist


def test_version_is_the_one_of_the_package():
    assert metadata.version("dbconnections") == dbconnections.__version__


# What development installs


def declared(*, for_peers: bool) -> dict[str, Requirement]:
    """Return what `make` may install into the peers' environment, or into the other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [
        group
        for name, group in project["dependency-groups"].items()
        if for_peers == (name == "benchmarks")
    ]
    groups += [project["project"]["dependencies"]]
    if not for_peers:
        groups += project["project"]["optional-dependencies"].values()
    found = [Requirement(item) for group in groups for item in group if isinstance(item, str)]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("kind", ["dev", "bench"])
def test_versions_for_development_are_locked(kind):
    """`make lock` renews them."""
    lines = (ROOT / f"requirements-{kind}.txt").read_text().splitlines()
    locked: dict[str, list[str]] = {}
    for requirement in map(Requirement, lines):
        [specifier] = requirement.specifier
        assert specifier.operator == "=="
        locked.setdefault(canonicalize_name(requirement.name), []).append(specifier.version)
    for name, requirement in declared(for_peers=kind == "bench").items():
        assert all(version in requirement.specifier for version in locked[name]), name
