"""After real failures of real scripts under changed settings, the same command ends in what a run from nothing makes.

`tests/workflow/test_never_stale.py` covers every rule with stubs; here, the chains of all stages
that compute run side by side, and a script of each fails in each way: it raises, it is killed alone
while Snakemake lives, and it runs out of memory.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from koopflow.cli import record
from tests.house import command, copy_of_the_house, digests
from tests.workflow.test_never_stale import merged

TROUBLE = """
import json, os, signal, sys

SCRIPT = next((word for word in sys.orig_argv if ".snakemake/scripts/" in word), "").split(".")[-2:][0]
MODULE, KIND = json.loads(os.environ["TROUBLE"]).get(SCRIPT, (None, None))

class Trouble:
    def find_spec(self, name, path, target=None):
        if name == MODULE:
            if KIND == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if KIND == "memory":
                bytearray(2**62)
            raise RuntimeError("raised by the test")

sys.meta_path.insert(0, Trouble())
"""
MODULES = {
    "train_ensemble": "koopflow.training.ensemble",
    "run_pruning": "koopflow.pruning.study",
    "train_rounds": "koopflow.tickets.imp",
    "forecast_series": "koopflow.forecast.evaluate",
}
"""A script of each stage, and the module at whose import it fails."""
SAID = {
    "raise": "RuntimeError: raised by the test",
    "kill": "it ended without a message: it was killed",
    "memory": "koopflow: not enough memory",
}
"""Each kind of failure, and what a run says of it."""
TARGETS = (
    "results/equivalence/training/a/eigenvalues.csv",
    "results/pruning/accuracy.csv",
    "results/tickets/chains/s/digits/rounds.csv",
    "results/forecast/skill.csv",
)
STUDY: dict[str, Any] = {
    "equivalence": {
        "training": {
            "seeds": 2,
            "copies": 2,
            "base": {"steps": 40, "koopman": {"delays": 1, "rank": 3}},
            "setups": {"a": {}},
            "comparisons": {},
        }
    },
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
    },
    "tickets": {
        "base": {
            "seeds": 2,
            "rounds": 3,
            "steps": 10,
            "controls": {"rounds": [2]},
            "transfer": {"rounds": []},
            "composition": {"seeds": 0},
        },
        "studies": {"s": {"tasks": ["digits"], "model": {"name": "mlp", "widths": [8]}}},
    },
    "series": {
        "a": {"source": "switching", "length": 400, "period": 1, "window": 40, "delays": 12, "rank": 4, "horizon": 6}
    },
    "forecast": {"methods": ["persistence", "sliding"], "draws": 100},
}
CHANGED = merged(
    STUDY,
    {
        "equivalence": {"training": {"base": {"steps": 50}}},
        "pruning": {"base": {"rank": 2}},
        "tickets": {"base": {"steps": 12}},
        "series": {"a": {"horizon": 4}},
    },
)


def snakemake(house: Path, config: dict[str, Any], trouble: dict[str, tuple[str, str]]) -> tuple[int, str]:
    """Run all chains, with this trouble."""
    (house / "mine.yaml").write_text(yaml.safe_dump(config))
    environment = {**os.environ, "PYTHONPATH": str(house.parent), "TROUBLE": json.dumps(trouble)}
    words = command(*TARGETS, "--configfile", "mine.yaml", "--keep-going")
    done = subprocess.run(words, cwd=house, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_after_failures_of_every_kind_the_same_command_makes_what_a_run_from_nothing_makes(tmp_path):
    """The settings change to and fro between two studies; before each change succeeds, all stages fail in one way."""
    (tmp_path / "sitecustomize.py").write_text(TROUBLE)
    house, fresh = (copy_of_the_house(tmp_path / name) for name in ("house", "fresh"))
    made = []
    for folder, config in ((house, STUDY), (fresh, CHANGED)):
        code, told = snakemake(folder, config, {})
        assert code == 0, told[-6000:]
        made.append(digests(folder / "results"))
    of_study, of_changed = made
    changes = ((CHANGED, of_changed, "raise"), (STUDY, of_study, "kill"), (CHANGED, of_changed, "memory"))
    for config, expected, kind in changes:
        code, told = snakemake(house, config, {script: (module, kind) for script, module in MODULES.items()})
        assert code != 0
        for script in MODULES:
            assert re.search(rf"  Log: logs/results/{script}\b", told), told[-6000:]
        assert told.count(SAID[kind]) >= len(MODULES), (kind, told[-6000:])
        assert record.read(house / "results")["#run"]["actionStatus"].endswith("/FailedActionStatus")
        code, told = snakemake(house, config, {})
        assert code == 0, told[-6000:]
        assert record.read(house / "results")["#run"]["actionStatus"].endswith("/CompletedActionStatus")
        found = digests(house / "results")
        assert {name: found.get(name) for name in expected} == expected, kind
