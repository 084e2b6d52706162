"""The route for more steps than parameters: its products of lags, its eigenvectors and its digits,
against dense ones."""

import numpy as np
import pytest

from koopflow.koopman import fit, lags
from koopflow.koopman.delay import combine, project, windows
from koopflow.koopman.eigen import leading
from koopflow.koopman.gram import lag_gram
from koopflow.koopman.memory import ArrayRuns
from koopflow.koopman.operator import operator
from koopflow.koopman.spectrum import distance
from koopflow.koopman.sweeps import Changes

LENGTHS = (75, 140, 201, 90)


def runs_of(delays, width=3, lengths=LENGTHS):
    """Runs of unequal lengths whose states have a large mean."""
    generator = np.random.default_rng(delays)
    return ArrayRuns([5 + generator.standard_normal((length, width)) for length in lengths], delays)


def delayed(runs):
    """The delayed states that begin a pair, formed whole: (dimension, pairs)."""
    return np.concatenate([windows(runs.run(index), runs.delays)[:-1] for index in range(len(runs.lengths))]).T


@pytest.mark.parametrize("batch", [1, 1000, 4 << 20])
@pytest.mark.parametrize("delays", [0, 1, 2, 5, 8, 9, 32, 64, 73])
def test_the_gram_matrix_of_delayed_states_is_the_dense_one(delays, batch, monkeypatch):
    monkeypatch.setattr(lags, "BATCH_NUMBERS", batch)
    runs = runs_of(delays)
    whole = delayed(runs)
    assert np.allclose(lag_gram(runs), whole @ whole.T, rtol=1e-13, atol=1e-10)


@pytest.mark.parametrize(("step", "delays"), [(8, 2), (8, 8), (11, 9), (30, 64), (300, 4)])
def test_pieces_of_any_length_give_the_same_products(step, delays, monkeypatch):
    runs = runs_of(delays)
    direct = lags._direct(runs)
    monkeypatch.setattr(lags, "_best_step", lambda _: step)
    assert np.allclose(lags.lag_products(runs), direct, rtol=1e-13, atol=1e-10)


@pytest.mark.parametrize("block", [1, 4 << 20])
@pytest.mark.parametrize("delays", [0, 7])
def test_products_with_delayed_states_are_the_dense_ones(delays, block, monkeypatch):
    monkeypatch.setattr("koopflow.koopman.delay.BLOCK_NUMBERS", block)
    states = np.random.default_rng(1).standard_normal((40, 5))
    whole = windows(states, delays)
    basis, coefficients = np.linalg.qr(whole.T @ whole)[0][:, :4], whole[:20, :3]
    assert np.allclose(project(states, basis, delays), whole @ basis, atol=1e-12)
    assert np.allclose(combine(states, coefficients, delays), whole[:20].T @ coefficients, atol=1e-12)


@pytest.mark.parametrize("size", [25, 400])
@pytest.mark.parametrize("spacing", [0.5, 0.97, 0.9999])
def test_leading_vectors_span_the_dense_ones(size, spacing):
    values = spacing ** np.arange(size)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((size, size)))[0]
    found, vectors = leading((turn * values) @ turn.T, 5)
    assert np.allclose(found[:5], values[:5], rtol=1e-12)
    angle = np.linalg.norm(turn[:, :5] - vectors[:, :5] @ (vectors[:, :5].T @ turn[:, :5]))
    assert angle < max(1e-8, 1e-14 / (values[4] - values[5]))


@pytest.mark.parametrize(
    "values", [np.zeros(200), np.ones(200), np.r_[1.0, 0.5, np.zeros(198)], np.r_[np.ones(4), np.zeros(196)]]
)
def test_leading_values_without_a_gap_are_right(values):
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((200, 200)))[0]
    matrix = (turn * values) @ turn.T
    found, vectors = leading(matrix, 3)
    assert np.allclose(found, values[:4], atol=1e-13)
    assert np.allclose(vectors.T @ vectors, np.eye(4), atol=1e-12)
    assert np.allclose(matrix @ vectors, vectors * found, atol=1e-12)


def test_ill_conditioned_delayed_states_are_refined_to_the_digits_of_a_dense_svd():
    generator = np.random.default_rng(3)
    rates = np.array([1.0, 0.97, 0.9, 0.8, 0.7, 0.6])
    sizes = np.array([1.0, 1e-3, 1e-5, 1e-6, 3e-7, 2e-7])
    data = (rates ** np.arange(60)[:, None] * sizes) @ np.linalg.qr(generator.standard_normal((8, 6)))[0].T
    runs = ArrayRuns([data * scale for scale in (1.0, 2.0, -1.0)], 5)
    pairs = delayed(runs)
    after = np.concatenate([windows(runs.run(index), 5)[1:] for index in range(3)]).T
    left, values, right = np.linalg.svd(pairs, full_matrices=False)
    dense = np.linalg.eigvals(left[:, :4].T @ after @ (right[:4].T / values[:4]))
    assert distance(fit(runs, svd_rank=4, route="feature").eigenvalues, dense) < 1e-9


