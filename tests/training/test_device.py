"""Which device is chosen. There is no GPU where these tests run: what torch says about GPUs is put
into its mouth."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from koopflow.core.errors import KoopflowError
from koopflow.training import device

HOLD = """
import logging, sys
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
from koopflow.training.device import reserve
print("asks", flush=True)
print(reserve(sys.argv[2:], sys.argv[1]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    """A machine with two GPUs, as far as the choice of a device can see."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"gpu-{'ab'[number]}"))
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    deterministic = torch.are_deterministic_algorithms_enabled()
    device._own_gpu.cache_clear()
    yield tmp_path / "koopflow-gpus"
    device._own_gpu.cache_clear()
    torch.use_deterministic_algorithms(deterministic)
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.fixture
def holder():
    """Start another process that holds one of some devices; return it and the place that it
    took."""
    started = []

    def start(folder, *devices, waits=False):
        words = [sys.executable, "-c", HOLD, str(folder), *devices]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "asks\n"
        return process, None if waits else int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_auto_is_the_processor_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.choose_device("auto") == torch.device("cpu")
    with pytest.raises(KoopflowError, match="this machine has no CUDA device"):
        device.choose_device("cuda")


def test_auto_takes_a_gpu_and_computes_deterministically(two_gpus):
    assert device.choose_device("auto") == torch.device("cuda:0")
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_process_keeps_to_its_gpu(two_gpus):
    assert device.choose_device("auto") == device.choose_device("cuda")


def test_a_gpu_of_another_job_is_not_taken(two_gpus, holder):
    _, place = holder(two_gpus, "gpu-a", "gpu-b")
    assert place == 0
    assert device.choose_device("auto") == torch.device("cuda:1")


def test_the_same_gpu_under_another_number_is_not_taken(tmp_path, holder):
    holder(tmp_path, "gpu-b")  # CUDA_VISIBLE_DEVICES=1: its number 0 is our number 1
    assert device.reserve(["gpu-b", "gpu-a"], tmp_path) == 1


def test_where_all_are_taken_a_job_waits_until_one_is_free_even_by_kill_9(tmp_path, holder):
    first, _ = holder(tmp_path, "gpu-a", "gpu-b")
    holder(tmp_path, "gpu-a", "gpu-b")
    third, _ = holder(tmp_path, "gpu-a", "gpu-b", waits=True)
    assert third.stdout.readline() == "other jobs hold all 2 GPUs of this machine; waiting for one\n"
    first.send_signal(signal.SIGKILL)
    assert third.stdout.readline() == "0\n"


@pytest.mark.parametrize("name", ["cuda:2", "cuda:7", "cuda:", "cuda:x", "cudax"])
def test_a_gpu_that_is_not_there_is_named_with_those_that_are(two_gpus, name):
    with pytest.raises(KoopflowError, match=f"cuda:0 to cuda:1.*got '{name}'"):
        device.choose_device(name)
    assert device.choose_device("cuda:1") == torch.device("cuda:1")


def test_an_unknown_device_is_refused():
    with pytest.raises(KoopflowError, match="got 'tpu'"):
        device.choose_device("tpu")


def test_a_block_with_random_numbers_of_its_own_leaves_those_of_the_caller():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    found = [torch.rand(1)]
    with device.own_random_numbers(7):
        inner = torch.rand(1)
    found.append(torch.rand(1))
    assert torch.equal(torch.cat(found), expected)
    torch.manual_seed(7)
    assert torch.equal(inner, torch.rand(1))


def test_a_seed_for_the_cpu_is_that_of_torch_and_queues_none_for_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("a seed is queued for a GPU"))
    with torch.random.fork_rng(devices=[]):
        device.seed_device(5, torch.device("cpu"))
        drawn = torch.rand(3)
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(5)))
