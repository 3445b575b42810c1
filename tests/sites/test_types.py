"""The types of what a site may use, as mypy and pyright see them from outside."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sdk.packages import directory_of, install
from tests.sites.environments import Environment, run, supported_pairs

pytestmark = pytest.mark.sites

CONSUMER = Path(__file__).parent / "consumer"
PYRIGHT = "pyright@1.1"

# What a type checker finds fault with, if it knows our types.
WRONG = "from dbconnections.delivery import deliver_due\nnumber: int = deliver_due()\n"

MYPY = """
[mypy]
strict = true
plugins = mypy_django_plugin.main
[mypy.plugins.django-stubs]
django_settings_module = shop.settings
"""


@pytest.fixture(scope="module", params=[supported_pairs()[0], supported_pairs()[-1]], ids=str)
def consumer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path
) -> tuple[Environment, Path]:
    """A site that uses all there is to use, and an environment with the release."""
    directory = tmp_path_factory.mktemp("types")
    environment = Environment(directory / "environment", request.param)
    environment.install(str(wheel), "mypy", "django-stubs", "djangorestframework-stubs")
    shutil.copytree(CONSUMER, directory / "consumer")
    (directory / "consumer/mypy.ini").write_text(MYPY)
    (directory / "consumer/wrong.py").write_text(WRONG)
    return environment, directory / "consumer"


@pytest.fixture
def pyright(consumer: tuple[Environment, Path]) -> Callable[[str], str]:
    """Run pyright on a file or a directory of the site; return what it says."""
    install(npm=[PYRIGHT], pip=[])
    environment, directory = consumer
    command = [str(directory_of(PYRIGHT) / "node_modules/.bin/pyright")]
    command += ["--pythonpath", str(environment.bin / "python")]
    return lambda path: run(*command, path, cwd=directory)


def test_mypy_has_nothing_against_a_site_that_uses_everything(consumer):
    environment, directory = consumer
    said = environment.run("mypy", "shop", cwd=directory)
    assert said.startswith("Success: no issues found")


def test_mypy_knows_the_types(consumer):
    """Or it would have nothing against anything."""
    environment, directory = consumer
    with pytest.raises(pytest.fail.Exception, match="Incompatible types in assignment"):
        environment.run("mypy", "wrong.py", cwd=directory)


def test_pyright_has_nothing_against_a_site_that_uses_everything(pyright):
    assert "0 errors, 0 warnings" in pyright("shop")


def test_pyright_knows_the_types(pyright):
    with pytest.raises(pytest.fail.Exception, match="reportAssignmentType"):
        pyright("wrong.py")
