"""`make CPU=1`: what pip is asked to install. An index with these builds could not be reached."""

import re
import subprocess
from pathlib import Path

from tests.house import ROOT

CUDA = re.compile(r"^(nvidia|cuda|triton)", re.MULTILINE)


def asked(folder: Path, *words: str) -> str:
    """Return the requirements that make gives to pip, which is a stand-in here."""
    (folder / "bin").mkdir()
    (folder / "bin/pip").write_text("#!/bin/sh\nexit 0\n")
    (folder / "bin/pip").chmod(0o755)
    target = f"{folder}/bin/.installed-dev"
    done = subprocess.run(
        ["make", f"VENV={folder}", "PYTHON=true", *words, target], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"--requirement {folder}/requirements-dev.txt" in done.stdout
    return (folder / "requirements.txt").read_text() + (folder / "requirements-dev.txt").read_text()


def test_without_a_word_everything_is_installed(tmp_path):
    assert asked(tmp_path) == (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-dev.txt").read_text()


def test_for_the_cpu_alone_no_library_of_cuda_is_asked_for(tmp_path):
    everything, few = (ROOT / "requirements.txt").read_text(), asked(tmp_path, "CPU=1")
    assert CUDA.search(everything)
    assert not CUDA.search(few)
    for name in ("torch", "torchvision"):
        version = re.search(rf"^{name}==(\S+)$", everything, re.MULTILINE)[1]
        assert re.findall(rf"^{name}==(\S+)$", few, re.MULTILINE) == [f"{version}+cpu"] * 2
    kept = [line for line in everything.splitlines() if not re.match(r"nvidia|cuda|triton|torch(vision)?==", line)]
    assert set(kept) <= set(few.splitlines())
