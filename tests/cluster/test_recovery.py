"""What goes wrong on a cluster: an interrupted run, a cancelled job, one over its time limit, one
over its memory. On a real SLURM."""

import hashlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.barrier import PATIENCE
from tests.house import copy_of_the_house

# A user's network that, inside a SLURM job, takes memory or waits for as long as files beside the
# Snakefile say; `slow` trains until SLURM asks it to stop.
TROUBLES = """
import os
import signal
import time
from pathlib import Path

from torch import nn


class UntilSigterm(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = 0

    def forward(self, x):
        self.steps += 1
        if self.steps == 15 and Path("slow.trains").exists():
            asked, trainer = [], signal.getsignal(signal.SIGTERM)
            signal.signal(signal.SIGTERM, lambda *given: (asked.append(True), trainer(*given)))
            Path("slow.trains").rename("slow.trained")
            while not asked:
                time.sleep(0.05)
        return x


def build(trouble, input_shape, classes):
    if "SLURM_JOB_ID" in os.environ:
        told = Path(f"{trouble}.told")  # whole, or not there: the test reads as soon as it is
        told.write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
        told.rename(f"{trouble}.gpu")
        memory = Path(f"{trouble}.memory")
        megabytes = int(memory.read_text()) if memory.exists() else 0
        first = Path(f"{trouble}.job")
        if megabytes and not first.exists():
            first.write_text(os.environ["SLURM_JOB_ID"])
        held = b"x" * (megabytes * 2**20)  # SLURM may end the job here
        while megabytes and first.read_text() == os.environ["SLURM_JOB_ID"]:  # until SLURM ends the first job
            time.sleep(0.2)
        time.sleep(3 if megabytes else 0)  # SLURM looks at the second one too
        while Path(f"{trouble}.hangs").exists():
            time.sleep(0.2)
    pixels = input_shape[0] * input_shape[1] * input_shape[2]
    return nn.Sequential(nn.Flatten(), UntilSigterm(), nn.Linear(pixels, classes))


def cancelled(input_shape, classes):
    return build("cancelled", input_shape, classes)


def slow(input_shape, classes):
    return build("slow", input_shape, classes)


def hungry(input_shape, classes):
    return build("hungry", input_shape, classes)


def hopeless(input_shape, classes):
    return build("hopeless", input_shape, classes)
"""
SETUPS = ("cancelled", "slow", "hungry")
STUDY = {
    "threads": 1,
    "gpu": 1,
    "equivalence": {
        "training": {
            "seeds": 2,
            "copies": 2,
            "base": {"steps": 30, "batch_size": 40, "koopman": {"delays": 2, "rank": 4}},
            "setups": {name: {"model": {"name": f"troubles:{name}"}} for name in (*SETUPS, "hopeless")},
            "comparisons": {},
        }
    },
}
QUICK = ("--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10")


def target(name: str) -> str:
    return f"results/equivalence/training/{name}/0/trajectories.h5"


def digest(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / target(name)).read_bytes()).hexdigest()


def house(folder: Path) -> Path:
    """A copy of the repository with a user's network, study, and lines in the profile."""
    profile = copy_of_the_house(folder) / "profiles/slurm/config.yaml"
    text = profile.read_text()
    for ours, yours in {
        "  # slurm_partition: my_partition": "  slurm_partition: main",
        "# set-resources:\n": "set-resources:\n",
        "#   train_ensemble: &gpu {slurm_partition: my_gpu_partition, gpu_model: a100}": (
            "  train_ensemble: &gpu {slurm_partition: gpu}"
        ),
        "#   train_rounds: *gpu": "  train_rounds: *gpu",
    }.items():
        assert ours in text
        text = text.replace(ours, yours)
    profile.write_text(text)
    (folder / "troubles.py").write_text(TROUBLES)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return folder


