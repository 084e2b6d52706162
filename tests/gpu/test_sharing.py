"""A CUDA device that is shared: two jobs at once, and a recorder that does not make the device wait.

Forecasts and Koopman fits use no device: their rooms never import torch (tests/architecture).
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import koopflow as kf
from tests.gpu.test_device import DEVICE

TRAINED = """
import sys
from tests.gpu.test_device import DEVICE, digits_now, recipe
from koopflow.training.capture import Capture
from koopflow.training.ensemble import Ensemble, train
print("ready", flush=True)
sys.stdin.readline()
device = "cuda:0" if DEVICE == "cuda" else DEVICE  # by its number, no job waits for another
train(recipe("matrix", 400), digits_now(), Ensemble(range(2), 0), hooks=[Capture(sys.argv[1], ["last"])], device=device)
"""


def test_two_jobs_on_one_device_have_the_bytes_of_one_alone(tmp_path):
    def job(name: str) -> subprocess.Popen:
        words = [sys.executable, "-c", TRAINED, str(tmp_path / name)]
        run = subprocess.Popen(words, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert run.stdout.readline() == b"ready\n"
        return run

    pair = [job("one"), job("two")]  # both wait at the same line
    for run in pair:
        run.stdin.write(b"go\n")
        run.stdin.flush()
    for run in pair:
        run.communicate()
    assert [run.returncode for run in pair] == [0, 0]
    alone = job("alone")
    alone.communicate(b"go\n")
    assert alone.returncode == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == (tmp_path / "alone").read_bytes()


@pytest.mark.skipif(DEVICE == "cpu", reason="only CUDA tells of synchronizations")
def test_a_recorder_synchronizes_only_at_the_steps_that_it_captures(tmp_path):
    model = torch.nn.Linear(8, 4).to(DEVICE)
    recorder = kf.Recorder(model, str(tmp_path / "run.h5"), every=10)
    loss = torch.zeros((), device=DEVICE)
    for step in range(21):
        captured = step % 10 == 0
        torch.cuda.set_sync_debug_mode("default" if captured else "error")
        try:
            assert recorder.step(loss) == captured
        finally:
            torch.cuda.set_sync_debug_mode("default")
    recorder.close()
