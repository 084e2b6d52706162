import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from koopflow.config.training import ModelSettings, OptimizerSettings
from koopflow.core.errors import KoopflowError
from koopflow.core.masks import pruned_count
from koopflow.data.images.sets import Images
from koopflow.tickets import chain as chains
from koopflow.tickets import controls, imp, training, transfer
from koopflow.tickets.plan import ChainPlan
from koopflow.tickets.training import Setup

MODEL = {"name": "mlp", "widths": [12, 8], "bias": False, "initialization": "kaiming_normal"}
OPTIMIZER = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}


def setup_of(model=MODEL, optimizer=OPTIMIZER, steps=40):
    return Setup(ModelSettings.load(model), OptimizerSettings.load(optimizer), batch_size=16, steps=steps, device="cpu")


SETUP = setup_of()


def clusters(seed=0, classes=3):
    """Well separated Gaussian clusters in 9 pixels, so that a small network learns them in a few
    steps."""
    generator = np.random.default_rng(seed)
    centres = 1.5 * generator.normal(size=(classes, 1, 3, 3))
    y = np.arange(240) % classes
    x = (centres[y] + generator.normal(size=(240, 1, 3, 3))).astype(np.float32)
    return Images(x[:180], y[:180], x[180:], y[180:], classes, (0.0,), (1.0,), "clusters")


def run(rounds=5, setup=SETUP, images=None, checkpoints=None, say=lambda line: None, **plan):
    plan = ChainPlan(**{"task": "clusters", "seeds": 3, **plan})
    return imp.run_chain(setup, images or clusters(), plan, rounds, checkpoints=checkpoints, say=say)


def train(setup, images, weights, masks, seeds):
    return training.train(setup, images, training.Rows(weights, masks, seeds), 0, "batches")


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_pruned_count_is_exact_in_every_round_and_survivors_only_shrink(scope):
    chain = run(6, scope=scope)
    for before, after in zip(chain.masks, chain.masks[1:]):
        for seed in range(3):
            counts = [{name: int(mask[seed].sum()) for name, mask in masks.items()} for masks in (before, after)]
            if scope == "global":
                total = sum(counts[0].values())
                assert sum(counts[1].values()) == total - pruned_count(total, 0.2)
            else:
                assert all(counts[1][name] == n - pruned_count(n, 0.2) for name, n in counts[0].items())
            assert all(not (after[name][seed] & ~before[name][seed]).any() for name in after)


def test_pruned_are_the_smallest_trained_magnitudes_of_all_layers():
    images, chain = clusters(), run(2)
    trained = train(SETUP, images, chain.rewind, chain.masks[0], range(3)).weights
    gone = np.concatenate([np.abs(trained[name][1])[~chain.masks[1][name][1]] for name in trained])
    kept = np.concatenate([np.abs(trained[name][1])[chain.masks[1][name][1]] for name in trained])
    assert gone.max() <= kept.min()


def test_training_under_masks_agrees_with_plain_torch_one_network_at_a_time():
    import torch

    from koopflow.training.batches import Batches
    from koopflow.training.models.build import build

    images = clusters()
    optimizer = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01}
    setup = setup_of(optimizer=optimizer, steps=15)
    weights = training.initialize(setup, images, 0, [0, 1])
    masks = {name: np.random.default_rng(1).random(layer.shape) < 0.7 for name, layer in weights.items()}
    together = train(setup, images, weights, masks, [0, 1]).weights
    model = build(MODEL, images.shape, images.classes)
    held = {name: torch.from_numpy(mask[1]) for name, mask in masks.items()}
    model.load_state_dict({name: torch.from_numpy(layer[1]) * held[name] for name, layer in weights.items()})
    descent = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    batches = Batches(images, 16, ["1"], 0, ("tickets", "batches"), torch.device("cpu"))
    for step in range(15):
        x, y = batches.at(step)
        descent.zero_grad()
        torch.nn.functional.cross_entropy(model(x[0]), y[0]).backward()
        for name, parameter in model.named_parameters():
            parameter.grad *= held[name]
        descent.step()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(together[name][1], parameter.detach().numpy(), atol=1e-5)
        assert (together[name][1][~masks[name][1]] == 0).all()


