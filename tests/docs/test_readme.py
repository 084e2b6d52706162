"""The README: its snippets run as they stand, its links and figures exist."""

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from tests.docs.pages import files
from tests.house import copy_of_the_house

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_snippets_are_short():
    for snippet in snippets("python") + snippets("yaml"):
        assert len(snippet.strip().splitlines()) < 25


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The workflow with the README's files, put beside the Snakefile as a reader would."""
    folder = copy_of_the_house(tmp_path_factory.mktemp("readme") / "koopflow")
    for name, text in files(README).items():
        (folder / name).write_text(text)
    (folder / "rounds").mkdir()
    weights = torch.rand(12, 10, generator=torch.Generator().manual_seed(0))
    for number in range(6):
        mask = (weights > 0.15 * number).float()
        torch.save({"a.weight_orig": weights, "a.weight_mask": mask}, folder / "rounds" / f"round-{number}.pt")
    return folder


JOBS = {
    "train.py": ["spectra/tests.csv", "figures/trajectories_spectra.png"],
    "pruning": ["pruning/accuracy.csv", "figures/pruning_accuracy.png"],
    "mine.py": ["tickets/transfer.csv", "figures/tickets_transfer_matrix_mine.png"],
    "sales.py": ["forecast/future.csv", "figures/future_sales.png"],
}
"""What each job makes, by a word of its commands."""


def commands_of(word: str) -> str:
    (found,) = [block for block in snippets("sh") if word in block]
    return found


@functools.cache
def typed(folder: Path, words: str) -> subprocess.CompletedProcess:
    """Return what a shell says to `words`, typed once, with this Python and its Snakemake first on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # One thread: beside other tests, several threads of torch wait for one another.
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(["bash", "-ec", words], cwd=folder, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(("word", "results"), JOBS.items())
def test_each_job_goes_from_the_readers_files_to_table_and_figure_as_typed(copy, word, results):
    done = typed(copy, commands_of(word))
    assert done.returncode == 0, done.stdout + done.stderr
    for file in results:
        assert (copy / "results" / file).stat().st_size > 0


def test_four_runs_each_decide_or_say_why_not(copy):
    typed(copy, commands_of("train.py"))
    (row,) = pd.read_csv(copy / "results/spectra/tests.csv").to_dict("records")
    assert row["n"] == 4
    assert row["ci_low"] < row["excess"] < row["ci_high"]


def test_the_library_works_on_the_files_of_the_jobs(copy):
    for word in ("train.py", "sales.py"):
        typed(copy, commands_of(word))
    done = typed(copy, "python library.py")
    assert done.returncode == 0, done.stderr
    for words in ("narrow and wide: ", "layer1.weight", "prediction", "Gated"):
        assert words in done.stdout, words
    assert (copy / "spectrum.png").stat().st_size > 0


def test_rounds_pruned_elsewhere_have_exponents(copy):
    done = typed(copy, "snakemake tickets --cores all --configfile rounds.yaml --config results=rounds_results")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / "rounds_results/figures/tickets_exponents_mine.png").stat().st_size > 0


def test_links_and_figures_exist():
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert len(targets) > 5
    for target in targets:
        if not target.startswith("http"):
            assert (ROOT / target.partition("#")[0]).exists(), target


def test_the_readmes_count_of_claims_is_that_of_the_default_study():
    text = " ".join(README.split())
    count, supported, against = map(
        int, re.search(r"judges (\d+) statements .*?: (\d+) are supported, (\d+) are not", text).groups()
    )
    undecided = int(re.search(r"and (\d+) are inconclusive", text)[1])
    claims = yaml.safe_load((ROOT / "config.yaml").read_text())["claims"]["statements"]
    assert supported + against + undecided == count == len(claims)


def test_make_targets_named_in_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE)
    assert {"help", "test"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
