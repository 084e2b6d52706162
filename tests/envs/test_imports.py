"""What the jobs of an environment import at their top is in the environment."""

import subprocess
import sys

import pytest

from tests.envs.test_specifications import ROOT


@pytest.mark.parametrize("module", ["koopflow.studies.checks.forecast", "koopflow.tickets.jobs"])
def test_forecasts_and_tickets_read_no_hdf5(module):
    code = f"import importlib, sys; importlib.import_module({module!r}); sys.exit('h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
