"""`kf.prune`: masks of a network or of a recorded run, and refusals in one line."""

import numpy as np
import pytest
import torch
from torch import nn

import koopflow as kf
from koopflow.core.errors import KoopflowError


def trained(path, seed=0, every=1, steps=12):
    """Train a small network on noise and record it."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(40, 6), torch.randint(0, 3, (40,))
    with kf.Recorder(model, path, every=every) as recorder:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.h5"
    return trained(path), path


def test_magnitude_keeps_the_largest_weights_and_the_classifier_whole():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 3))
    mask = kf.prune(model, "magnitude", 7, prunable="all")
    kept = np.concatenate([mask["0.weight"].ravel(), mask["0.bias"]])
    weights = np.concatenate([model[0].weight.detach().numpy().ravel(), model[0].bias.detach().numpy()])
    assert kept.sum() == 10
    assert np.abs(weights[kept]).min() >= np.abs(weights[~kept]).max()
    assert mask["2.weight"].all()
    assert mask.density == pytest.approx(1 / 7)


def test_apply_sets_pruned_weights_to_zero_and_leaves_the_others():
    model = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 3))
    before = model[0].weight.detach().clone()
    mask = kf.prune(model, "random", 2, exclude=("classifier", "vectors"))
    assert mask.apply(model) is model
    kept = torch.from_numpy(mask["0.weight"].copy())
    assert torch.equal(model[0].weight, torch.where(kept, before, 0.0))
    with pytest.raises(KoopflowError, match=r"0\.weight has shape \(10, 6\), but \(10, 7\) in the model"):
        mask.apply(nn.Sequential(nn.Linear(7, 10), nn.Tanh(), nn.Linear(10, 3)))


def test_a_network_with_its_recording_and_the_recorded_run_give_the_same_mask(run):
    model, path = run
    by_model = kf.prune(model, recording=path, compression=4, rank=3)
    by_run = kf.prune(path, compression=4, rank=3)
    assert np.array_equal(by_model.kept, by_run.kept)
    assert by_run.density == pytest.approx(1 / 4, abs=0.01)
    assert repr(by_run) == "Mask(58 of 103 weights kept, density 0.25 in 1 prunable tensors)"


def test_a_score_of_ones_own_gets_what_it_declares(run):
    @kf.score(needs={"modes"})
    def fastest(state, power: float = 1.0):
        assert state.modes is not None
        return np.abs(state.modes.vectors[np.argmin(np.abs(state.modes.eigenvalues))]) ** power

    assert kf.prune(run[1], fastest, 2, rank=3, options={"power": 2}).density == pytest.approx(0.5)


def test_gradients_are_those_that_backward_left(run):
    model, _ = run
    mask = kf.prune(model, "gradient", 2)
    scores = np.abs(model[0].weight.detach().numpy() * model[0].weight.grad.numpy())
    assert scores[mask["0.weight"]].min() >= scores[~mask["0.weight"]].max()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "koopman_magnitude"}, r"needs a recording of the training; pass recording=\.\.\."),
        ({"score": "gradient"}, r"needs gradients; pass the network after loss\.backward\(\)"),
        ({"score": "magnitud"}, r"no score named 'magnitud' \(did you mean magnitude\?\)"),
        ({"score": "magnitude", "options": {"power": 2}}, "options.power: unknown option"),
        ({"score": "magnitude", "compression": 0.5}, "compression must be"),
        ({"score": "magnitude", "compression": 64, "counted": "all"}, r"compression must be from 1 to"),
        ({"score": "magnitude", "compression": "4"}, r"compression must be a finite number of at least 1 \(got 4\)"),
        ({"score": 3}, r"score must be a name or a function \(got 3\)"),
        ({"score": "magnitude", "options": 3}, r"score magnitude: options must be a mapping \(got 3\)"),
        ({"score": "magnitude", "rounds": "3"}, r"rounds must be a whole number of at least 1 \(got '3'\)"),
        ({"score": "snip", "data": 3}, r"data must be inputs and targets, \(inputs, targets\) \(got int\)"),
        ({"score": "magnitude", "exclude": 3}, r"exclude must be a list, such as .* \(got 3\)"),
        ({"score": "magnitude", "exclude": ["fc9"]}, "'fc9' matches no parameter"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(options, message):
    model = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 3))
    with pytest.raises(KoopflowError, match=message):
        kf.prune(model, **options)


def test_a_recording_of_another_network_is_refused(run, tmp_path):
    _, path = run
    other = nn.Sequential(nn.Linear(6, 11), nn.Tanh(), nn.Linear(11, 3))
    with pytest.raises(KoopflowError, match=r"must equal the network's; the first to differ is 0\.weight"):
        kf.prune(other, recording=path)
    stranger = trained(tmp_path / "other.h5", seed=1)
    with pytest.raises(KoopflowError, match="last state must be near the network's weights"):
        kf.prune(stranger, recording=path)
    with pytest.raises(KoopflowError, match=r"replica must be between 0 and 0 \(got 3\)"):
        kf.prune(path, replica=3)
    with pytest.raises(KoopflowError, match=r"window must be between 2 and 11"):
        kf.prune(path, window=100)


def test_gradients_of_a_recorded_run_are_refused(run):
    with pytest.raises(KoopflowError, match="needs gradients; pass the network"):
        kf.prune(run[1], "gradient")
