"""The README: its snippets run as they stand, its links and figures exist."""

import re
import shutil
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import koopflow
from koopflow.data import images
from koopflow.trajectory import TrajectoryRecorder

ROOT = Path(__file__).parents[2]
RATES = {"small": 0.9, "large": 0.5}
README = (ROOT / "README.md").read_text(encoding="utf-8")
NETWORK = """
from torch import nn
def build(input_shape, classes):
    channels, height, width = input_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, 20), nn.ReLU(), nn.Linear(20, classes))
"""


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_snippets_are_short():
    assert len(snippets("python")) + len(snippets("yaml")) == 6
    for snippet in snippets("python") + snippets("yaml"):
        assert len(snippet.strip().splitlines()) < 10


def test_recording_a_training_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def train_step(model, inputs, targets):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    batches = [(torch.randn(16, 4), torch.randint(0, 2, (16,))) for _ in range(60)]
    exec(
        compile(snippets("python")[0], "README.md", "exec"),
        {"model": model, "batches": batches, "train_step": train_step},
    )
    assert "j" in capsys.readouterr().out  # complex eigenvalues were printed


def test_the_library(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    record(Path("run.h5"), 8, 0)
    names = {
        f"{kind}_runs": [np.cumprod(np.full((30, 2), rate + i / 1000), axis=0) for i in range(4)]
        for kind, rate in RATES.items()
    }
    network = {"name": "mlp", "widths": [8], "bias": False}
    names["setup"] = {
        "model": network,
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "batch_size": 20,
        "steps": 2,
    }
    names["images"] = images.load({"source": "digits", "train_size": 100, "test_size": 50})
    names["series"] = np.sin(np.arange(200) / 3)
    exec(compile(snippets("python")[1], "README.md", "exec"), {"kf": koopflow, **names})
    printed = capsys.readouterr().out
    for words in ("small and large", "layer1.weight", "prediction", "Gated"):
        assert words in printed, words
    assert Path("spectrum.png").stat().st_size > 0


def record(path: Path, width: int, seed: int) -> None:
    """Record a user's training run of 80 steps."""
    torch.manual_seed(seed)
    layers = {"fc1": nn.Linear(6, width), "relu": nn.ReLU(), "fc2": nn.Linear(width, 3)}
    model = nn.Sequential(OrderedDict(layers))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = TrajectoryRecorder(model, path)
    for _ in range(80):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.randn(32, 6)), torch.randint(0, 3, (32,)))
        loss.backward()
        optimizer.step()
        recorder.step(loss.item())
    recorder.close()


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of the workflow with what a user would put beside it."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("config", "envs", "koopflow", "profiles", "report", "rules", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "mynet.py").write_text(NETWORK)
    (folder / "mine.csv").write_text(
        "date,sales\n" + "".join(f"2020-{m:02d}-{d:02d},{m * d % 17}\n" for m in range(1, 13) for d in range(1, 29))
    )
    (folder / "rounds").mkdir()
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(12, 10, generator=generator)
    for number in range(6):
        mask = (weights > 0.15 * number).float()
        torch.save({"a.weight_orig": weights, "a.weight_mask": mask}, folder / "rounds" / f"round-{number}.pt")
    for name, width in (("small", 8), ("large", 24)):
        for run in range(2):
            record(folder / f"{name}-{run}.h5", width, run)
    for snippet, name in zip(snippets("yaml"), ("runs", "network", "tickets", "series"), strict=True):
        (folder / f"{name}.yaml").write_text(snippet)
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *words], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("target", "name", "results"),
    [
        ("spectra", "runs", ["spectra/eigenvalues.csv", "spectra/tests.csv", "figures/trajectories_spectra.png"]),
        ("pruning", "network", ["pruning/accuracy.csv", "figures/pruning_accuracy.png"]),
        ("tickets", "tickets", ["tickets/exponents.csv", "figures/tickets_exponents_mine.png"]),
        ("forecast", "series", ["forecast/skill.csv", "figures/forecast_sales.png"]),
    ],
)
def test_a_users_own_runs_network_tickets_and_series_go_through_to_table_and_figure(copy, target, name, results):
    done = run(copy, target, "--configfile", f"{name}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    for file in results:
        assert (copy / "results" / file).stat().st_size > 0


def test_links_and_figures_exist():
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert len(targets) > 5
    for target in targets:
        if not target.startswith("http"):
            assert (ROOT / target.partition("#")[0]).exists(), target


def test_make_targets_named_in_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE)
    assert {"help", "test"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
