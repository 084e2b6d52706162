"""A registry finds what YAML names, and options are those of the function's signature."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Literal

import pytest

from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Registry, check_options, imported


def example(
    given, which: Literal["slow", "fast"] = "slow", rate: float = 0.1, sizes: tuple[int, ...] = (), *, count: int
):
    """Stand for a registered function: one argument, then options."""


def test_options_come_back_typed():
    assert check_options(example, {"rate": 1, "sizes": [3, 4], "count": 2}, "k") == {
        "rate": 1.0,
        "sizes": (3, 4),
        "count": 2,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"rte": 1.0, "count": 1},
            r"k\.rte: unknown option \(did you mean rate\?\); accepted: which, rate, sizes, count",
        ),
        ({}, r"k\.count: required option is missing"),
        ({"count": "3"}, r"k\.count: must be int \(got '3'\)"),
        ({"count": True}, r"k\.count: must be int"),
        ({"count": 1, "rate": "1e-3"}, r"k\.rate: must be float"),
        ({"count": 1, "which": "quick"}, r"k\.which: must be Literal\['slow', 'fast'\] \(got 'quick'\)"),
        ({"count": 1, "sizes": [1.5]}, r"k\.sizes: must be tuple"),
    ],
)
def test_options_of_another_name_or_type_are_refused(options, message):
    with pytest.raises(KoopflowError, match=message):
        check_options(example, options, "k")


def test_listing_names_imports_nothing():
    code = "import sys; from koopflow.pruning.registry import SCORES; list(SCORES); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(KoopflowError, match=r"key: no score named 'magnitud' \(did you mean magnitude\?\)"):
        Registry("score", {"magnitude": "koopflow.pruning.scores:magnitude"}).check("magnitud", "key")


def test_a_package_that_koopflow_misses_is_the_environments_mistake_and_not_the_users(monkeypatch):
    def without_torch(module: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("koopflow.core.registry.importlib", SimpleNamespace(import_module=without_torch))
    with pytest.raises(ModuleNotFoundError, match="torch"):
        imported("koopflow.studies.checks.equivalence:check", "equivalence", "check")
    with pytest.raises(KoopflowError, match="k: source mine:f cannot be imported"):
        imported("mine:f", "k", "source")
