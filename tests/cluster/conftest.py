"""A running SLURM for the tests of this folder."""

import os
import tempfile
from pathlib import Path

import pytest

from tests.cluster.slurm import missing, one_machine


@pytest.fixture(scope="session")
def slurm():
    """The environment in which the commands of a real one-machine SLURM work. Continuous
    integration must have it."""
    if absent := missing():
        message = (
            f"no SLURM here, missing: {', '.join(absent)} (Debian: apt-get install "
            "--no-install-recommends slurm-wlm munge)"
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    # Not below pytest's own folders: a socket's path has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, one_machine(Path(folder)) as environment:
        yield environment
