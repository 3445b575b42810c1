"""The types of what a site may use, as mypy and pyright see them from outside."""

import shutil
from pathlib import Path

import pytest

from tests.sdk.packages import directory_of, install
from tests.sites.environments import Environment, Pair, run

pytestmark = pytest.mark.sites

CONSUMER = Path(__file__).parent / "consumer"
PYRIGHT = "pyright@1.1"

MYPY = """
[mypy]
strict = true
plugins = mypy_django_plugin.main
[mypy.plugins.django-stubs]
django_settings_module = shop.settings
"""


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> tuple[Environment, Path]:
    """A site that uses all there is to use, and an environment with the release."""
    directory = tmp_path_factory.mktemp("types")
    environment = Environment(directory / "environment", Pair("3.12", "5.2"))
    environment.install(str(wheel), "mypy", "django-stubs", "djangorestframework-stubs")
    shutil.copytree(CONSUMER, directory / "consumer")
    return environment, directory / "consumer"


def test_mypy_has_nothing_against_a_site_that_uses_everything(consumer):
    environment, directory = consumer
    (directory / "mypy.ini").write_text(MYPY)
    said = environment.run("mypy", "shop", cwd=directory)
    assert said.startswith("Success: no issues found")


def test_mypy_knows_the_types(consumer):
    """Or it would have nothing against anything."""
    environment, directory = consumer
    (directory / "mypy.ini").write_text(MYPY)
    wrong = "from dbconnections.delivery import deliver_due\nnumber: int = deliver_due()\n"
    (directory / "wrong.py").write_text(wrong)
    with pytest.raises(pytest.fail.Exception, match="Incompatible types in assignment"):
        environment.run("mypy", "wrong.py", cwd=directory)


def test_pyright_has_nothing_against_a_site_that_uses_everything(consumer):
    environment, directory = consumer
    install(npm=[PYRIGHT], pip=[])
    pyright = directory_of(PYRIGHT) / "node_modules/.bin/pyright"
    said = run(str(pyright), "--pythonpath", str(environment.bin / "python"), "shop", cwd=directory)
    assert "0 errors, 0 warnings" in said
