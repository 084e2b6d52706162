"""Batched windows against the engine: each window's model is the projected DMD of its delay
vectors."""

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.koopman import fit
from koopflow.koopman.spectrum import distance
from koopflow.koopman.windows import WindowModels, advance, fit_some, fit_windows, present_states

WINDOW, DELAYS, RANK = 40, 6, 4


@pytest.fixture
def series():
    """Two noisy waves seen in two channels, (time, channel)."""
    generator, time = np.random.default_rng(0), np.arange(90)
    waves = np.stack([np.cos(0.3 * time), np.sin(0.7 * time)], axis=1) @ generator.standard_normal((2, 2))
    return 5 + waves + 0.05 * generator.standard_normal((90, 2))


def test_each_window_has_the_eigenvalues_and_forecasts_of_a_fit_to_it_alone(series):
    models = fit_windows(series, WINDOW, DELAYS, RANK, center=False)
    assert len(models) == 51
    for at in (0, 17, 50):
        alone = fit(series[at : at + WINDOW], delays=DELAYS - 1, svd_rank=RANK)
        assert distance(models.eigenvalues[at], alone.eigenvalues) < 1e-10
        ours = models.take([at])
        states = present_states(series, [at + WINDOW - 1], DELAYS)
        ahead = advance(ours, states, ours.mean, 5, stabilize=False)[0]
        assert np.allclose(ahead, alone.forecast(5), atol=1e-8)


def test_a_window_is_fitted_the_same_in_whatever_block(series, monkeypatch):
    whole = fit_windows(series, WINDOW, DELAYS, RANK)
    monkeypatch.setattr("koopflow.koopman.windows.BLOCK_ELEMENTS", 1)
    for models in (fit_windows(series, WINDOW, DELAYS, RANK), fit_some(np.stack([series[:WINDOW]]), DELAYS, RANK)):
        assert isinstance(models, WindowModels)
        assert np.allclose(models.eigenvalues[0], whole.eigenvalues[0], atol=1e-12)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((6, 6, 2), "window must be greater than delays"),
        ((40, 0, 2), "delays must be at least 1"),
        ((40, 6, 13), r"rank must be between 1 and 12"),
        ((91, 6, 2), "at most the 90 samples of the series \\(got 91\\)"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(series, sizes, message):
    with pytest.raises(KoopflowError, match=message):
        fit_windows(series, *sizes)
