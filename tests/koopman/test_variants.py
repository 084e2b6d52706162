"""Optimized DMD behind the engine's interface is less biased by noise than least squares."""

import numpy as np
import pytest

from koopflow.errors import KoopflowError
from koopflow.koopman import fit
from koopflow.koopman.bootstrap import eigenvalue_intervals
from koopflow.koopman.variants import fit_optimized


def waves(noise, seed):
    """Two undamped waves in 30 observables, (step, observable)."""
    generator, time = np.random.default_rng(seed), np.arange(120)
    parts = np.stack([wave(angle * time) for angle in (0.2, 0.5) for wave in (np.cos, np.sin)], 1)
    return parts @ generator.standard_normal((4, 30)) + noise * generator.standard_normal((120, 30))


@pytest.mark.parametrize("trials", [0, 10])
def test_noise_bends_optimized_dmd_less_than_least_squares(trials):
    truth = np.exp([0.2j, -0.2j, 0.5j, -0.5j])
    errors = {"standard": [], "optimized": []}
    for seed in range(3):
        for name, fitted in (
            ("standard", fit(waves(0.7, seed), svd_rank=4)),
            ("optimized", fit_optimized(waves(0.7, seed), svd_rank=4, trials=trials)),
        ):
            errors[name].append(np.abs(fitted.eigenvalues[:, None] - truth).min(0).max())
    assert np.mean(errors["optimized"]) < 0.5 * np.mean(errors["standard"])


def test_fit_takes_the_variants_of_pydmd_by_name():
    data = waves(0.1, 0)
    optimized = fit(data, svd_rank=4, variant="optimized")
    assert optimized.variant == "optimized"
    assert np.array_equal(optimized.eigenvalues, fit_optimized(data, svd_rank=4).eigenvalues)
    with pytest.raises(KoopflowError, match="variant: found 'optimized', whose operator is not made of pairs alone"):
        eigenvalue_intervals(optimized, np.random.default_rng(0))


def test_several_runs_are_refused():
    with pytest.raises(KoopflowError, match="optimized DMD fits one run, found 2"):
        fit_optimized(np.stack([waves(0, 0), waves(0, 1)]), svd_rank=4)
