import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.rg import couplings as c


def network(replicas=2):
    generator = np.random.default_rng(3)
    weights = {
        name: generator.normal(size=(replicas, *shape))
        for name, shape in {"0.weight": (4, 5), "1.weight": (3, 4)}.items()
    }
    masks = {name: generator.random(values.shape) < 0.6 for name, values in weights.items()}
    return weights, masks


def test_shares_follow_the_papers_formula_and_sum_to_one():
    weights, masks = network()
    groups, values = c.couplings(weights, masks)
    assert groups == ["0.weight", "1.weight"]
    for replica in range(2):
        sums = [np.abs(weights[name][replica])[masks[name][replica]].sum() for name in groups]
        np.testing.assert_allclose(values[replica], np.array(sums) / sum(sums))


def test_density_and_mean_magnitude_are_those_of_the_survivors():
    weights, masks = network()
    _, density = c.couplings(weights, masks, "density")
    _, magnitude = c.couplings(weights, masks, "mean_magnitude")
    name = "1.weight"
    assert density[1, 1] == pytest.approx(masks[name][1].mean())
    assert magnitude[1, 1] == pytest.approx(np.abs(weights[name][1][masks[name][1]]).mean())


def test_permuted_inputs_leave_layer_couplings_alone_and_permute_input_units():
    weights, masks = network()
    order = np.array([3, 1, 4, 0, 2])
    permuted = {**weights, "0.weight": weights["0.weight"][:, :, order]}
    permuted_masks = {**masks, "0.weight": masks["0.weight"][:, :, order]}
    np.testing.assert_allclose(c.couplings(permuted, permuted_masks)[1], c.couplings(weights, masks)[1])
    plain = c.couplings(weights, masks, grouping="input_unit")[1]
    np.testing.assert_allclose(c.couplings(permuted, permuted_masks, grouping="input_unit")[1], plain[:, order])


def test_neurons_are_output_units_of_all_layers_but_the_last():
    weights, masks = network()
    groups, values = c.couplings(weights, masks, "density", "neuron")
    assert groups == [f"0.weight[{unit}]" for unit in range(4)]
    np.testing.assert_allclose(values[0], masks["0.weight"][0].mean(axis=1))


def test_blocks_gather_the_layers_of_one_residual_block():
    shape = (1, 2, 2)
    names = ["stem.weight", "stages.0.1.conv1.weight", "stages.0.1.conv2.weight", "fc.weight"]
    weights = {name: np.full(shape, 1.0 + i) for i, name in enumerate(names)}
    masks = {name: np.ones(shape, dtype=bool) for name in names}
    groups, values = c.couplings(weights, masks, grouping="block")
    assert groups == ["stem", "stages.0.1", "fc"]
    np.testing.assert_allclose(values[0], np.array([1, 5, 4]) / 10)


def test_vanished_groups_count_half_a_weight():
    values = c.floor_of_vanished(np.array([[0.0, 1.0]]), np.array([50]))
    np.testing.assert_allclose(values, [[0.01, 1.0]])


def largest_free_share(sums):
    """A coupling of one's own: shares of the surviving weights."""
    return sums.survivors / sums.survivors.sum(axis=1, keepdims=True)


def of_the_wrong_shape(sums):
    return sums.survivors[:, :1]


def test_a_coupling_of_ones_own_is_a_function_named_by_its_module():
    weights, masks = network()
    _, values = c.couplings(weights, masks, f"{__name__}:largest_free_share")
    assert values.sum(axis=1) == pytest.approx([1, 1])
    with pytest.raises(
        KoopflowError, match=r"must return an array \(replica, group\) of shape \(2, 2\) \(got \(2, 1\)\)"
    ):
        c.couplings(weights, masks, f"{__name__}:of_the_wrong_shape")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w, m: (w, m, {"kind": "size"}), "no coupling named 'size'.*available: share, density, mean_magnitude"),
        (lambda w, m: (w, m, {"grouping": "head"}), "must be one of layer, block, input_unit, neuron"),
        (
            lambda w, m: (w, {**m, "0.weight": m["0.weight"][:, :3]}, {}),
            r"0.weight: mask must have the shape of the weights, .*\(got \(2, 3, 5\)\)",
        ),
        (lambda w, m: (w, {"0.weight": m["0.weight"]}, {}), "only one of them has 1.weight"),
        (lambda w, m: ({**w, "1.weight": w["1.weight"] * np.nan}, m, {}), "1.weight: weights must be finite"),
    ],
)
def test_what_does_not_fit_is_named(change, words):
    weights, masks, options = change(*network())
    with pytest.raises(KoopflowError, match=words):
        c.couplings(weights, masks, **options)
