"""An environment with the release for each supported pair."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sites.environments import Environment, Pair, build_wheel, supported_pairs


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(params=supported_pairs(), ids=str)
def pair(request: pytest.FixtureRequest) -> Pair:
    return request.param


@pytest.fixture
def make_environment(tmp_path: Path, wheel: Path, pair: Pair) -> Callable[..., Environment]:
    """Return a function that makes an environment with the release and other packages."""

    def make_environment(*requirements: str) -> Environment:
        environment = Environment(tmp_path / "environment", pair)
        environment.install(str(wheel), *requirements)
        return environment

    return make_environment
