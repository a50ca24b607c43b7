"""What every test has: checked passes, one seed, hypothesis profiles, `--bless` for golden files.

The environment is set before anything imports torch or flambeau, and child processes inherit it.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("FLAMBEAU_VERIFY", "1")

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# A loaded machine makes examples slow without anything being wrong, so time is never what fails a property.
hypothesis_settings.register_profile(
    "fast", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("thorough", parent=hypothesis_settings.get_profile("fast"), max_examples=1000)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--bless", action="store_true", help="rewrite what golden files expect; read the diff line by line"
    )


@pytest.fixture(scope="session")
def bless(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--bless"))


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    """Random tensors are the same in every run, in every order of tests. Tests that need no torch do not import it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
