"""A barrier for jobs of a running workflow: a test waits for a state and holds it, instead of
hoping to be in time."""

import os
import subprocess
import time
from pathlib import Path

HOLD = """
import os, sys, time
from pathlib import Path

folder = Path({folder!r})
if any(".snakemake/scripts/" in word and word.endswith("{script}.py") for word in sys.orig_argv):
    (folder / f"held-{{os.getpid()}}").touch()
    while not (folder / "released").exists():
        time.sleep(0.01)
"""
PATIENCE = 600
"""Seconds after which a state that does not come is a failure."""


class Barrier:
    """Holds every job of one script before its first line, until it is released.

    Parameters
    ----------
    folder : Path
        Where the barrier keeps its files; outside the workflow's folder.
    script : str
        Name of the script, such as "train_ensemble".
    """

    def __init__(self, folder: Path, script: str):
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(HOLD.format(folder=str(folder), script=script))

    @property
    def environment(self) -> dict[str, str]:
        """What the workflow must be started with."""
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))
        return {**os.environ, "PYTHONPATH": path}

    def wait(self, run: subprocess.Popen) -> int:
        """Wait until `run` has a job at the barrier; return the job's process id."""
        deadline = time.monotonic() + PATIENCE
        while not (held := list(self.folder.glob("held-*"))):
            assert run.poll() is None, "the run ended before a job came to the barrier"
            assert time.monotonic() < deadline, "no job came to the barrier"
            time.sleep(0.02)
        return int(held[0].name.removeprefix("held-"))

    def release(self) -> None:
        """Let all jobs go on."""
        (self.folder / "released").touch()
