"""After a real failure of a real script under a changed setting, the same command ends in what a
run from nothing makes.

`tests/workflow/test_never_stale.py` covers every rule with stubs; here, each stage that computes
fails in three ways: its script raises, it is killed alone while Snakemake lives, it runs out of
memory.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from koopflow.cli import record
from tests.house import command, copy_of_the_house, digests
from tests.workflow.test_never_stale import merged

TROUBLE = """
import os, signal, sys

class Trouble:
    def find_spec(self, name, path, target=None):
        if name == os.environ.get("TROUBLE_MODULE"):
            kind = os.environ["TROUBLE"]
            if kind == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "memory":
                bytearray(2**62)
            raise RuntimeError("raised by the test")

if any(".snakemake/scripts/" in word for word in sys.orig_argv):
    sys.meta_path.insert(0, Trouble())
"""


@dataclass(frozen=True)
class Case:
    """A chain of jobs of one stage, a change of a setting, and a module that only the failing job
    imports."""

    target: str
    config: dict[str, Any]
    change: dict[str, Any]
    module: str


TICKETS = {
    "seeds": 2,
    "rounds": 3,
    "steps": 10,
    "controls": {"rounds": [2]},
    "transfer": {"rounds": []},
    "composition": {"seeds": 0},
}
CASES = {
    "equivalence": Case(
        "results/equivalence/training/a/eigenvalues.csv",
        {
            "equivalence": {
                "training": {
                    "seeds": 2,
                    "copies": 2,
                    "base": {"steps": 40, "koopman": {"delays": 1, "rank": 3}},
                    "setups": {"a": {}},
                    "comparisons": {},
                }
            }
        },
        {"equivalence": {"training": {"base": {"steps": 50}}}},
        "koopflow.training.ensemble",
    ),
    "pruning": Case(
        "results/pruning/accuracy.csv",
        {
            "pruning": {
                "base": {
                    "model": {"name": "mlp", "widths": [8]},
                    "epochs": 1,
                    "seeds": 2,
                    "prune_epochs": [1],
                    "window": 9,
                    "rank": 3,
                    "compressions": [1, 4],
                    "methods": ["koopman_magnitude"],
                    "pairs": [],
                    "finetune": {"at": []},
                    "save_masks": {"at": []},
                },
                "studies": {"s": {}},
            }
        },
        {"pruning": {"base": {"rank": 2}}},
        "koopflow.pruning.study",
    ),
    "tickets": Case(
        "results/tickets/chains/s/digits/rounds.csv",
        {
            "tickets": {
                "base": TICKETS,
                "studies": {"s": {"tasks": ["digits"], "model": {"name": "mlp", "widths": [8]}}},
            }
        },
        {"tickets": {"base": {"steps": 12}}},
        "koopflow.tickets.imp",
    ),
    "forecast": Case(
        "results/forecast/skill.csv",
        {
            "series": {
                "a": {
                    "source": "switching",
                    "length": 400,
                    "period": 1,
                    "window": 40,
                    "delays": 12,
                    "rank": 4,
                    "horizon": 6,
                }
            },
            "forecast": {"methods": ["persistence", "sliding"], "draws": 100},
        },
        {"series": {"a": {"horizon": 4}}},
        "koopflow.forecast.evaluate",
    ),
}


def snakemake(house: Path, case: Case, config: dict[str, Any], kind: str = "") -> subprocess.CompletedProcess[str]:
    """Run the case's target, with trouble of this kind in the job that imports the case's
    module."""
    (house / "mine.yaml").write_text(yaml.safe_dump(config))
    trouble = {"PYTHONPATH": str(house.parent), "TROUBLE": kind, "TROUBLE_MODULE": case.module} if kind else {}
    words = command(case.target, "--configfile", "mine.yaml", "--quiet", "rules")
    return subprocess.run(words, cwd=house, env={**os.environ, **trouble}, capture_output=True, text=True)


@pytest.fixture(scope="module", params=CASES)
def finished(request, tmp_path_factory) -> tuple[Case, Path, dict[str, str]]:
    """A case, a finished run of it, and the bytes of a run from nothing under the changed
    setting."""
    case, top = CASES[request.param], tmp_path_factory.mktemp(request.param)
    for name, config in (("before", case.config), ("after", merged(case.config, case.change))):
        done = snakemake(copy_of_the_house(top / name), case, config)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return case, top / "before", digests(top / "after" / "results")


@pytest.mark.parametrize("kind", ["raise", "kill", "memory"])
def test_after_a_failure_the_same_command_makes_what_a_run_from_nothing_makes(finished, tmp_path, kind):
    case, before, expected = finished
    house = shutil.copytree(before, tmp_path / "house", symlinks=True)
    (tmp_path / "sitecustomize.py").write_text(TROUBLE)
    changed = merged(case.config, case.change)
    failed = snakemake(house, case, changed, kind)
    assert failed.returncode != 0
    if kind == "memory":
        assert "koopflow: not enough memory" in failed.stdout + failed.stderr
    assert record.read(house / "results")["#run"]["actionStatus"].endswith("/FailedActionStatus")
    again = snakemake(house, case, changed)
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert record.read(house / "results")["#run"]["actionStatus"].endswith("/CompletedActionStatus")
    found = digests(house / "results")
    assert {name: found.get(name) for name in expected} == expected
