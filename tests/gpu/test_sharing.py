"""A CUDA device that is shared: two jobs at once, jobs that take turns, and the end of its memory."""

import os
import subprocess

import pytest

from tests.gpu.device import on_cuda, script

TRAINED = """
import sys
from tests.gpu.device import DEVICE, digits, recipe
from koopflow.training.capture import Capture
from koopflow.training.ensemble import Ensemble, train
print("ready", flush=True)
sys.stdin.readline()
train(recipe("matrix", 400), digits(), Ensemble(range(2), 0), hooks=[Capture(sys.argv[1], ["last"])], device=DEVICE)
"""
HELD = """
import logging, sys
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
from koopflow.training.device import choose_device
print("asks", flush=True)
print(choose_device("auto"), flush=True)
sys.stdin.read()
"""
EXHAUSTED = """
import sys
from koopflow.workflow.job import job
with job(sys.argv[1]):
    import torch
    from tests.gpu.device import DEVICE, digits, recipe
    from koopflow.training.ensemble import Ensemble, train
    if sys.argv[2] == "little":
        torch.cuda.set_per_process_memory_fraction(0.0005)
    train(recipe("vmap", 5), digits(), Ensemble(range(int(sys.argv[3])), 0), device=DEVICE)
"""


def test_two_jobs_on_one_device_have_the_bytes_of_one_alone(tmp_path):
    def job(name: str) -> subprocess.Popen:
        run = script(TRAINED, tmp_path / name, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert run.stdout.readline() == "ready\n"
        return run

    pair = [job("one"), job("two")]  # both wait at the same line
    for run in pair:
        run.stdin.write("go\n")
        run.stdin.flush()
    for run in pair:
        run.communicate()
    assert [run.returncode for run in pair] == [0, 0]
    alone = job("alone")
    alone.communicate("go\n")
    assert alone.returncode == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == (tmp_path / "alone").read_bytes()


@pytest.mark.skipif(not on_cuda(), reason="jobs take turns on GPUs only")
def test_a_job_that_asks_for_any_gpu_waits_for_one_that_holds_it_even_until_kill_9(tmp_path):
    one_gpu = {**os.environ, "TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "0"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": one_gpu}
    first = script(HELD, **pipes)
    assert [first.stdout.readline() for _ in range(2)] == ["asks\n", "cuda:0\n"]
    second = script(HELD, **pipes)
    assert second.stdout.readline() == "asks\n"
    assert second.stdout.readline() == "other jobs hold all 1 GPUs of this machine; waiting for one\n"
    first.kill()
    assert second.stdout.readline() == "cuda:0\n"
    for run in (first, second):
        run.kill()
        run.communicate()


@pytest.mark.skipif(not on_cuda(), reason="the memory of a CPU is not exhausted by a test")
def test_memory_that_ends_is_one_line_of_the_job(tmp_path):
    run = script(EXHAUSTED, tmp_path / "log", "little", 2000, stderr=subprocess.PIPE)
    lines = run.communicate()[1].splitlines()
    assert run.returncode == 1
    assert [line for line in lines if line.startswith("koopflow: ")] == lines[-1:]
    assert lines[-1].startswith("koopflow: not enough memory (CUDA out of memory")
    assert "Traceback" not in "\n".join(lines)


def test_a_job_says_how_much_of_the_device_it_used(tmp_path):
    run = script(EXHAUSTED, tmp_path / "log", "all", 2, stderr=subprocess.PIPE)
    assert run.communicate()[1] is not None
    assert run.returncode == 0
    last = [line for line in (tmp_path / "log").read_text().splitlines() if "done in" in line]
    assert len(last) == 1
    assert ("MB of the GPU" in last[0]) == on_cuda()
