"""Optimized DMD behind the engine's interface is less biased by noise than least squares."""

from typing import get_args

import numpy as np
import pytest

from koopflow.config.spectra import TrajectorySettings
from koopflow.core.errors import KoopflowError
from koopflow.koopman import fit
from koopflow.koopman.intervals import eigenvalue_intervals
from koopflow.koopman.operator import VARIANTS
from koopflow.koopman.variants import BAGS, PEER_VARIANTS
from tests.conftest import ROOT


def waves(noise, seed):
    """Two undamped waves in 30 observables, (step, observable)."""
    generator, time = np.random.default_rng(seed), np.arange(120)
    parts = np.stack([wave(angle * time) for angle in (0.2, 0.5) for wave in (np.cos, np.sin)], 1)
    return parts @ generator.standard_normal((4, 30)) + noise * generator.standard_normal((120, 30))


@pytest.mark.parametrize("variant", PEER_VARIANTS)
def test_noise_bends_optimized_dmd_less_than_least_squares(variant, monkeypatch):
    monkeypatch.setattr("koopflow.koopman.variants.BAGS", 10)
    truth = np.exp([0.2j, -0.2j, 0.5j, -0.5j])
    errors = {"standard": [], "optimized": []}
    for seed in range(3):
        for name, fitted in (
            ("standard", fit(waves(0.7, seed), svd_rank=4)),
            ("optimized", fit(waves(0.7, seed), svd_rank=4, variant=variant)),
        ):
            errors[name].append(np.abs(fitted.eigenvalues[:, None] - truth).min(0).max())
    assert np.mean(errors["optimized"]) < 0.5 * np.mean(errors["standard"])


@pytest.mark.parametrize("variant", PEER_VARIANTS)
def test_fit_takes_the_variants_of_pydmd_by_name_and_they_find_a_known_spectrum(variant):
    """The eigenvalues of undamped waves: to rounding without noise, within 1 % with noise a tenth
    of the waves' size."""
    truth = np.exp([0.2j, -0.2j, 0.5j, -0.5j])
    for noise, tolerance in ((0.0, 1e-8), (0.1, 0.01)):
        fitted = fit(waves(noise, 0), svd_rank=4, variant=variant)
        assert fitted.variant == variant
        assert np.abs(fitted.eigenvalues[:, None] - truth).min(axis=0).max() < tolerance
        np.random.rand()  # noqa: NPY002 - the generator that PyDMD draws from is elsewhere now
        again = fit(waves(noise, 0), svd_rank=4, variant=variant)
        assert np.array_equal(again.eigenvalues, fitted.eigenvalues), "the trials are drawn anew from the same seed"
    with pytest.raises(KoopflowError, match=r"variant must be one of .* to fit pairs of states"):
        eigenvalue_intervals(fitted)


def test_bagged_takes_the_trials_that_it_promises(monkeypatch):
    import pydmd

    asked = []
    whole = pydmd.BOPDMD.__init__
    monkeypatch.setattr(
        pydmd.BOPDMD,
        "__init__",
        lambda self, **options: (asked.append(options["num_trials"]), whole(self, **options))[1],
    )
    for variant in PEER_VARIANTS:
        fit(waves(0.1, 0), svd_rank=4, variant=variant)
    assert asked == [0, BAGS]


def test_the_variants_that_config_and_documents_name_are_those_of_the_code():
    assert get_args(TrajectorySettings.model_fields["variant"].annotation) == VARIANTS
    told = (ROOT / "docs/your-own-trajectories.md").read_text()
    for name in {*VARIANTS, *PEER_VARIANTS} - {"standard"}:
        assert name in told
    for name in (*VARIANTS, *PEER_VARIANTS):
        assert name in fit.__doc__


def test_several_runs_are_refused():
    with pytest.raises(KoopflowError, match=r"variant optimized needs exactly one run \(got 2\)"):
        fit(np.stack([waves(0, 0), waves(0, 1)]), svd_rank=4, variant="optimized")
