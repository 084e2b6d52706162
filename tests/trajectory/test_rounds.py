"""Rounds of pruning are read alike whatever their masks are called, and buffers are never
layers."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.adapters.rounds import read_rounds
from koopflow.trajectory.adapters.selection import Choice

NAMES = ["fc1.weight", "fc2.weight"]


def weights():
    generator = torch.Generator().manual_seed(0)
    return {"fc1.weight": torch.randn(6, 5, generator=generator), "fc2.weight": torch.randn(3, 6, generator=generator)}


def masks(number):
    return {
        name: (tensor.abs() >= tensor.abs().quantile(1 - 0.8**number)).float() for name, tensor in weights().items()
    }


def module(name):
    return name.removesuffix(".weight")


LAYOUTS = {
    "torch prune": lambda w, m: {f"{k}_orig": w[k] for k in w} | {f"{k}_mask": m[k] for k in w},
    "beside": lambda w, m: w | {f"{k}_mask": m[k].bool() for k in w},
    "module.mask": lambda w, m: w | {f"{module(k)}.mask": m[k] for k in w},
    "weight.mask": lambda w, m: w | {f"{k}.mask": m[k].int() for k in w},
    "masked weights": lambda w, m: {k: w[k] * m[k] for k in w} | {f"{module(k)}.mask": m[k] for k in w},
    "mask.X": lambda w, m: w | {f"mask.{k}": m[k] for k in w},
    "masks.X under a wrapper": lambda w, m: {"net": w | {f"masks.{k}": m[k] for k in w}},
    "open_lth": lambda w, m: {f"model.{k}": w[k] for k in w} | {f"mask_{k.replace('.', '___')}": m[k] for k in w},
    "second dict": lambda w, m: {"state_dict": w, "masks": m, "epoch": 3},
    "second dict by module": lambda w, m: {"model": w, "mask": {module(k): m[k] for k in w}},
    "nested dict": lambda w, m: {"model": w, "mask": {module(k): {"weight": m[k]} for k in w}},
    "fc1_mask": lambda w, m: w | {f"{module(k)}_mask": m[k] for k in w},
    "model_state_dict": lambda w, m: {
        "model_state_dict": w | {f"{k}_mask": m[k] for k in w},
        "loss": torch.tensor(0.1),
    },
    "compiled": lambda w, m: {f"_orig_mod.{k}": t for k, t in (w | {f"{k}_mask": m[k] for k in w}).items()},
    "data parallel and dict": lambda w, m: {
        "net": {f"module.{k}": t for k, t in w.items()},
        "masks": {f"module.{k}": m[k] for k in w},
    },
    "prune_mask": lambda w, m: w | {f"{module(k)}.prune_mask": m[k] for k in w},
    "w_mask": lambda w, m: w | {f"{module(k)}.w_mask": m[k] for k in w},
    "sparse": lambda w, m: w | {f"{k}_mask": m[k].to_sparse() for k in w},
    "arrays of numpy": lambda w, m: {"model": {k: w[k].numpy() for k in w}, "masks": {k: m[k].numpy() for k in w}},
    "dict without the prefix": lambda w, m: {"model": {f"model.{k}": t for k, t in w.items()}, "masks": m},
    "no masks": lambda w, m: {k: w[k] * m[k] for k in w},
    "an attention mask": lambda w, m: (
        LAYOUTS["torch prune"](w, m) | {"layers.0.blocks.1.attn_mask": torch.zeros(4, 9, 9)}
    ),
    "a causal mask": lambda w, m: (
        LAYOUTS["no masks"](w, m) | {"h.0.attn.bias": torch.tril(torch.ones(7, 7))[None, None]}
    ),
    "positions": lambda w, m: LAYOUTS["no masks"](w, m) | {"embeddings.position_ids": torch.arange(32)[None]},
    "window indices": lambda w, m: (
        LAYOUTS["beside"](w, m) | {"relative_position_index": torch.arange(81).reshape(9, 9)}
    ),
    "statistics": lambda w, m: (
        LAYOUTS["no masks"](w, m) | {"bn.running_mean": torch.zeros(6), "bn.weight": torch.rand(6)}
    ),
    "same-shaped mask of another kind": lambda w, m: LAYOUTS["beside"](w, m) | {"fc1.pad_mask": torch.zeros(6, 5)},
}


def read(folder):
    return [(list(layers), [float(mask.mean()) for _, mask in layers.values()]) for _, layers in read_rounds(folder)]


EXPECTED = [(NAMES, [float(mask.mean()) for mask in masks(number).values()]) for number in range(1, 5)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_name_of_masks_gives_the_same_layers(tmp_path, layout):
    for number in range(1, 5):
        torch.save(LAYOUTS[layout](weights(), masks(number)), tmp_path / f"round-{number}.pt")
    found = [([name.removeprefix("model.") for name in names], densities) for names, densities in read(tmp_path)]
    assert [names for names, _ in found] == [NAMES] * 4
    assert np.allclose([d for _, d in found], [d for _, d in EXPECTED])


def trainer(folder, number):
    (folder / f"checkpoint-{number}").mkdir()
    save_file(LAYOUTS["beside"](weights(), masks(number)), folder / f"checkpoint-{number}/model.safetensors")
    torch.save({}, folder / f"checkpoint-{number}/optimizer.pt")


def tar(folder, number):
    torch.save({"state_dict": LAYOUTS["beside"](weights(), masks(number))}, folder / f"{number}.pth.tar")


def open_lth(folder, number):
    main = folder / f"replicate_1/level_{number}/main"
    main.mkdir(parents=True)
    torch.save({name: torch.zeros_like(tensor) for name, tensor in weights().items()}, main / "model_ep0_it0.pth")
    torch.save(weights(), main / "model_ep10_it0.pth")
    torch.save({name: mask.int() for name, mask in masks(number).items()}, main / "mask.pth")
    (main / "sparsity_report.json").write_text(json.dumps({"total": 48}))


def mask_files(folder, number):
    torch.save(weights(), folder / f"model_{number}.pt")
    torch.save({"masks": masks(number)}, folder / f"mask_{number}.pt")


def shards(folder, number):
    state = list(LAYOUTS["beside"](weights(), masks(number)).items())
    for shard, part in enumerate((state[:1], state[1:]), 1):
        save_file(dict(part), folder / f"round{number}-{shard:05d}-of-00002.safetensors")


@pytest.mark.parametrize("write", [trainer, tar, open_lth, mask_files, shards])
def test_every_layout_of_files_gives_the_same_rounds(tmp_path, write):
    for number in range(1, 5):
        write(tmp_path, number)
    found = read(tmp_path)
    assert [sorted(names) for names, _ in found] == [NAMES] * 4
    assert np.allclose([d for _, d in found], [d for _, d in EXPECTED])
    assert all(np.abs(layers["fc1.weight"][0]).sum() > 0 for _, layers in read_rounds(tmp_path))


def test_a_first_round_without_masks_keeps_everything(tmp_path):
    torch.save(weights() | {"fc2.bias": torch.rand(3), "emb.weight": torch.zeros(4, 4)}, tmp_path / "0.pt")
    rest = {"fc2.bias": torch.rand(3), "emb.weight": torch.zeros(4, 4)}
    torch.save(LAYOUTS["torch prune"](weights(), masks(2)) | rest, tmp_path / "1.pt")
    (names, first), (_, second) = read(tmp_path)
    assert (names, first) == (NAMES, [1.0, 1.0])
    assert second == pytest.approx(EXPECTED[1][1])


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        (
            {"w": torch.ones(3, 3, dtype=torch.complex64)},
            r"w must be a dense tensor of real numbers \(it is complex numbers\)",
        ),
        (
            {"w": torch.eye(3).to_sparse()},
            r"w must be a dense tensor of real numbers \(it is not dense\); exclude: \[w\] leaves it out",
        ),
        (
            {"fc1.weight_mask": torch.ones(2, 2)},
            r"fc1.weight: mask must have the shape of the weights, \(6, 5\) \(got \(2, 2\)\)",
        ),
        ({"fc1.weight_mask": torch.full((6, 5), 0.5)}, "fc1.weight_mask must hold 0 and 1 only"),
        ({"masks": [torch.ones(6, 5)]}, r"masks must map the names of weights to their masks \(got a list\)"),
        ({"fc3.weight_mask": torch.ones(2, 2)}, "fc3.weight_mask has no weights fc3.weight or fc3.weight_orig"),
    ],
)
def test_what_cannot_be_measured_is_one_line(tmp_path, extra, line):
    for number in range(2):
        torch.save(LAYOUTS["mask.X"](weights(), masks(number)) | extra, tmp_path / f"{number}.pt")
    with pytest.raises(KoopflowError, match=rf"0.pt: {line}"):
        read_rounds(tmp_path)
    if "w" in extra:
        assert len(read_rounds(tmp_path, Choice(exclude=("w",)))) == 2


def test_a_layer_that_comes_or_goes_is_named(tmp_path):
    torch.save(weights(), tmp_path / "0.pt")
    torch.save(weights() | {"fc2.weight": torch.rand(4, 6)}, tmp_path / "1.pt")
    with pytest.raises(KoopflowError, match=r"fc2.weight is \(3, 6\) in 0.pt and \(4, 6\) in 1.pt"):
        read_rounds(tmp_path)
    torch.save({"fc1.weight": torch.rand(6, 5)}, tmp_path / "1.pt")
    with pytest.raises(KoopflowError, match=r"differing architectures: fc2.weight is missing in 1.pt"):
        read_rounds(tmp_path)
    (tmp_path / "1.pt").unlink()
    with pytest.raises(KoopflowError, match=r"at least two rounds \(got 1 checkpoints\)"):
        read_rounds(tmp_path)


def test_matrices_that_no_round_prunes_are_no_layers_of_a_flow_read_from_zeros(tmp_path):
    """An embedding, whose padding is a row of zeros, and a head that nobody pruned."""
    embedding = torch.randn(7, 4)
    embedding[0] = 0
    for number in range(1, 5):
        whole = {"embed.weight": embedding + 0.1 * number * (embedding != 0), "head.weight": torch.randn(3, 3)}
        folder = tmp_path / f"round-{number}"
        folder.mkdir()
        save_file(LAYOUTS["no masks"](weights(), masks(number)) | whole, folder / "model.safetensors")
    found = read(tmp_path)
    assert [sorted(names) for names, _ in found] == [NAMES] * 4
    assert np.allclose([densities for _, densities in found], [densities for _, densities in EXPECTED])
