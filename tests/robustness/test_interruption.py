"""Interruptions: whatever is killed, whenever, the same command goes on to the same bytes, and
little work is done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.barrier import PATIENCE, Barrier
from tests.house import digests, house_with, start
from tests.robustness.soak import run_to_end, stop

ROOT = Path(__file__).resolve().parents[2]
STEPS, INTERVAL = 4000, 250
WORDS = ("equivalence", "--configfile", "mine.yaml")
TRAINER = f"""
import os, time
from koopflow.data.images import load
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.hooks import Progress
import numpy as np, torch

torch.set_num_threads(1)
setup = Recipe.of({{"name": "mlp", "widths": [8], "bias": False}},
    {{"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}}, 20, {STEPS})
told = os.open("steps.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def tell(done, steps):
    os.write(told, b"%d\\n" % done)
    while 0 < int(os.environ["HELD_AT"]) <= done and not os.path.exists("released"):
        open("held", "w").close()
        time.sleep(0.01)

trained = train(setup, load({{"source": "digits", "train_size": 200}}),
    Ensemble(range(3), 3, ("interrupted",), copies=2),
    hooks=[Capture("t.h5", ("last",)), Progress(tell)],
    checkpoint=Checkpoint("checkpoints", every_seconds=1e9, every_steps={INTERVAL}))
np.savez("trained.npz", weights=trained.weights, loss=trained.loss)
"""


def trainer(folder: Path, held_at: int = 0) -> subprocess.Popen:
    """Start the training, or go on with it; return when it is held, at the first report from step `held_at` on."""
    folder.mkdir(exist_ok=True)
    (folder / "held").unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HELD_AT": str(held_at)}
    with (folder / "said.txt").open("w") as output:
        run = subprocess.Popen([sys.executable, "-c", TRAINER], cwd=folder, env=environment, stderr=output)
    deadline = time.monotonic() + PATIENCE
    while held_at and not (folder / "held").exists():
        assert run.poll() is None, said(folder)
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return run


def said(folder: Path) -> str:
    return (folder / "said.txt").read_text()


def steps_told(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "steps.txt").read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    run = trainer(folder)
    assert run.wait(PATIENCE) == 0, said(folder)
    return folder


def test_a_trainer_killed_again_and_again_repeats_no_more_than_the_interval_and_ends_in_the_same_bytes(
    undisturbed, tmp_path
):
    folder = tmp_path / "killed"
    for step in (INTERVAL + 1, 1420, 3 * STEPS // 4 - 1):
        run = trainer(folder, held_at=step)
        run.send_signal(signal.SIGKILL)
        run.wait()
    run = trainer(folder)
    assert run.wait(PATIENCE) == 0, said(folder)
    told = np.array(steps_told(folder))
    back = told[:-1][np.diff(told) <= 0] - told[1:][np.diff(told) <= 0] + 1
    assert len(back) == 3, f"work done twice after each kill: {back.tolist()} of {STEPS} steps"
    assert back.max() <= INTERVAL
    for name in ("t.h5", "trained.npz"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()
    assert not any((folder / "checkpoints").iterdir())


def test_sigterm_saves_a_checkpoint_and_stops_at_once(undisturbed, tmp_path):
    folder = tmp_path / "terminated"
    run = trainer(folder, held_at=1100)
    told = steps_told(folder)
    run.terminate()
    (folder / "released").touch()
    assert run.wait(PATIENCE) == 143
    assert steps_told(folder) == told, "it went on after SIGTERM"
    run = trainer(folder)
    assert run.wait(PATIENCE) == 0, said(folder)
    assert steps_told(folder)[len(told)] >= told[-1], "steps done before SIGTERM were done again"
    for name in ("t.h5", "trained.npz"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_damaged_checkpoint_is_one_line_with_its_remedy(tmp_path):
    folder = tmp_path / "damaged"
    run = trainer(folder, held_at=600)
    run.send_signal(signal.SIGKILL)
    run.wait()
    (path,) = (folder / "checkpoints").glob("*.pt")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    run = trainer(folder)
    assert run.wait(PATIENCE) == 1
    assert (
        f"{path.name}: a damaged checkpoint (its checksum does not match); remove it to train from the beginning"
        in said(folder)
    )


@pytest.mark.slow
def test_a_study_killed_in_three_ways_ends_in_the_same_bytes(calm, tmp_path):
    folder = house_with(tmp_path / "killed")
    for kind, script in (("group", "train_ensemble"), ("job", "fit_spectra"), ("term", "plot_equivalence")):
        barrier = Barrier(tmp_path / kind, script)
        with (tmp_path / f"{kind}.log").open("w") as log:
            run = start(folder, *WORDS, output=log, environment=barrier.environment)
        job = barrier.wait(run)
        if kind == "job":
            os.kill(job, signal.SIGKILL)
            barrier.release()  # the jobs beside it end as always
        stop(run, folder, kind, job)  # waits until nothing of the run is left; `make soak` asserts the seconds
        assert run.returncode != 0
        assert (tmp_path / f"{kind}.log").read_text().count("Stopping when") == (kind == "term")
    run_to_end(folder, [*WORDS], 2, tmp_path / "last.log")
    assert digests(folder / "results") == digests(calm / "results")