def hear_interrupts() -> None:
    """Undo what a shell does to programs that it starts in the background, tests among them: they
    ignore Ctrl-C, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """A run of the study on the cluster, in the background."""

    def __init__(self, folder: Path, environment: dict, names=SETUPS, more=()):
        self.environment, self.output, self.logs = environment, folder / "said.txt", folder / ".snakemake/log"
        self.known = set(self.jobs())
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *(target(name) for name in names),
            "--configfile",
            "study.yaml",
            *QUICK,
            *more,
        ]
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=output, stderr=output, preexec_fn=hear_interrupts
            )

    def jobs(self) -> dict[str, tuple[str, str]]:
        """State of every SLURM job so far by number, with its comment (the plugin's name for it)
        and partition."""
        asked = ["squeue", "--states=all", "--noheader", "--format=%i|%T|%k, %P"]
        told = subprocess.run(asked, env=self.environment, capture_output=True, text=True, check=True).stdout
        return {number: (state, comment) for number, state, comment in (line.split("|") for line in told.splitlines())}

    def states(self, name: str) -> list[str]:
        """States of this run's jobs of one set-up, in the order of their submission."""
        found = {
            int(number): state
            for number, (state, comment) in self.jobs().items()
            if number not in self.known and name in comment
        }
        return [found[number] for number in sorted(found)]

    def left(self, name: str) -> list[str]:
        """Wait until SLURM has cleared the jobs of one set-up away; return their states."""
        end = time.monotonic() + PATIENCE
        while {"COMPLETING", "RUNNING"} & set(self.states(name)) and time.monotonic() < end:
            time.sleep(0.1)
        return self.states(name)

    def wait_for(self, name: str, state: str, seconds: float = PATIENCE) -> str:
        """Wait until a job of the set-up is in the state; return its number."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            for number, (found, comment) in self.jobs().items():
                if number not in self.known and name in comment and found == state:
                    return number
            time.sleep(0.2)
        raise AssertionError(f"no job of {name} is {state}: {self.jobs()}\n{self.output.read_text()[-3000:]}")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds` returns True."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, self.output.read_text()[-3000:]
            assert time.monotonic() < end, self.output.read_text()[-3000:]
            time.sleep(0.1)

    def ends(self, seconds: float = 2 * PATIENCE) -> tuple[int, str]:
        """Wait for the end; return status, and the words on the terminal and in Snakemake's log."""
        try:
            status = self.process.wait(timeout=seconds)
            log = max(self.logs.iterdir(), key=lambda file: file.name)
            return status, self.output.read_text() + log.read_text()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def slurm_does(environment: dict, *command: str) -> None:
    subprocess.run(command, env=environment, check=True)


@pytest.fixture(scope="module")
def story(slurm, tmp_path_factory) -> dict:
    """The same folder through one trouble after another."""
    folder, told = house(tmp_path_factory.mktemp("cluster") / "house"), {}
    told["folder"] = folder
    for name in ("cancelled", "slow"):
        (folder / f"{name}.hangs").touch()

    run = Run(folder, slurm, ("cancelled", "slow"))  # both hang
    run.wait_for("cancelled", "RUNNING")
    run.wait_for("slow", "RUNNING")
    run.wait_until(lambda: all((folder / f"{name}.gpu").exists() for name in ("cancelled", "slow")))
    told["gpus"] = [(folder / f"{name}.gpu").read_text() for name in ("cancelled", "slow")]
    told["asked"] = [comment for number, (_, comment) in run.jobs().items() if number not in run.known]
    run.process.send_signal(signal.SIGINT)
    told["interrupted"] = run.ends()[0], run.left("cancelled") + run.left("slow")

    (folder / "hungry.memory").write_text("2600")
    (folder / "slow.hangs").rename(folder / "slow.trains")
    run = Run(folder, slurm)
    slurm_does(slurm, "scancel", run.wait_for("cancelled", "RUNNING"))
    run.wait_for("cancelled", "CANCELLED")  # before it could go on
    (folder / "cancelled.hangs").unlink()
    slow = run.wait_for("slow", "RUNNING")
    run.wait_until((folder / "slow.trained").exists)
    asked = ["squeue", "--noheader", f"--jobs={slow}", "--format=%M"]
    ran = subprocess.run(asked, env=slurm, capture_output=True, text=True, check=True).stdout  # minutes:seconds
    slurm_does(slurm, "scontrol", "update", f"JobId={slow}", f"TimeLimit={int(ran.split(':')[-2]) + 2}")
    status, words = run.ends()
    told["recovered"] = status, words, {name: run.states(name) for name in SETUPS}
    told["second"] = (folder / "logs/results/train_ensemble/slow-0.log").read_text()

    (folder / "hopeless.memory").write_text("2600")
    run = Run(folder, slurm, ["hopeless"], ["--retries", "0"])
    told["hopeless"] = *run.ends(), run.states("hopeless")
    (folder / "hopeless.memory").unlink()
    run = Run(folder, slurm, [*SETUPS, "hopeless"])
    told["mended"] = run.ends()[0], {name: run.states(name) for name in (*SETUPS, "hopeless")}
    return told


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """The same study on this machine, without SLURM and without trouble."""
    folder = house(tmp_path_factory.mktemp("local") / "house")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        *(target(name) for name in SETUPS),
        "--configfile",
        "study.yaml",
        "--cores",
        "2",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_interrupting_a_run_cancels_its_jobs(story):
    status, states = story["interrupted"]
    assert status != 0
    assert states == ["CANCELLED", "CANCELLED"]


def test_gpu_jobs_go_to_the_partition_of_the_users_lines_and_share_no_device(story):
    assert sorted(story["gpus"]) == ["0", "1"]
    assert story["asked"]
    assert all(asked.split(", ")[1:] == ["gpu"] for asked in story["asked"]), story["asked"]


def test_a_cancelled_job_is_tried_again(story):
    status, words, states = story["recovered"]
    assert status == 0, words[-3000:]
    assert states["cancelled"] == ["CANCELLED", "COMPLETED"]


def test_a_job_at_its_time_limit_saves_stops_and_is_submitted_again_with_what_is_left(story):
    _, words, states = story["recovered"]
    assert states["slow"] == ["FAILED", "COMPLETED"], words[-3000:]
    saved = re.search(r"saved at step (\d+) of 30; the next attempt continues there\n.*stopped by SIGTERM", words)
    assert saved, words[-3000:]
    assert f"continues at step {saved[1]} of 30 from its checkpoint" in story["second"]
    assert re.search(r"trying again: Training the ensemble of set-up slow\n", words)


def test_a_job_over_its_memory_is_tried_again_with_more(story):
    first, second = story["recovered"][2]["hungry"]
    assert first in ("FAILED", "OUT_OF_MEMORY")
    assert second == "COMPLETED"


def test_after_every_trouble_the_bytes_are_those_of_an_undisturbed_run(story, undisturbed):
    assert [digest(story["folder"], name) for name in SETUPS] == [digest(undisturbed, name) for name in SETUPS]


def test_a_job_that_cannot_run_ends_with_a_clear_message_and_the_next_run_continues(story):
    status, words, states = story["hopeless"]
    assert status == 1
    assert states == ["FAILED"]
    assert (
        "SLURM ended a job of train_ensemble: over its memory; ask for more: --set-resources train_ensemble:mem_mb="
        in words
    )
    status, states = story["mended"]
    assert status == 0
    assert states == {"hopeless": ["COMPLETED"]} | {name: [] for name in SETUPS}
