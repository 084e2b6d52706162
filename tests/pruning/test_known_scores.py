"""Scores of other papers on networks small enough to compute by hand."""

import numpy as np
import pytest
import torch
from torch import nn

import koopflow as kf
from koopflow.core.errors import KoopflowError
from koopflow.pruning import known_scores, probes
from koopflow.pruning.scoring import NetworkState
from koopflow.pruning.weights import weights_of

X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
Y = torch.tensor([[1.0], [2.0]])
W = np.array([0.5, -2.0])


def half_squares(output, target):
    """Half the mean squared error: its gradient is mean (w x - y) x, its Hessian mean x x'."""
    return 0.5 * (output - target).square().mean()


def line():
    """One linear unit with two weights: everything is known in closed form."""
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(W[None]))
    return model


def probed(name, model=None, batch=None):
    model = line() if model is None else model
    batch = probes.Batch(X, Y, half_squares) if batch is None else batch
    found = getattr(probes, name)(model, list(weights_of(model).values()), batch)
    return np.concatenate([each.detach().double().numpy().ravel() for each in found])


def state(**parts):
    return NetworkState(W, (("weight", (1, 2)),), **parts)


EACH = (X.numpy() @ W - Y.numpy()[:, 0])[:, None] * X.numpy()
"""Gradient of each example's loss."""
GRADIENT, HESSIAN = EACH.mean(0), X.numpy().T @ X.numpy() / 2


def test_snip_is_the_normalized_effect_of_each_connection():
    assert probed("gradient") == pytest.approx(GRADIENT)
    wanted = np.abs(W * GRADIENT) / np.abs(W * GRADIENT).sum()
    assert known_scores.snip(state(gradient=GRADIENT)) == pytest.approx(wanted)


def test_grasp_is_the_weight_times_hessian_times_gradient():
    assert probed("hessian_gradient") == pytest.approx(HESSIAN @ GRADIENT)
    assert known_scores.grasp(state(hessian_gradient=HESSIAN @ GRADIENT)) == pytest.approx(W * (HESSIAN @ GRADIENT))


def test_grasp_keeps_the_weight_whose_removal_costs_gradient_flow():
    flow = [np.sum((GRADIENT - HESSIAN[:, i] * W[i]) ** 2) for i in range(2)]
    first_order = [-2 * W[i] * (HESSIAN @ GRADIENT)[i] for i in range(2)]
    assert np.argmin(first_order) == np.argmax(known_scores.grasp(state(hessian_gradient=HESSIAN @ GRADIENT)))
    assert flow[0] == pytest.approx(np.sum((HESSIAN @ (W * [0, 1]) - X.numpy().T @ Y.numpy()[:, 0] / 2) ** 2))


def test_fisher_averages_squared_gradients_of_single_examples():
    assert probed("squared_gradient") == pytest.approx((EACH**2).mean(0))
    assert known_scores.fisher(state(squared_gradient=(EACH**2).mean(0))) == pytest.approx(W**2 * (EACH**2).mean(0) / 2)


def test_synflow_sums_over_paths():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    first, last = np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[-5.0, 6.0]])
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor(first))
        model[2].weight.copy_(torch.tensor(last))
    mask = kf.prune(model, "synflow", 2, data=(X, Y), exclude=[])
    paths = np.abs(first) * np.abs(last).T
    ranked = np.concatenate([paths.ravel(), paths.sum(1)])
    assert ranked.tolist() == [5, 10, 18, 24, 15, 42]
    assert mask.kept.tolist() == [False, False, True, True, False, True]
    assert model[0].weight.detach().numpy().tolist() == first.tolist()


def test_wanda_multiplies_by_the_norm_of_inputs():
    assert probed("input_norms") == pytest.approx(np.sqrt([10.0, 5.0]))
    assert known_scores.wanda(state(input_norms=np.sqrt([10.0, 5.0]))) == pytest.approx([0.5 * 10**0.5, 2 * 5**0.5])


def test_input_norms_of_a_convolution_are_those_of_the_pixels_each_weight_meets():
    torch.manual_seed(0)
    model = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    x = torch.randn(3, 4, 7, 7)
    found = probed("input_norms", model, probes.Batch(x, x))
    unfolded = nn.functional.unfold(x, 3, padding=1, stride=2).square().sum((0, 2)).reshape(4, 3, 3).sqrt()
    wanted = torch.cat([unfolded[:2].expand(3, 2, 3, 3), unfolded[2:].expand(3, 2, 3, 3)]).double().numpy()
    assert found[: wanted.size] == pytest.approx(wanted.ravel(), rel=1e-5)
    assert found[wanted.size :] == pytest.approx(np.full(6, np.sqrt(3 * 16)))


def test_inputs_of_a_layer_that_is_not_called_are_refused():
    model = nn.Sequential(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), nn.Linear(4, 2))
    with pytest.raises(KoopflowError, match=r"inputs of 0\.self_attn\.in_proj_weight are not known"):
        kf.prune(model, "wanda", 2, data=(torch.zeros(2, 3, 4), torch.zeros(2, 3, 2)))


def test_movement_keeps_what_moves_away_from_zero(tmp_path):
    model = line()
    with kf.Recorder(model, tmp_path / "run.h5") as recorder:
        for values in ([0.5, -2.0], [0.6, -1.5], [0.8, -1.0]):
            with torch.no_grad():
                model.weight.copy_(torch.tensor([values]))
            recorder.step()
    mask = kf.prune(model, "movement", 2, recording=tmp_path / "run.h5", exclude=[])
    assert mask.kept.tolist() == [True, False]  # 0.5 * 0.1 + 0.6 * 0.2 against -2 * 0.5 - 1.5 * 0.5


@pytest.mark.parametrize("score", ["snip", "grasp", "synflow", "fisher", "wanda", "gradient"])
def test_every_score_prunes_a_convolutional_network_in_rounds_and_leaves_it_as_it_was(score):
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = (torch.randn(10, 1, 6, 6), torch.randint(0, 3, (10,)))
    if score != "gradient":
        model.eval()  # batch normalization counts forward passes in training mode
    mask = kf.prune(model, score, 8, data=data, schedule="iterative", rounds=3, exclude="head")
    assert mask.density == pytest.approx(1 / 8, abs=2e-3)
    assert not hasattr(model[0], "parametrizations")
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert [name for name in changed if "running" not in name and "num_batches" not in name] == []


def test_scores_that_probe_a_network_need_data():
    with pytest.raises(KoopflowError, match=r"score grasp needs a network and training data; pass data=\(inputs"):
        kf.prune(line(), "grasp", 2, exclude=[])


def test_synflow_in_rounds_keeps_every_layer_alive_where_one_shot_empties_one():
    torch.manual_seed(0)
    wide, narrow = nn.Linear(60, 60, bias=False), nn.Linear(60, 60, bias=False)
    model = nn.Sequential(nn.Linear(4, 60, bias=False), nn.ReLU(), wide, nn.ReLU(), narrow, nn.ReLU(), nn.Linear(60, 2))
    data = (torch.ones(1, 4), torch.zeros(1, dtype=torch.long))
    with pytest.warns(UserWarning, match="nothing is left"):
        kf.prune(model, "synflow", 400, data=data)
    mask = kf.prune(model, "synflow", 400, data=data, schedule="iterative", rounds=50)
    assert mask.emptied() == []
    assert int(mask.kept[mask.eligible()].sum()) == round((4 * 60 + 2 * 3600) / 400)
