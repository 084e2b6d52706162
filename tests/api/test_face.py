"""`import koopflow as kf`: every name of the face, imported when it is used, documented with an
example that runs."""

import doctest
import subprocess
import sys
from importlib import import_module

import pytest

import koopflow as kf
from tests.conftest import ROOT

HEAVY = ("torch", "h5py", "scipy", "pandas", "matplotlib")
NAMES = [name for name in kf.__all__ if name != "__version__"]


def test_import_koopflow_loads_nothing_heavy():
    code = "import sys, koopflow as kf; dir(kf); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & set(HEAVY) == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_face_is_there_and_says_what_it_is(name):
    assert name in dir(kf)
    assert getattr(kf, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'koopflow' has no attribute 'fitt'"):
        kf.fitt  # noqa: B018


def test_the_rooms_stay_modules_under_their_names():
    import koopflow.forecast.skill as skill

    assert sys.modules["koopflow.forecast.skill"] is skill
    assert kf.forecast is sys.modules["koopflow.forecast"]


@pytest.mark.parametrize(
    "module", ["koopflow", *sorted({f"koopflow.{home}" for home in kf._HOMES.values() if home[:3] == "api"})]
)
def test_the_examples_of_the_face_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tried = doctest.testmod(import_module(module))
    assert tried.attempted
    assert not tried.failed
