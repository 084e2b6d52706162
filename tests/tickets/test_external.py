import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn.utils import prune

from koopflow.config.tickets import External
from koopflow.core.errors import KoopflowError
from koopflow.rg.exponents import fit_exponents
from koopflow.rg.flows import scale_of
from koopflow.tickets import elastic, external
from koopflow.tickets.tables import couplings_of


def flow_of(*folders, say=print, **given):
    entry = External.load({"folder": str(folders[0]), "seeds": [str(other) for other in folders[1:]]} | given)
    flow = external.external_flow(entry, say)
    return flow.groups, flow.sums, flow.densities


def pruned_model(round_number):
    """A model that torch's own pruning has cut `round_number` times by 30 %."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(10, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    for _ in range(round_number):
        prune.global_unstructured([(model[0], "weight"), (model[2], "weight")], prune.L1Unstructured, amount=0.3)
    return model


def write(folder, layout, rounds=5):
    folder.mkdir(exist_ok=True)
    for number in range(rounds):
        state = pruned_model(number + 1).state_dict()
        if layout == "plain":
            state = {name.replace("_orig", ""): tensor for name, tensor in state.items()}
        if layout == "zeros":
            state = {f"{n}.weight": state[f"{n}.weight_orig"] * state[f"{n}.weight_mask"] for n in ("0", "2")}
        if layout == "safetensors":
            save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / f"{number}.safetensors")
        else:
            torch.save({"state_dict": state} if layout == "nested" else state, folder / f"{number}.pt")


@pytest.mark.parametrize("layout", ["prune", "plain", "zeros", "nested", "safetensors"])
def test_every_layout_gives_the_same_flow(tmp_path, layout):
    write(tmp_path / "reference", "prune")
    write(tmp_path / "other", layout)
    groups, sums, densities = flow_of(tmp_path / "reference")
    found = flow_of(tmp_path / "other")
    assert found[0] == groups == ["0.weight", "2.weight"]
    np.testing.assert_allclose(found[1], sums)
    np.testing.assert_allclose(densities, 0.7 ** np.arange(1, 6), rtol=0.03)
    fit = fit_exponents(couplings_of(found[1], "share"), scale_of(found[2]), found[0])
    assert fit.interval == "rounds"


@pytest.mark.parametrize("kept", ["values", "zeros"])
def test_masks_that_are_1_where_a_weight_is_pruned_are_refused(tmp_path, kept):
    for number in range(4):
        state = pruned_model(number + 1).state_dict()
        for name in ("0", "2"):
            if kept == "zeros":
                state[f"{name}.weight_orig"] *= state[f"{name}.weight_mask"]
            state[f"{name}.weight_mask"] = 1 - state[f"{name}.weight_mask"]
        torch.save(state, tmp_path / f"{number}.pt")
    with pytest.raises(KoopflowError, match=r"must be 1 where a weight is kept \(from 0.pt to 3.pt .* invert them"):
        flow_of(tmp_path)


def test_rounds_named_by_their_density_are_read(tmp_path):
    for number in range(4):
        torch.save(pruned_model(number + 1).state_dict(), tmp_path / f"keep_{round(100 * 0.7 ** (number + 1))}.pt")
    np.testing.assert_allclose(flow_of(tmp_path)[2], 0.7 ** np.arange(1, 5), rtol=0.03)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    for number in range(2):
        torch.save({"state": Trap()}, tmp_path / f"{number}.pt")
    with pytest.raises(KoopflowError, match=r"0.pt: not a checkpoint that can be read without executing code"):
        external.read_rounds(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_one_round_is_no_flow(tmp_path):
    write(tmp_path / "one", "prune", rounds=1)
    with pytest.raises(KoopflowError, match=r"at least two rounds \(got 1 checkpoints"):
        external.read_rounds(tmp_path / "one")


def test_differing_architectures_are_named(tmp_path):
    write(tmp_path, "prune")
    state = torch.load(tmp_path / "4.pt", weights_only=True)
    state["2.weight_orig"], state["2.weight_mask"] = torch.ones(4, 8), torch.ones(4, 8)
    torch.save(state, tmp_path / "4.pt")
    with pytest.raises(KoopflowError, match=r"2.weight is \(3, 8\) in 0.pt and \(4, 8\) in 4.pt"):
        external.read_rounds(tmp_path)


def test_a_mask_that_does_not_match_its_weights_is_named(tmp_path):
    write(tmp_path, "prune")
    state = torch.load(tmp_path / "1.pt", weights_only=True)
    state["0.weight_mask"] = torch.ones(8, 9)
    torch.save(state, tmp_path / "1.pt")
    with pytest.raises(
        KoopflowError, match=r"1.pt: 0.weight: mask must have the shape of the weights, .*\(got \(8, 9\)\)"
    ):
        external.read_rounds(tmp_path)
    del state["0.weight_orig"]
    torch.save(state, tmp_path / "1.pt")
    with pytest.raises(KoopflowError, match=r"0.weight_mask has no weights 0.weight"):
        external.read_rounds(tmp_path)


def residual(blocks):
    shapes = {"conv1.weight": (4, 1, 3, 3), "fc.weight": (2, 8)}
    for stage, (before, after) in enumerate([(4, 4), (4, 8)], 1):
        for block in range(blocks):
            first = before if block == 0 else after
            shapes[f"layer{stage}.{block}.conv1.weight"] = (after, first, 3, 3)
            shapes[f"layer{stage}.{block}.conv2.weight"] = (after, after, 3, 3)
    return shapes


@pytest.mark.parametrize(("source", "target"), [(2, 3), (3, 2), (2, 5), (5, 3), (3, 3)])
def test_elastic_tickets_fit_every_depth_and_keep_the_order_of_blocks(source, target):
    ticket = {name: np.full(shape, i) for i, (name, shape) in enumerate(residual(source).items())}
    moved = elastic.stretch(ticket, residual(target))
    assert {name: values.shape for name, values in moved.items()} == residual(target)
    taken = elastic.block_map(source, target)
    assert taken[0] == 0
    assert taken == sorted(taken)
    assert set(taken) == set(range(min(source, target)))
    for block, origin in enumerate(taken):
        name = "layer2.{}.conv2.weight"
        np.testing.assert_array_equal(moved[name.format(block)], ticket[name.format(origin)])


def test_elastic_refuses_another_family():
    ticket = {name: np.zeros(shape) for name, shape in residual(2).items()}
    with pytest.raises(KoopflowError, match=r"fc.weight is"):
        elastic.stretch(ticket, residual(3) | {"fc.weight": (3, 8)})
    with pytest.raises(KoopflowError, match="has no counterpart"):
        elastic.stretch(ticket, residual(3) | {"head.weight": (3, 8)})


def masked(density, generator, seed=0):
    """Random weights of two layers, and masks of one seed, which are nested."""
    weights = {
        "a.weight": generator.standard_normal((6, 5)).astype("f4"),
        "b.weight": generator.standard_normal((3, 6)).astype("f4"),
    }
    order = np.random.default_rng(seed)
    masks = {f"{name}_mask": (order.random(values.shape) < density).astype("f4") for name, values in weights.items()}
    return weights | masks


@pytest.mark.parametrize(
    ("value", "kept", "word"), [(0.0, 2, "round 2 leaves a.weight empty"), (0.5, 0, "must hold 0 and 1 only")]
)
def test_a_layer_emptied_elsewhere_ends_the_flow_and_half_a_mask_is_none(tmp_path, value, kept, word):
    generator, said = np.random.default_rng(0), []
    for number, density in enumerate((1.0, 0.8, 0.6)):
        state = masked(density, generator)
        if number == 2:
            state["a.weight_mask"][:] = value
        save_file(
            {name: torch.from_numpy(values) for name, values in state.items()}, tmp_path / f"{number}.safetensors"
        )
    if kept:
        _, sums, densities = flow_of(tmp_path, say=said.append)
        assert len(densities) == sums.shape[2] == kept
        assert word in said[0]
    else:
        with pytest.raises(KoopflowError, match=word):
            flow_of(tmp_path)


def test_a_folder_that_mixes_seeds_is_refused(tmp_path):
    generator = np.random.default_rng(0)
    for number, (density, seed) in enumerate([(1.0, 0), (0.7, 0), (0.5, 1), (0.3, 0)]):
        state = {name: torch.from_numpy(values) for name, values in masked(density, generator, seed).items()}
        save_file(state, tmp_path / f"{number}.safetensors")
    with pytest.raises(
        KoopflowError,
        match=r"must hold the rounds of one seed \(2.safetensors keeps \d+ weights that 1.safetensors has",
    ):
        external.read_rounds(tmp_path)
    (tmp_path / "2.safetensors").unlink()
    assert len(external.read_rounds(tmp_path)) == 3


def test_patterns_choose_the_layers_of_a_flow(tmp_path):
    write(tmp_path, "prune")
    groups, _, _ = flow_of(tmp_path, exclude=["2.*"])
    assert groups == ["0.weight"]


def test_seeds_of_one_chain_are_one_flow_with_intervals_over_seeds(tmp_path):
    generator = np.random.default_rng(0)
    for seed in range(3):
        (tmp_path / str(seed)).mkdir()
        for number in range(6 + seed):
            order, state = np.random.default_rng(seed), masked(1.0, generator)
            for name in ("a.weight", "b.weight"):
                mask = np.zeros(state[name].size, dtype="f4")
                mask[order.permutation(mask.size)[: round(mask.size * 0.8**number)]] = 1
                state[f"{name}_mask"] = mask.reshape(state[name].shape)
            tensors = {name: torch.from_numpy(values) for name, values in state.items()}
            save_file(tensors, tmp_path / str(seed) / f"{number}.safetensors")
    folders = [tmp_path / str(seed) for seed in range(3)]
    groups, sums, densities = flow_of(*folders)
    assert sums.shape == (3, 3, 6, 2)
    assert len(densities) == 6
    for seed, folder in enumerate(folders):
        np.testing.assert_array_equal(sums[:, seed], flow_of(folder)[1][:, 0, :6])
    assert fit_exponents(couplings_of(sums, "share"), scale_of(densities), groups).interval == "seeds"
    (folders[2] / "1.safetensors").unlink()
    with pytest.raises(KoopflowError, match="must have the same densities; round 1 keeps"):
        flow_of(*folders)


def test_masks_named_like_weights_are_read_as_masks(tmp_path):
    """The layout of some trainers: mask_conv1___weight beside conv1.weight."""
    torch.manual_seed(0)
    densities, drawn = [], torch.rand(4, 5)
    for number in range(3):
        mask = drawn < 0.7**number
        torch.save({"conv1.weight": torch.randn(4, 5), "mask_conv1___weight": mask.float()}, tmp_path / f"{number}.pt")
        densities.append(mask.float().mean().item())
    groups, _, found = flow_of(tmp_path)
    assert groups == ["conv1.weight"]
    np.testing.assert_allclose(found, densities, rtol=1e-6)
