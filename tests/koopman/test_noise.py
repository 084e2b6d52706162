"""Advice on noise: least squares for noise in the steps, corrections for noise in the records, and which there is."""

import numpy as np
import pytest

import koopflow as kf
from koopflow.koopman import fit
from koopflow.koopman.noise import measurement_noise_p

RATES = np.array([0.98, 0.95])
CORRECTED = ("total_least_squares", "forward_backward")


def descent(generator, *, steps=1000, runs=1, in_steps=0.0, in_records=0.0, shared=False, decay=0.0):
    """Runs (run, step, 2) of gradient descent on a quadratic, with noise in its gradients and in what is recorded."""
    turn = np.linalg.qr(generator.standard_normal((2, 2)))[0]
    map_ = turn @ np.diag(RATES) @ turn.T
    at = [generator.standard_normal((runs, 2))]
    for step in range(steps - 1):
        noise = generator.standard_normal((1 if shared else runs, 2)) * in_steps * np.exp(-decay * step)
        at.append(at[-1] @ map_.T + noise)
    return np.stack(at, axis=1) + in_records * generator.standard_normal((runs, steps, 2))


def median_error(variant, **noise):
    """The median error of the eigenvalues over twelve trajectories."""
    generator = np.random.default_rng(0)
    errors = [
        np.abs(fit(descent(generator, **noise), svd_rank=2, variant=variant).eigenvalues - RATES).mean()
        for _ in range(12)
    ]
    return float(np.median(errors))


@pytest.mark.parametrize("corrected", CORRECTED)
def test_corrections_harm_where_noise_is_in_the_steps_and_help_where_it_is_in_the_records(corrected):
    in_steps, in_records = {"in_steps": 0.1}, {"in_steps": 0.01, "in_records": 0.1}
    assert median_error("standard", **in_steps) < 0.012
    assert median_error(corrected, **in_steps) > 2 * median_error("standard", **in_steps)
    assert median_error(corrected, **in_records) < 0.2 * median_error("standard", **in_records)


@pytest.mark.parametrize(
    "design",
    [
        {"steps": 100},
        {"steps": 400},
        {"steps": 60, "runs": 8},
        {"steps": 200, "runs": 8, "shared": True},
        {"steps": 300, "decay": 0.01},
    ],
)
def test_noise_in_the_steps_is_taken_for_noise_in_the_records_in_one_of_twenty(design):
    generator, count = np.random.default_rng(1), 100
    found = [measurement_noise_p(fit(descent(generator, in_steps=0.1, **design), svd_rank=2)) for _ in range(count)]
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / count)


@pytest.mark.parametrize("design", [{"in_steps": 0.1, "in_records": 0.1}, {"in_records": 0.1}])
def test_noise_in_the_records_is_found(design):
    generator = np.random.default_rng(2)
    found = [measurement_noise_p(fit(descent(generator, **design), svd_rank=2)) for _ in range(40)]
    assert np.mean(np.array(found) <= 0.05) > 0.8


def test_operators_say_it_and_say_where_they_cannot():
    generator = np.random.default_rng(3)
    data = descent(generator, steps=300, in_steps=0.1, in_records=0.1)[0]
    assert kf.fit(data, rank=2).p_measurement_noise < 0.01
    assert np.isnan(kf.fit(data, rank=2, delays=1).p_measurement_noise)
    assert np.isnan(kf.fit(data[:30], rank=2).p_measurement_noise)
    assert np.isnan(kf.fit(RATES ** np.arange(60)[:, None], rank=2).p_measurement_noise), "no noise at all"