def test_a_seed_does_not_depend_on_how_many_run_beside_it():
    few, many = run(4, seeds=1), run(4, seeds=3)
    for name in few.rewind:
        np.testing.assert_array_equal(few.masks[-1][name][0], many.masks[-1][name][0])


def test_a_finished_chain_extends_to_the_same_bits_without_training_its_rounds_again(tmp_path, monkeypatch):
    whole = run(5)
    run(3, checkpoints=tmp_path)
    trainings = []
    plain = training.train
    monkeypatch.setattr(training, "train", lambda *a, **k: trainings.append(1) or plain(*a, **k))
    longer = run(5, checkpoints=tmp_path)
    assert len(trainings) == 2
    for name in whole.rewind:
        np.testing.assert_array_equal(whole.masks[4][name], longer.masks[4][name])
    np.testing.assert_array_equal(whole.accuracy, longer.accuracy)
    assert run(2, checkpoints=tmp_path).rounds == 2


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}, {tests!r}]
from test_imp import resumable
from koopflow.training.run import Run

calls, plain = [], Run.advance


def advance(self, x, y):
    calls.append(1)
    if len(calls) == 41 + 25:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, x, y)


Run.advance = advance
resumable({folder!r})
"""


def resumable(folder):
    setup = replace(SETUP, checkpoints=f"{folder}/training", interval=10)
    return run(3, setup=setup, seeds=2, checkpoints=f"{folder}/chains")


def test_a_round_killed_by_signal_9_goes_on_from_its_last_checkpoint_to_the_same_bits(tmp_path, monkeypatch):
    from koopflow.training.run import Run

    here = Path(__file__).parent
    script = KILLED.format(root=str(here.parents[1]), tests=str(here), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    calls, plain = [], Run.advance
    monkeypatch.setattr(Run, "advance", lambda self, x, y: calls.append(self.step) or plain(self, x, y))
    found = resumable(tmp_path)
    # Round 0 was kept; round 1 goes on from step 20, the last checkpoint before step 24, at which
    # it was killed; round 2 is whole.
    assert calls == [*range(20, 41), *range(41)]
    monkeypatch.undo()
    whole = run(3, seeds=2)
    for name in whole.trained:
        np.testing.assert_array_equal(found.trained[name], whole.trained[name])
        np.testing.assert_array_equal(found.masks[2][name], whole.masks[2][name])
    np.testing.assert_array_equal(found.accuracy, whole.accuracy)


def test_other_data_under_the_same_name_never_continues_a_chain(tmp_path):
    run(2, checkpoints=tmp_path)
    run(2, checkpoints=tmp_path, images=clusters(seed=5))
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_rewound_chains_start_from_the_weights_that_the_dense_training_passed():
    chain, images = run(2, rewind_step=10), clusters()
    first = training.initialize(SETUP, images, 0, [0, 1, 2])
    short = replace(SETUP, steps=10)
    early = train(short, images, first, chain.masks[0], range(3)).weights
    for name in early:
        np.testing.assert_array_equal(chain.rewind[name], early[name])
    through = train(SETUP, images, first, chain.masks[0], range(3))
    np.testing.assert_array_equal(chain.accuracy[0], through.accuracy)


def test_controls_keep_the_tickets_densities_and_one_shot_its_count():
    mask = run(4).masks[3]
    one = {name: layer[0] for name, layer in mask.items()}
    shuffled = controls.random_masks(one, 0, "task", 0)
    assert {n: m.sum() for n, m in shuffled.items()} == {n: m.sum() for n, m in one.items()}
    assert any((shuffled[name] != one[name]).any() for name in one)
    for control in controls.CONTROLS:
        found = controls.run_control(SETUP, clusters(), run(4), [1, 3], control)
        assert found.shape == (2, 3)
        assert np.isfinite(found).all()


def test_a_ticket_is_loaded_by_torch_in_two_lines(tmp_path):
    from safetensors.torch import load_file

    from koopflow.training.models.build import build

    chain = run(3)
    path = chains.write_tickets(chain, tmp_path, [2])[1]
    model = build(MODEL, (1, 3, 3), 3)
    ticket = load_file(path)
    assert model.load_state_dict(ticket, strict=False).missing_keys == []
    np.testing.assert_array_equal(
        model.layer2.weight.detach(), chain.rewind["layer2.weight"][1] * chain.masks[2]["layer2.weight"][1]
    )


def test_equal_tickets_have_equal_bytes(tmp_path):
    chain = run(3)
    written = [chains.write_tickets(chain, tmp_path / str(time), [1, 2]) for time in range(4)]
    for same in zip(*written):
        assert len({path.read_bytes() for path in same}) == 1


def test_a_chain_survives_its_file_and_equal_chains_have_equal_bytes(tmp_path):
    chain = run(3)
    for name in ("a", "b"):
        chains.save_chain(chain, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    again = chains.load_chain(tmp_path / "a")
    np.testing.assert_array_equal(again.masks[2]["layer1.weight"], chain.masks[2]["layer1.weight"])
    np.testing.assert_array_equal(again.sums("neuron")[1], chain.sums("neuron")[1])


def test_own_tickets_transferred_to_their_own_task_give_the_chains_accuracy():
    chain = run(3)
    found = transfer.transfer_to(SETUP, clusters(), chain, {"self": chain}, [1, 2])["self"]
    np.testing.assert_allclose(found, np.array(chain.accuracy[1:]))


def test_a_chain_that_ended_before_every_transferred_round_transfers_nothing():
    chain = run(2)
    assert transfer.transfer_to(SETUP, clusters(), chain, {"self": chain}, [])["self"].shape == (0, 3)


def test_tickets_of_another_architecture_are_refused_by_layer():
    other = run(2, setup=setup_of(MODEL | {"widths": [11, 8]}, steps=5), task="other")
    with pytest.raises(
        KoopflowError,
        match=r"tickets of other do not fit clusters: layer1.weight is \(11, 9\) there and \(12, 9\) here",
    ):
        transfer.transfer_to(SETUP, clusters(), run(2), {"other": other}, [1])


def test_a_chain_on_two_threads_is_that_on_one_within_the_tolerance():
    """Of docs/methods.md: the number of threads, which --cores 1 halves, changes the order of
    sums."""
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(run(5))
    finally:
        torch.set_num_threads(before)
    one, two = found
    for name, weights in one.trained.items():
        assert np.abs(two.trained[name] - weights).max() <= 1e-5 * np.abs(weights).max()
    assert np.abs(np.array(two.accuracy) - np.array(one.accuracy)).max() <= 1.001 / len(clusters().y_test)
    same = [np.mean(a[name] == b[name]) for a, b in zip(one.masks, two.masks) for name in a]
    assert min(same) >= 0.999


def test_a_diverged_training_stops_by_name_and_never_prunes_on():
    said = []
    with pytest.raises(KoopflowError, match=r"every seed diverged; .*diverged in round 0"):
        run(3, setup=setup_of(optimizer={"name": "sgd", "learning_rate": 1e20}), say=said.append)
    assert said[0].startswith("seed 0: training diverged in round 0")


def test_a_chain_stops_before_a_layer_is_emptied_and_keeps_what_is_done():
    said = []
    chain = run(60, seeds=2, say=said.append, fraction=0.5)
    assert "would leave" in said[0]
    assert said == [chain.ended]
    assert 1 < chain.rounds < 60
    assert chain.seeds == [0, 1]
    assert all(mask.reshape(2, -1).any(axis=1).all() for mask in chain.masks[-1].values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fraction": 1.0}, "strictly between 0 and 1"),
        ({"fraction": -0.1}, "strictly between 0 and 1"),
        ({"rewind_step": 40}, r"rewind_step must be from 0 to 39.*got 40"),
        ({"scope": "neuron"}, "must be global or layer"),
        ({"rounds": 0}, "at least 1"),
    ],
)
def test_impossible_chains_are_refused_before_any_training(options, words):
    with pytest.raises(KoopflowError, match=words):
        run(**options)
