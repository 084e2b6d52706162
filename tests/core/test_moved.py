"""Documented names of version 0.1 import the modules of today, and run as programs."""

import importlib
import subprocess
import sys

import pytest

from koopflow.core.moved import MOVED
from tests.house import ROOT


@pytest.mark.parametrize("old", ["koopflow.errors", "koopflow.recording.folders", "koopflow.verify"])
def test_an_alias_is_the_module_itself(old):
    assert importlib.import_module(old) is importlib.import_module(MOVED[old])


def test_an_old_name_runs_as_a_program(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "koopflow.verify", tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in told.stderr
    assert "No module" not in told.stderr
