"""A tensor is not a parameter: of other people's checkpoints the parameters are taken, and nothing
else."""

import argparse
import logging
import os

import numpy as np
import pytest
import torch
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.koopman import fit
from koopflow.trajectory import Trajectory, TrajectoryRecorder
from koopflow.trajectory.adapters.folders import Reading, convert_folder
from koopflow.trajectory.adapters.state_dicts import parse

WEIGHT = torch.arange(12.0).reshape(4, 3)
BIAS = torch.tensor([1.0, -2.0, 0.5, 3.0])
PLAIN = {"fc.weight": WEIGHT, "fc.bias": BIAS}


def converted(folder, state, count=3, **options):
    """Convert a folder in which state number i is `state(i)`; return names, and the weights (step,
    parameter)."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        torch.save(state(number), folder / f"step-{number}.pt")
    with Trajectory(convert_folder(folder, folder.parent / "t.h5", Reading(**options))) as trajectory:
        return [parameter.name for parameter in trajectory.parameters], trajectory.read()[0]


def moving(number):
    return {name: tensor + number for name, tensor in PLAIN.items()}


BUFFERS = {
    "bn.running_mean": torch.rand(4),
    "bn.running_var": torch.rand(4),
    "bn.num_batches_tracked": torch.tensor(7),
    "embeddings.position_ids": torch.arange(8)[None],
    "float_position_ids": torch.arange(8.0)[None],
    "h.0.attn.bias": torch.tril(torch.ones(5, 5))[None, None],
    "h.0.attn.masked_bias": torch.tensor(-1e4),
    "h.0.attn.causal": torch.full((5, 5), -torch.inf).triu(1),
    "layers.0.attn_mask": torch.zeros(4, 9, 9),
    "attn.relative_position_index": torch.arange(9).reshape(3, 3),
    "rotary.inv_freq": torch.rand(4),
    "pos_encoder.pe": torch.rand(1, 6, 4),
    "anchors": torch.rand(5, 4),
    "loss": torch.tensor(0.3),
    "val_accuracy": torch.rand(20),
    "best_acc1": torch.tensor(0.9),
    "sparse.index": torch.eye(3).to_sparse(),
    "fc.weight.absmax": torch.rand(3),
    "ema_model.fc.weight": torch.rand(4, 3),
    "ema_model.fc.bias": torch.rand(4),
    "model_ema.fcweight": torch.rand(4, 3),
    "spectral.weight_u": torch.rand(4),
    "vq.embed_avg": torch.rand(4, 3),
    "moco.queue": torch.rand(4, 3),
    "fc.activation_post_process.min_val": torch.rand(4),
    "optimizer.0.exp_avg": torch.rand(4, 3),
    "perplexity": torch.tensor(31.0),
    "test_losses": torch.rand(9),
    "confusion_matrix": torch.rand(3, 3),
    "step": torch.tensor(3.0),
    "attn.key_cache": torch.rand(4, 3),
    "loss_per_sample": torch.rand(64),
    "val_f1.tp": torch.rand(10),
    "logits": torch.rand(64, 2),
    "fc.weight_epsilon": torch.rand(4, 3),
    "obs_rms.mean": torch.rand(4),
    "grad_fc.weight": torch.rand(4, 3),
    "fc.weight_grad": torch.rand(4, 3),
    "best.fc.weight": torch.rand(4, 3),
    "target_fc.weight": WEIGHT * 0.9,
    "lin.weight": torch.ones(4, 3, dtype=torch.int8),
}


@pytest.mark.parametrize("name", BUFFERS)
def test_what_is_no_parameter_is_left_out_by_name(tmp_path, name, caplog):
    caplog.set_level(logging.INFO, "koopflow")
    names, weights = converted(tmp_path / "folder", lambda number: moving(number) | {name: BUFFERS[name]})
    assert names == list(PLAIN)
    assert np.array_equal(weights[1], torch.cat([tensor.flatten() + 1 for tensor in PLAIN.values()]).numpy())
    assert f"folder: took 2 parameters (fc.weight, fc.bias); left out {name} (" in caplog.text


def test_what_moves_beside_the_parameters_is_left_out_too(tmp_path):
    beside = {name: tensor for name, tensor in BUFFERS.items() if name in ("perplexity", "confusion_matrix", "step")}
    beside |= {"q.scale": torch.tensor(0.1), "q.zero_point": torch.tensor(2)}
    names, _ = converted(
        tmp_path / "a", lambda n: moving(n) | {name: tensor * (n + 1) for name, tensor in beside.items()}
    )
    assert names == list(PLAIN)


def test_layers_that_never_change_are_taken_and_named(tmp_path, caplog):
    caplog.set_level(logging.INFO, "koopflow")
    converted(tmp_path / "a", lambda n: moving(n) | {"frozen.weight": WEIGHT, "frozen.bias": BIAS})
    assert "took 4 parameters" in caplog.text
    assert "of which frozen.weight, frozen.bias never change" in caplog.text


def test_arrays_of_numpy_are_tensors(tmp_path):
    names, weights = converted(tmp_path / "a", lambda n: {"model": {k: v.numpy() for k, v in moving(n).items()}})
    assert names == list(PLAIN)
    assert weights[2, 0] == 2.0


KEPT = {
    "scale": torch.tensor(0.3),
    "frozen.weight": torch.rand(3, 3),
    "ln.weight": torch.ones(4),
    "ln.bias": torch.zeros(4),
    "pos_embed": torch.rand(1, 5, 4),
    "cls_token": torch.rand(1, 1, 4),
    "logit_scale": torch.tensor(2.6),
    "lora_A": torch.rand(2, 3),
    "mask_decoder.weight": torch.rand(2, 2),
    "score.weight": torch.rand(2, 2),
    "ema_decay_layer.weight": torch.rand(2, 2),
    "lossy.weight": torch.rand(3),
    "target_embed.weight": torch.rand(4, 3) - 5,
    "loss_weights": torch.rand(3),
    "grad_norm.weight": torch.rand(3),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_parameter_with_an_odd_name_or_constant_values_stays(tmp_path, name):
    names, _ = converted(tmp_path / "folder", lambda number: moving(number) | {name: KEPT[name]})
    assert names == [*PLAIN, name]


def test_patterns_override(tmp_path):
    state = {"bn.running_mean": torch.rand(4), "h.attn.bias": torch.tril(torch.ones(3, 3))}
    names, _ = converted(
        tmp_path / "a", lambda n: moving(n) | state, include=["*running_mean", "h.*"], exclude=["*.weight"]
    )
    assert names == ["fc.bias", "bn.running_mean", "h.attn.bias"]


def test_tied_copies_count_once(tmp_path):
    shared = torch.rand(5, 3)
    tied = {"wte.weight": shared, "head.weight": shared, "other.bias": torch.zeros(4), "another.bias": torch.zeros(4)}
    assert converted(tmp_path / "a", lambda n: tied)[0] == ["wte.weight", "other.bias", "another.bias"]
    cloned = lambda n: {name: (tensor + n).clone() for name, tensor in tied.items() if "bias" not in name}  # noqa: E731
    assert converted(tmp_path / "b", cloned)[0] == ["wte.weight"]


WRAPPERS = {
    "plain": lambda state: state,
    "tutorial": lambda state: {
        "epoch": 1,
        "model_state_dict": state,
        "optimizer_state_dict": {"state": {0: {"m": WEIGHT}}},
        "loss": BIAS,
    },
    "lightning": lambda state: {
        "epoch": 1,
        "state_dict": state,
        "callbacks": {},
        "optimizer_states": [{"state": {}}],
        "loops": {},
    },
    "net": lambda state: {"net": state, "acc": 91.2, "epoch": 1},
    "twice": lambda state: {"checkpoint": {"model": state}, "args": argparse.Namespace(lr=0.1)},
    "module": lambda state: {"module": {f"module.{name}": tensor for name, tensor in state.items()}},
    "only ema": lambda state: {"ema_state_dict": state, "step": 3},
    "ema beside": lambda state: {"model": state, "ema": {name: tensor * 0 for name, tensor in state.items()}},
    "data parallel": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "compiled": lambda state: {f"_orig_mod.module.{name}": tensor for name, tensor in state.items()},
    "swa": lambda state: {f"module.{name}": tensor for name, tensor in state.items()} | {"n_averaged": torch.tensor(3)},
    "detection": lambda state: {
        "meta": {"epoch": 1},
        "state_dict": state,
        "optimizer": {"state": {0: {"exp_avg": WEIGHT}}},
    },
    "unknown key": lambda state: {"student": state, "loss_history": BIAS},
    "best beside": lambda state: {"current": state, "best": {name: tensor * 0 for name, tensor in state.items()}},
    "target network": lambda state: {
        "policy_net": state,
        "target_net": {name: tensor * 0 for name, tensor in state.items()},
    },
    "quantized beside": lambda state: (
        state | {"q.weight": torch.ones(2, 2, dtype=torch.int8), "q.weight_scale": torch.tensor(0.1)}
    ),
    "numpy numbers": lambda state: {
        "state_dict": state,
        "best": np.float64(0.5),
        "seen": np.int64(3),
        "curve": np.arange(3.0),
    },
    "compiled part": lambda state: {name.replace("fc.", "fc._orig_mod."): tensor for name, tensor in state.items()},
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_the_state_dict_is_found_under_usual_keys_and_prefixes(tmp_path, wrapper):
    names, weights = converted(tmp_path / "folder", lambda number: WRAPPERS[wrapper](moving(number)))
    assert names == list(PLAIN)
    assert np.array_equal(weights[:, 0], [0, 1, 2])


def test_several_networks_keep_their_names_apart():
    found = parse({"generator": PLAIN, "discriminator": PLAIN, "g_optim": {"state": {0: {"exp_avg": WEIGHT}}}})
    assert list(found.tensors) == [
        "generator.fc.weight",
        "generator.fc.bias",
        "discriminator.fc.weight",
        "discriminator.fc.bias",
    ]


def test_complex_weights_are_read_as_two_real_numbers(tmp_path):
    names, weights = converted(tmp_path / "folder", lambda n: {"w": torch.tensor([[1 + 2j, 3 - 1j]]) * (n + 1)})
    assert (names, weights[1].tolist()) == (["w"], [2, 4, 6, -2])


def test_pruned_weights_are_those_that_the_network_computes_with(tmp_path):
    mask = (WEIGHT > 4).float()
    state = lambda n: {"fc.weight_orig": WEIGHT + n, "fc.weight_mask": mask, "fc.bias": BIAS}  # noqa: E731
    names, weights = converted(tmp_path / "folder", state)
    assert names == ["fc.weight", "fc.bias"]
    assert np.array_equal(weights[2, :12], ((WEIGHT + 2) * mask).flatten())


def test_a_file_without_parameters_says_what_it_holds(tmp_path):
    with pytest.raises(
        KoopflowError, match=r"step-0.pt: no floating-point tensors .* left out are bn.running_mean \(running stat"
    ):
        converted(tmp_path / "folder", lambda n: {"bn.running_mean": BIAS})
    with pytest.raises(KoopflowError, match=r"step-1.pt: holds v \(4,\) for w \(4,\) in step-0.pt"):
        converted(tmp_path / "b", lambda n: {"v" if n == 1 else "w": BIAS})


def test_folder_and_recorder_agree_on_a_network_with_batch_normalization(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2))
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    inputs = 20 * torch.randn(64, 4)
    (tmp_path / "folder").mkdir()
    with TrajectoryRecorder(net, tmp_path / "run.h5") as recorder:
        for step in range(12):
            optimizer.zero_grad()
            net(inputs).square().mean().backward()
            optimizer.step()
            recorder.step()
            torch.save(net.state_dict(), tmp_path / f"folder/step-{step}.pt")
    with (
        Trajectory(tmp_path / "run.h5") as ours,
        Trajectory(convert_folder(tmp_path / "folder", tmp_path / "t.h5")) as theirs,
    ):
        assert ours.parameters == theirs.parameters
        assert np.array_equal(fit(ours, svd_rank=3).eigenvalues, fit(theirs, svd_rank=3).eigenvalues)


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    "place", [lambda bad: bad, lambda bad: PLAIN | {"x": bad}, lambda bad: {"args": bad, "model": PLAIN}]
)
def test_no_code_of_a_file_is_executed(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KoopflowError, match="can be read without executing code") as caught:
        converted(tmp_path / "folder", lambda n: place(Malicious()))
    assert "weights_only" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_vectors_of_spectral_norm_are_buffers_and_those_of_weight_norm_are_parameters():
    spectral = {"a.weight_orig": WEIGHT, "a.weight_u": torch.rand(4), "a.weight_v": torch.rand(3)}
    norm = {"b.weight_g": torch.rand(4, 1), "b.weight_v": WEIGHT}
    assert list(parse(spectral | norm).tensors) == ["a.weight_orig", "b.weight_g", "b.weight_v"]


def test_a_mask_of_an_unknown_name_that_changes_is_no_parameter(tmp_path):
    mask = torch.ones(4, 3)
    names, _ = converted(
        tmp_path / "a",
        lambda n: moving(n) | {"fc.keep": torch.where(torch.arange(12).reshape(4, 3) < 4 * n, 0.0, mask)},
    )
    assert names == list(PLAIN)
