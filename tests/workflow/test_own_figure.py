"""A figure of the user's own: one function in one file, and lines of YAML."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.house import command, copy_of_the_house

pytestmark = pytest.mark.slow
MODULE = '''
from matplotlib import pyplot as plt


def bars(distances, color="grey"):
    """Draw the distance of each pair of optimizers."""
    figure, axes = plt.subplots()
    axes.barh(distances["a"] + " / " + distances["b"], distances["distance"], color=color)
    return figure
'''
FIGURE = {
    "draw": "mine:bars",
    "tables": ["equivalence/optimizers/distances.csv"],
    "options": {"color": "#0072B2"},
    "caption": "How far apart are the optimizers? *Read:* short bars are one dynamics.",
}
SMALL = {"equivalence": {"optimizers": {"states": 40, "shuffles": 20}}}


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    folder = copy_of_the_house(tmp_path_factory.mktemp("own") / "koopflow")
    (folder / "mine.py").write_text(MODULE)
    return folder


def snakemake(folder: Path, *words: str, **changes: object) -> subprocess.CompletedProcess:
    (folder / "mine.yaml").write_text(yaml.safe_dump({**SMALL, "own_figures": {"bars": {**FIGURE, **changes}}}))
    words = command("own_figures", "--configfile", "mine.yaml", *words)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=900)


def refusal(folder: Path, **changes: object) -> str:
    done = snakemake(folder, **changes)
    assert done.returncode != 0
    (line,) = {line for line in (done.stdout + done.stderr).splitlines() if line.startswith("koopflow: ")}
    return line


def test_it_is_drawn_from_a_table_of_the_run_and_drawn_again_when_its_function_changes(house):
    done = snakemake(house)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (house / "results/figures/own_bars.pdf").read_bytes().startswith(b"%PDF")
    drawn = (house / "results/figures/own_bars.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    (house / "mine.py").write_text(MODULE.replace('" / "', '" and "'))
    done = snakemake(house)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (house / "results/figures/own_bars.png").read_bytes() != drawn


def test_what_is_wrong_with_it_is_one_line(house):
    assert "did you mean equivalence/training/tests.csv?" in refusal(house, tables=["equivalence/training/test.csv"])
    assert refusal(house, draw="bars").startswith(
        "koopflow: own_figures.bars.draw must have the form package.module:function"
    )
    assert "own_figures.bars.options.colour" in refusal(house, options={"colour": "red"})
    assert "own_figures.bars.draw: figure mine:lines cannot be imported" in refusal(house, draw="mine:lines")
