"""A state's step is what its file says, or its name; never a metric, a date, a version."""

import shutil

import numpy as np
import pytest
import torch

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.adapters.folders import in_step_order
from koopflow.trajectory.adapters.step_numbers import clean, steps_of


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["epoch=0-step=10", "epoch=1-step=20"], [10, 20]),
        (["epoch=0-val_loss=0.55", "epoch=1-val_loss=0.35"], [0, 1]),
        (["epoch=0-step=10", "epoch=1-step=20-v1"], [10, 20]),
        (["step0_resnet18", "step100_resnet18"], [0, 100]),
        (["resnet18_0", "resnet18_1"], [0, 1]),
        (["2024-05-01_step3", "2024-05-02_step4"], [3, 4]),
        (["run_20240501-1730_3", "run_20240501-1830_4"], [3, 4]),
        (["3_of_10_acc91", "4_of_10_acc92"], [3, 4]),
        (["model_ep1_it0", "model_ep2_it0"], [1, 2]),
        (["checkpoint-500", "checkpoint-1000"], [500, 1000]),
        (["net0.93_7", "net0.91_8"], [7, 8]),
        (["a1", "a10"], [1, 10]),
        (["iter_000100-lr1e-3", "iter_000200-lr1e-4"], [100, 200]),
        (["last", "3"], [None, 3]),
        (["2024-05-01", "2024-05-02"], [None, None]),
    ],
)
def test_names_tell_steps(names, steps):
    assert steps_of(names, [{}] * len(names)) == steps


def test_counters_in_the_files_come_first_if_they_tell_states_apart():
    names = ["step-1", "step-2"]
    assert steps_of(names, [{"global_step": 10, "epoch": 0}, {"global_step": 20, "epoch": 0}]) == [10, 20]
    assert steps_of(names, [{"epoch": 0}, {"epoch": 0}]) == [1, 2]
    assert steps_of(names, [{"epoch": 4}, {}]) == [1, 2]
    assert steps_of(["best", "last"], [{"epoch": 4}, {"epoch": 7}]) == [4, 7]


def test_metrics_are_no_numbers():
    assert clean("Epoch=3-val_loss=0.45-v1") == "epoch=3-"


def test_a_copy_called_last_is_left_out_and_dates_alone_are_refused(tmp_path):
    for number in range(3):
        torch.save({"state_dict": {"w": torch.rand(2)}, "global_step": 5 * number}, tmp_path / f"epoch={number}.ckpt")
    shutil.copy(tmp_path / "epoch=2.ckpt", tmp_path / "last.ckpt")
    assert [(step, path.name) for step, path in in_step_order(tmp_path)] == [
        (5 * n, f"epoch={n}.ckpt") for n in range(3)
    ]
    (tmp_path / "dates").mkdir()
    for day in (1, 2):
        np.save(tmp_path / f"dates/2024-05-0{day}.npy", np.ones(2))
    with pytest.raises(KoopflowError, match=r"2024-05-01.npy: no step number in its name"):
        in_step_order(tmp_path / "dates")


@pytest.mark.parametrize(
    "about",
    [
        lambda number: {"iter_num": 7 * number, "best_val_loss": torch.tensor(0.1)},
        lambda number: {"meta": {"epoch": 0, "iter": 7 * number}},
        lambda number: {"step": torch.tensor(7 * number), "epoch": 0},
        lambda number: {"iteration": float(7 * number)},
    ],
)
def test_counters_of_other_tools_are_steps(tmp_path, about):
    for number in range(3):
        torch.save({"model": {"w": torch.rand(2)}} | about(number), tmp_path / f"val_loss=0.{9 - number}.pt")
    shutil.copy(tmp_path / "val_loss=0.7.pt", tmp_path / "last-v1.pt")
    assert [step for step, _ in in_step_order(tmp_path)] == [0, 7, 14]
