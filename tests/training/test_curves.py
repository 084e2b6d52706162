"""Curves of a training, and a weight norm that is held: exactly, after every step, also after a resumption."""

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.data.images.loading import load
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.curves import curve_table, train_held
from koopflow.training.ensemble import Ensemble, Recipe
from koopflow.training.hooks import Hook
from koopflow.trajectory import Trajectory

MODEL = {"name": "modular_transformer", "width": 8, "arguments": {"heads": 2, "hidden": 12}}
RECIPE = Recipe.of(MODEL, {"name": "adamw", "learning_rate": 0.01}, 25, 12)
PAIRS = Ensemble([0, 1], 0, ("grokking", "held"), shuffled=False)


@pytest.fixture(scope="module")
def images():
    return load({"source": "modular_addition", "prime": 7, "share": 0.51})


def trained(images, held_norm, **options):
    return train_held(RECIPE, images, PAIRS, [0, 5, 12], held_norm, device="cpu", **options)


def test_a_held_norm_is_the_given_share_of_the_initial_one_from_the_start(images, tmp_path):
    path = str(tmp_path / "run.h5")
    curves, free = trained(images, 0.8, hooks=[Capture(path)]).curves, trained(images, None).curves
    with Trajectory(path) as states:
        norms = np.linalg.norm(states.read().astype(float), axis=2)
    np.testing.assert_allclose(norms, 0.8 * free[0][4][:, None] * np.ones(norms.shape), rtol=1e-6)
    np.testing.assert_allclose(curves[5][4], 0.8 * free[0][4], rtol=1e-6)


def test_the_curves_of_copies_are_their_means(images):
    copies = Ensemble([0, 1], 0, ("grokking", "held"), copies=3, perturbation=0.1, shuffled=False)
    result = train_held(RECIPE, images, copies, [0, 12], 0.8, device="cpu")
    table = curve_table("held", result)
    assert table[["seed", "step"]].to_numpy().tolist() == [[0, 0], [0, 12], [1, 0], [1, 12]]
    for row in table.itertuples():
        own = result.curves[row.step][:, 3 * row.seed : 3 * row.seed + 3]
        assert np.ptp(own[0]) > 0
        np.testing.assert_allclose([row.train_loss, row.weight_norm], own[[0, 4]].mean(axis=1))


def test_without_a_held_norm_weights_move_freely(images):
    curves = trained(images, None).curves
    assert np.all(np.abs(curves[12][4] / curves[0][4] - 1) > 1e-3)


def test_curves_are_those_of_the_whole_sets(images):
    result = trained(images, None)
    table = curve_table("held", result)
    assert table[["seed", "step"]].to_numpy().tolist() == [[s, t] for s in (0, 1) for t in (0, 5, 12)]
    last = table[table["step"] == 12]
    np.testing.assert_allclose(last["test_accuracy"], result.accuracy[12])
    np.testing.assert_allclose(last["train_loss"], result.loss[:, 12], rtol=1e-5)  # a step sees the whole training set


def test_steps_outside_the_training_are_refused(images):
    with pytest.raises(KoopflowError, match=r"curves: step 13 is outside the training's steps 0 to 12"):
        train_held(RECIPE, images, PAIRS, [13], None)


def test_a_resumed_training_has_the_same_curves_and_norms(images, tmp_path):
    class Stop(Hook):
        def before(self, run):
            if run.step == 9:
                raise KeyboardInterrupt

    whole, checkpoint = trained(images, 0.8), Checkpoint(str(tmp_path), every_steps=4)
    with pytest.raises(KeyboardInterrupt):
        trained(images, 0.8, hooks=[Stop()], checkpoint=checkpoint)
    resumed = trained(images, 0.8, hooks=[Hook()], checkpoint=checkpoint)
    assert np.array_equal(whole.weights, resumed.weights)
    for step, values in whole.curves.items():
        np.testing.assert_array_equal(values, resumed.curves[step])