@pytest.mark.parametrize("svd_rank", [-1, 0.999999999999, 5])
def test_directions_hidden_by_the_squares_are_found_where_all_are_asked_for(svd_rank, monkeypatch):
    """Sizes down to 1e-9, whose squares a Gram matrix has no digits for."""
    monkeypatch.setattr("koopflow.koopman.reduce.DIRECT_FULL", 0)
    rates = np.array([1.0, 0.9, 0.8, 0.7, 0.6])
    data = rates ** np.arange(60)[:, None] * np.array([1, 1e-2, 1e-4, 1e-6, 1e-8])
    fitted = fit([data, data * [1, -1, 1, -1, 1]], svd_rank=svd_rank)
    if svd_rank in (-1, 5):
        assert fitted.route == "feature_qr"
        assert distance(fitted.eigenvalues, rates) < 1e-7
    assert fitted.residuals.max() < 1e-4


def falling(fall: float, noise: float, lengths=(900, 700), width=640, count=10):
    """Runs of rotations of falling sizes around an offset, float32, with noise in the records."""
    generator = np.random.default_rng(9)
    mixing, offset = generator.standard_normal((count, width)), 5 * generator.standard_normal(width)
    runs = []
    for length in lengths:
        time = np.arange(length)[:, None]
        turning = 0.03 * (1 + np.arange(count)) * time + generator.uniform(0, 6, count)
        waves = fall ** np.arange(count) * np.cos(turning)
        runs.append((offset + waves @ mixing + noise * generator.standard_normal((length, width))).astype(np.float32))
    return runs


@pytest.mark.parametrize(
    ("fall", "noise", "route"),
    [(0.5, 1e-3, "sweeps"), (0.9, 0.01, "sweeps"), (0.9, 0.0, "sweeps"), (1.0, 3.0, "feature")],
)
def test_single_precision_sweeps_where_singular_values_fall_and_keeps_four_digits(fall, noise, route):
    data = falling(fall, noise)
    double, single = (fit(data, svd_rank=5, precision=precision) for precision in ("double", "single"))
    assert (double.route, single.route) == ("feature", route)
    assert distance(single.eigenvalues, double.eigenvalues) < 1e-4
    assert np.allclose(single.singular_values, double.singular_values, rtol=1e-5)
    assert single.reduced.energy == pytest.approx(double.reduced.energy, abs=1e-6)
    outside = single.reduced.basis - double.reduced.basis @ (double.reduced.basis.T @ single.reduced.basis)
    assert np.linalg.norm(outside, axis=0).max() < 1e-4


def test_the_space_of_all_sweeps_needs_few_of_them(monkeypatch):
    """The last sweep alone would need five: it has 15 directions, and there are 20 waves."""
    taken, combine = [], Changes.combine
    monkeypatch.setattr(Changes, "combine", lambda self, parts: (taken.append(1), combine(self, parts))[1])
    data = falling(0.9, 0.01, count=20)
    assert fit(data, svd_rank=5, precision="single").route == "sweeps"
    assert len(taken) <= 3


def test_sweeps_hold_no_more_than_they_may(monkeypatch):
    monkeypatch.setattr("koopflow.koopman.sweeps.HELD_BYTES", 1000)
    assert fit(falling(0.5, 1e-3), svd_rank=5, precision="single").route == "feature"


def test_least_squares_of_many_pairs_loses_no_digit(monkeypatch):
    """Products of nearly orthogonal states are solved; of others, the states themselves."""
    generator = np.random.default_rng(11)
    for mixing in (np.eye(4), np.diag([1, 1, 1, 1e-5]) @ generator.standard_normal((4, 4))):
        before = mixing @ generator.standard_normal((4, 500))
        after = generator.standard_normal((4, 4)) @ before + 0.1 * generator.standard_normal((4, 500))
        plain = operator(before, after)
        with monkeypatch.context() as patch:
            patch.setattr("koopflow.koopman.operator.MANY_PAIRS", 100)
            assert np.allclose(operator(before, after), plain, rtol=1e-9)


def test_long_runs_are_fitted_as_short_ones_are(monkeypatch):
    """Without copies, and with sums in parts."""
    data = np.concatenate([np.cumsum(run, axis=0) for run in falling(0.9, 0.1, lengths=(400,), width=5)])
    plain = fit(data, svd_rank=4, delays=3, route="feature")
    for module in ("operator", "dmd"):
        monkeypatch.setattr(f"koopflow.koopman.{module}.MANY_PAIRS", 50)
    long = fit(data, svd_rank=4, delays=3, route="feature")
    assert np.allclose(long.eigenvalues, plain.eigenvalues, atol=1e-10)
    assert np.allclose(long.residuals, plain.residuals, rtol=1e-8)
