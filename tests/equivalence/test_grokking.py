"""Spectra of first steps, and what they predict: known spectra, no look at the outcome, no bias."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core import progress
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.grokking import Observation, distances, eigenvalues, first_steps, principal, rank_distances
from koopflow.equivalence.prediction import (
    areas,
    curve_distances,
    outcomes,
    prediction,
    predictors,
    scores,
    setting_distances,
)
from koopflow.io.columns import GROKKING_RANK_DISTANCES
from koopflow.koopman.spectrum import distance
from koopflow.trajectory import TrajectoryWriter


def test_principal_directions_are_those_of_a_dense_decomposition():
    states = np.random.default_rng(0).normal(size=(12, 40)) @ np.diag(0.8 ** np.arange(40))
    left, values, _ = np.linalg.svd(states - states.mean(axis=0), full_matrices=False)
    found = principal(states, 3)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :3] * values[:3]), rtol=1e-6, atol=1e-9)


def test_pooled_copies_share_directions_and_keep_their_mean_unless_it_is_subtracted():
    states = np.random.default_rng(1).normal(size=(3, 12, 40)) @ np.diag(0.8 ** np.arange(40)) + 5.0
    flat = states.reshape(-1, 40)
    kept = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)[2][:4]
    for centred, shifted in ((True, states - flat.mean(axis=0)), (False, states)):
        found = principal(states, 4, centred)
        assert found.shape == (3, 12, 4)
        np.testing.assert_allclose(np.abs(found), np.abs(shifted @ kept.T), rtol=1e-6, atol=1e-9)


def test_copies_of_a_network_give_a_mode_each_to_a_shared_eigenvalue():
    """One trajectory cannot tell how often an eigenvalue occurs; copies that start apart can."""
    generator, time = np.random.default_rng(2), np.arange(50)[:, None]
    seen = np.linalg.qr(generator.normal(size=(30, 3)))[0]
    starts = generator.normal(size=(3, 3))
    copies = np.stack([(np.array([0.97, 0.97, 0.9]) ** time * start) @ seen.T for start in starts])
    values = first_steps(copies, Observation(3, 2, 3, centred=False)).eigenvalues
    np.testing.assert_allclose(np.sort(values.real), [0.9, 0.97, 0.97], atol=1e-6)
    assert distance(values, first_steps(copies[0], Observation(2, 2, 2, centred=False)).eigenvalues) > 0.001


def test_first_steps_of_a_linear_map_have_its_eigenvalues():
    """Two decays and the mean that is subtracted, an eigenvalue of one."""
    time = np.arange(60)[:, None]
    seen = np.linalg.qr(np.random.default_rng(1).normal(size=(30, 2)))[0]
    fitted = first_steps((np.array([0.97, 0.9]) ** time) @ seen.T, Observation(2, 3, 3))
    np.testing.assert_allclose(np.sort(fitted.eigenvalues.real), [0.9, 0.97, 1.0], atol=1e-6)


def test_too_few_states_are_one_line():
    with pytest.raises(KoopflowError, match=r"20 states are too few for 32 delays, rank 10 .* at least 43$"):
        first_steps(np.ones((20, 5)), Observation(10, 32, 10))


def table(networks) -> pd.DataFrame:
    """Eigenvalues of networks given as {(setting, seed): values}."""
    rows = [
        (setting, seed, mode, value.real, value.imag, 0.0)
        for (setting, seed), values in networks.items()
        for mode, value in enumerate(np.asarray(values, complex))
    ]
    return pd.DataFrame(rows, columns=["setting", "seed", "mode", "real", "imag", "residual"])


def test_published_spectra_have_the_published_distance(published):
    """0.0275 ± 0.0014 between networks of one number, 0.0021 and 0.0026 within."""
    files = {"free": "grokking_mod_addition_eigs", "held": "grokking_mod_addition_constrained_alpha_0.8_eigs"}
    networks = {
        (name, seed): values
        for name, file in files.items()
        for seed, values in enumerate(np.load(published / f"{file}.npy"))
    }
    found = distances(table(networks), [("free", "held")])
    between = found[found["a"] != found["b"]]
    same = between[between["seed"].map(lambda seed: len(set(seed.split("-"))) == 1)]["distance"]
    assert (same.mean(), same.std()) == (pytest.approx(0.0275, abs=5e-5), pytest.approx(0.0014, abs=5e-5))
    means = found[found["a"] == found["b"]].groupby("a")["distance"].mean()
    assert means.tolist() == pytest.approx([0.0021, 0.0026], abs=6e-5)


def curves_of(accuracies, steps=(0, 50, 100, 500)) -> pd.DataFrame:
    rows = [(name, 0, step, value) for name, values in accuracies.items() for step, value in zip(steps, values)]
    frame = pd.DataFrame(rows, columns=["setting", "seed", "step", "test_accuracy"])
    return frame.assign(train_loss=1.0, test_loss=1.0, train_accuracy=1.0, weight_norm=1.0)


def test_an_outcome_counts_only_where_it_lies_ahead():
    curves = curves_of(
        {"late": [0, 0, 0, 0.95], "never": [0, 0, 0, 0.5], "early": [0, 0.95, 1, 1], "lost": [0, 0, 0, np.nan]}
    )
    short = curves_of({"short": [0, 0, 0]}, steps=(0, 50, 100))
    assert outcomes(pd.concat([curves, short]), 0.9, 100) == {("late", 0): True, ("never", 0): False}


def test_a_network_groks_only_if_it_generalizes_long_after_it_has_memorized():
    curves = curves_of({"groks": [0, 0, 0, 0.95], "at once": [0, 0, 0, 0.95], "never": [0, 0, 0, 0.1]})
    curves.loc[curves["step"] == 0, "train_accuracy"] = 0.0
    curves.loc[(curves["setting"] == "at once") & (curves["step"] < 500), "train_accuracy"] = 0.5
    found = outcomes(curves, 0.9, 100, delay=5.0)
    assert found == {("groks", 0): True, ("at once", 0): False, ("never", 0): False}
    assert outcomes(curves, 0.9, 100, delay=1.0)["at once", 0]


def test_scores_of_noise_are_at_chance_and_of_a_difference_are_not():
    """Leaving one out must not turn noise into an area below one half."""
    generator, groks = np.random.default_rng(0), np.arange(40) < 15
    from koopflow.core.discrimination import area

    def mean_area(shift):
        found = []
        for _ in range(60):
            x = generator.normal(size=(40, 2)) + shift * groks[:, None]
            found.append(area(scores(np.linalg.norm(x[:, None] - x[None], axis=2), groks), groks))
        return np.mean(found)

    assert mean_area(0.0) == pytest.approx(0.5, abs=0.04)
    assert mean_area(2.0) > 0.93


def test_curves_and_settings_are_compared_in_their_own_units():
    curves = curves_of({"a": [0] * 4, "b": [0] * 4})
    curves.loc[curves["setting"] == "b", "train_loss"] = np.e
    curves.loc[curves["setting"] == "b", "weight_norm"] = [2.0, 2.0, 4.0, 99.0]
    networks = [("a", 0), ("b", 0)]
    assert curve_distances(curves, networks, "train_loss", 100)[0, 1] == pytest.approx(1.0)
    assert curve_distances(curves, networks, "weight_norm", 100)[0, 1] == pytest.approx(np.sqrt(1 / 3))
    assert setting_distances({"a": [0.0, 5.0], "b": [4.0, 5.0]}, networks)[0, 1] == pytest.approx(2.0)


@pytest.fixture(scope="module")
def predicted():
    """Twelve networks: the spectrum tells the five that grok, the loss tells nothing."""
    generator = np.random.default_rng(3)
    accuracies = {f"n{i}": [0, 0, 0, 1.0 if i < 5 else 0.2] for i in range(12)}
    curves = curves_of(accuracies)
    curves["train_loss"] = generator.uniform(0.5, 2, len(curves))
    eigenvalues = table({(f"n{i}", 0): [0.9 + 0.05 * (i < 5) + 0.001 * i, 0.5] for i in range(12)})
    settings = {f"n{i}": [float(i % 3)] for i in range(12)}
    return predictors(eigenvalues, curves, settings, ["spectrum", "train_loss", "settings"], 0.9, 100)


def test_areas_stand_beside_those_of_plain_predictors(predicted):
    found = areas(predicted, 0.95)
    own = found[found["against"] == ""].set_index("predictor")
    assert own.loc["spectrum", "value"] == 1.0
    assert own.loc["spectrum", "ci_low"] > 0.5
    assert own.loc["train_loss", "ci_low"] < 0.5 < own.loc["train_loss", "ci_high"]
    assert own["ci_high"].max() <= 1.0
    assert set(own["n"]) == {12}
    assert set(own["n_groks"]) == {5}
    gain = found[(found["predictor"] == "spectrum") & (found["against"] == "train_loss")].iloc[0]
    assert gain["value"] == pytest.approx(1.0 - own.loc["train_loss", "value"])
    table = prediction(predicted)
    assert len(table) == 3 * 12
    assert table["score"].between(0, 1).all()


def test_without_three_networks_of_a_kind_nothing_is_predicted():
    curves = curves_of({f"n{i}": [0, 0, 0, 1.0 if i < 2 else 0.2] for i in range(8)})
    found = predictors(table({(f"n{i}", 0): [0.9] for i in range(8)}), curves, {}, ["spectrum"], 0.9, 100)
    assert prediction(found).empty
    assert areas(found, 0.95).empty


def test_the_distance_between_networks_is_that_of_spectra():
    found = distances(table({("a", 0): [0.9, 0.5], ("b", 0): [0.8, 0.5], ("b", 1): [0.8, 0.4]}), [("a", "b")])
    expected = [distance([0.9, 0.5], [0.8, 0.5]), distance([0.9, 0.5], [0.8, 0.4]), distance([0.8, 0.5], [0.8, 0.4])]
    assert found["distance"].tolist() == pytest.approx(expected)
    assert found["seed"].tolist() == ["0-0", "0-1", "0-1"]


def test_networks_are_also_compared_at_the_neighbouring_ranks(tmp_path, monkeypatch):
    """Each network moves along four decays; a fifth mode is the mean that is subtracted."""
    time, seen = np.arange(40)[:, None], np.linalg.qr(np.random.default_rng(2).normal(size=(30, 4)))[0]
    path = tmp_path / "trajectories.h5"
    states = [(np.array([0.97, 0.9, 0.8, 0.6 + 0.01 * seed]) ** time) @ seen.T for seed in range(4)]
    with TrajectoryWriter(path, [("w", (30,))], 4, study={}, seeds=[], steps=len(time)) as writer:
        for step in range(len(time)):
            writer.append(step, np.array([state[step] for state in states], np.float32), np.zeros(4))
    bars = []
    monkeypatch.setattr(progress, "bar", lambda things, what, unit: bars.append((what, len(things))) or things)
    parts = [eigenvalues(str(path), name, [], Observation(4, 3, 4), beside=True) for name in "ab"]
    found = pd.concat(parts, ignore_index=True)
    assert found.groupby("rank")["mode"].nunique().to_dict() == {3: 3, 4: 4, 5: 5}
    alone = eigenvalues(str(path), "a", [2], Observation(4, 3, 4))
    assert set(alone["rank"]) == {4}
    assert set(alone["seed"]) == {0, 1, 3}
    assert bars == [("fitting a", 4), ("fitting b", 4), ("fitting a", 3)]
    pooled = eigenvalues(str(path), "a", [], Observation(4, 3, 4), copies=2)
    assert set(pooled["seed"]) == {0, 1}
    second = first_steps(np.stack(states[2:]).astype(np.float32), Observation(4, 3, 4)).eigenvalues
    np.testing.assert_allclose(pooled[pooled["seed"] == 1]["real"], second.real, rtol=1e-6)
    table = rank_distances(found, 4, [("a", "b")])
    assert tuple(table) == GROKKING_RANK_DISTANCES
    assert table.groupby("rank").size().to_dict() == {3: 28, 5: 28}
    assert rank_distances(alone, 4, [("a", "b")]).empty
