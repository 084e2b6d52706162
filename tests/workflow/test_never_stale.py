"""After a job failed under a changed setting, the same command ends in what a run from nothing
makes: for every rule.

The rules are the real ones. Their scripts are replaced by a stub that writes a digest of a job's
parameters and inputs into each output, so that a stale result anywhere upstream shows in every
result downstream.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from tests.house import command, copy_of_the_house

STUB = """
import hashlib, os, re, sys
from pathlib import Path
rule, *words = sys.argv[1:]
if rule in os.environ.get("FAILING", "").split():
    Path(f"{rule}.failed").touch()
    sys.exit(1)
outputs, inputs, params = words[: words.index("--")], words[words.index("--") + 1 :], None
inputs, params = inputs[: inputs.index("--")], inputs[inputs.index("--") + 1 :]
content = hashlib.sha256(re.sub(r"\\b[0-9a-f]{32}\\b", "", "\\0".join(params)).encode())  # without `made_from` itself
for path in map(Path, inputs):
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        content.update(file.read_bytes() if file.is_file() else b"")
for path in map(Path, outputs):
    path = path if path.suffix else path / "content.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content.hexdigest() + "\\n")
"""
STUDY = {
    "trajectories": {"mine": {"path": "run.h5", "rank": 3}},
    "equivalence": {
        "windows": {"early": {"koopman": {"rank": 4}}},
        "training": {
            "seeds": 2,
            "setups": {"a": {}, "b": {"batch_size": 30}, "c": {"model": {"widths": [5]}}, "long": {"steps": 90000}},
            "comparisons": {"batch": ["a", "b"], "width": ["a", "c"], "length": ["a", "long"]},
        },
    },
    "pruning": {"studies": {"one": {"model": {"initial_weights": "mine.pt"}}}},
    "tickets": {
        "base": {
            "seeds": 2,
            "rounds": 7,
            "controls": {"rounds": [3]},
            "transfer": {"rounds": [4]},
            "composition": {"seeds": 2},
            "predictors": {"registered": ["mask_overlap"]},
        },
        "studies": {
            "few": {"tasks": ["digits", "clusters"], "model": {"name": "resnet8", "width": 2}},
            "deep": {"tasks": ["digits"], "model": {"name": "resnet14", "width": 2}},
        },
        "elastic": {"depths": {"studies": ["few", "deep"], "rounds": [3]}},
    },
    "series": {"wave": {"source": "switching", "horizon": 5}},
    "forecast": {"methods": ["persistence", "sliding", "episodic"], "quantiles": True},
    "hub": {"hubs": {"flu": {"folder": "hubs"}}},
    "own_figures": {"one": {"draw": "mine:draw", "tables": ["pruning/accuracy.csv"], "caption": "One."}},
}
FONT = {"figures": {"style": {"font_size": 7}}}
CHANGES = [
    {
        "fit_spectrum": {"trajectories": {"mine": {"rank": 4}}},
        "run_optimizers": {"equivalence": {"optimizers": {"states": 50}}},
        "train_ensemble": {"equivalence": {"training": {"setups": {"long": {"batch_size": 20}}}}},
        "train_short_setups": {"equivalence": {"training": {"base": {"steps": 900}}}},
        "train_windows": {"equivalence": {"windows": {"early": {"seeds": 2}}}},
        "train_grokking": {"grokking": {"base": {"steps": 900}}},
        "train_pruning": {"pruning": {"base": {"batch_size": 40}}},
        "train_rounds": {"tickets": {"base": {"steps": 150}}},
        "forecast_series": {"series": {"wave": {"horizon": 6}}},
        "forecast_hub": {"hub": {"hubs": {"flu": {"maximum": 100}}}},
    },
    {
        "compare_spectra": {"spectra": {"shuffles": 50}},
        "fit_spectra": {"equivalence": {"training": {"setups": {"long": {"koopman": {"rank": 5}}}}}},
        "fit_short_setups": {"equivalence": {"training": {"base": {"koopman": {"rank": 4}}}}},
        "fit_windows": {"equivalence": {"windows": {"early": {"window": 200}}}},
        "fit_grokking": {"grokking": {"rank": 5}},
        "run_pruning": {"pruning": {"base": {"rank": 4}}},
        "train_controls": {"tickets": {"base": {"controls": {"rounds": [4]}}}},
        "transfer_tickets": {"tickets": {"base": {"transfer": {"rounds": [5]}}}},
        "predict_transfer": {"tickets": {"base": {"predictors": {"registered": ["snip"]}}}},
        "stretch_tickets": {"tickets": {"elastic": {"depths": {"rounds": [4]}}}},
        "score_forecasts": {"forecast": {"draws": 500}},
        "score_hubs": {"hub": {"hubs": {"flu": {"reference": "theirs"}}}},
    },
    {
        "compare_setups": {"equivalence": {"training": {"margin": 0.3}}},
        "sample_weights": {"equivalence": {"training": {"base": {"steps": 850}}}},
        "compare_windows": {"equivalence": {"windows": {"early": {"window": 50}}}},
        "collect_pruning": {"pruning": {"base": {"rank": 4}}},
        "fit_exponents": {"tickets": {"margin": 0.03}},
    },
    {
        "plot_optimizers": FONT,
        "plot_equivalence": FONT,
        "plot_windows": FONT,
        "plot_grokking": FONT,
        "plot_pruning": FONT,
        "plot_tickets": FONT,
        "plot_forecast": FONT,
        "plot_hub": FONT,
        "plot_claims": FONT,
        "plot_own_figures": FONT,
        "write_interactive": FONT,
        "plot_paper_equivalence": FONT,
        "plot_paper_memory": FONT,
        "plot_paper_pruning": FONT,
    },
    {"write_tables": {"claims": {"level": 0.9}}},
    {"judge_claims": {"claims": {"level": 0.9}}, "write_papers": {"equivalence": {"optimizers": {"grid": 4}}}},
    {"check_stage": {"seed": 5}},
    {"write_site": FONT},
]
"""Rules that fail in one run, as none of them waits for another, each with a changed setting of its
own or, if it has none, of a rule before it."""


def merged(base: dict, change: dict) -> dict:
    both = {
        key: merged(base[key], value) if isinstance(base.get(key), dict) else value for key, value in change.items()
    }
    return {**base, **both}


def run(house: Path, config: dict, *words: str, failing: Iterable[str] = ()) -> None:
    (house / "mine.yaml").write_text(yaml.safe_dump(config))
    words = ("all", "--configfile", "mine.yaml", "--quiet", "all", "--keep-going", *words)
    environment = {**os.environ, "FAILING": " ".join(failing)}
    done = subprocess.run(command(*words), cwd=house, env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) == bool(failing), done.stdout[-3000:] + done.stderr[-3000:]


def contents(house: Path) -> dict[str, str]:
    unlike = ("README.md", "ro-crate-metadata.json")  # the record of a run holds times
    files = [file for file in (house / "results").rglob("*") if file.is_file() and file.name not in unlike]
    return {str(file.relative_to(house)): file.read_text() for file in files}


def house_of_stubs(folder: Path) -> Path:
    """Return `folder` with the real rules over stubs."""
    house = copy_of_the_house(folder)
    (house / "stub.py").write_text(STUB)
    (house / "run.h5").write_bytes(b"recorded")
    (house / "mine.py").write_text("def draw(table): ...\n")
    (house / "data" / "hubs").mkdir(parents=True)
    for name in ("truth", "vintages"):
        (house / "data" / "hubs" / f"flu_{name}.csv").write_text("location\n")
    shell = (
        f'    shell:\n        "{sys.executable} -S -E stub.py {{rule}} {{output:q}} -- {{input:q}} -- {{params:q}}"\n'
    )
    for file in (house / "rules").glob("*.smk"):
        file.write_text(re.sub(r'    script:\n        "\.\./scripts/[^"]+"\n', lambda _: shell, file.read_text()))
    return house


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished study of stubs over the real rules."""
    house = house_of_stubs(tmp_path_factory.mktemp("stubs") / "house")
    run(house, STUDY)
    return house


def test_every_rule_that_computes_is_among_them(finished):
    text = "".join(file.read_text() for file in sorted((finished / "rules").glob("*.smk")))
    rules = {
        part[1]: part[0]
        for part in re.findall(r"((?:use )?rule (?:\w+ as )?(\w+)(?:.|\n)*?)(?=\n(?:use )?rule |\Z)", text)
    }
    computing = {name for name, body in rules.items() if "stub.py" in body or body.startswith("use rule")} - {
        "plot",
        "report",
    }
    assert computing == {rule for batch in CHANGES for rule in batch}


@pytest.mark.parametrize("batch", CHANGES, ids="-".join)
def test_after_failures_the_same_command_makes_what_a_run_from_nothing_makes(finished, tmp_path, batch):
    house = shutil.copytree(finished, tmp_path / "house", symlinks=True)
    changed = functools.reduce(merged, batch.values(), STUDY)
    run(house, changed, failing=batch)
    assert {path.stem for path in house.glob("*.failed")} == set(batch), "the changed setting did not reach each rule"
    run(house, changed)
    found = contents(house)
    run(house, changed, "--forceall")
    expected = contents(house)
    stale = sorted(name for name in expected if found.get(name) != expected[name])
    assert stale == []
