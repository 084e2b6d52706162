"""The match whose weights are learned from the errors of earlier recalls."""

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.forecast.index import embed
from koopflow.forecast.learned_match import WEIGHTINGS, LearnedMatch, portraits
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import RecallSettings, WindowSettings
from koopflow.koopman.windows import WindowModels, fit_windows

SIZES = WindowSettings(window=24, delays=8, rank=2)
PHASE = WEIGHTINGS[:, 2] > 0


def fitted(series, match, **options):
    recall = RecallSettings(matches=3, recalled="events", threshold=None, match=match, **options)
    return EpisodicKoopman(SIZES, 6, scheme="basic", recall=recall).fit(series)


def errors(memory, series, origins):
    truth = series[origins[:, None] + np.arange(1, 7)]
    return np.abs(memory.forecasts_[origins, :, 0] - truth).mean()


def test_where_the_phase_decides_the_future_matches_by_phase_are_learned():
    # All windows of a noisy sine have one spectrum, so a match of spectra recalls any phase.
    series = np.sin(2 * np.pi * np.arange(400) / 11.3) + 0.1 * np.random.default_rng(0).standard_normal(400)
    learned, plain = fitted(series, "learned"), fitted(series, "spectrum")
    origins = np.arange(200, 390)
    assert errors(learned, series, origins) < 0.5 * errors(plain, series, origins)
    assert PHASE[learned.archive_.learned.chosen.view[150:]].all()


def test_the_chosen_weighting_has_the_least_remembered_error():
    """The score is recomputed from the definition: what followed the matches, from the present level."""
    series = np.sin(np.arange(160) / 3.0) + 0.3 * np.random.default_rng(1).standard_normal(160)
    values, window, horizon = series[:, None], SIZES.window, 6
    models = fit_windows(values, window, SIZES.delays, SIZES.rank)
    origins = np.arange(len(models)) + window - 1
    portrait = portraits(embed(models.eigenvalues), models, values, origins, SIZES.delays)

    def events(i, members):
        ends, steps = members + window - 1, np.arange(1, horizon + 1)
        return values[i + window - 1] + values[ends[:, None] + steps] - values[ends][:, None]

    match = LearnedMatch(events, window, horizon, 3, 1)
    match.add(portrait)
    losses = []
    for i in range(len(models)):
        remembered = max(i - horizon + 1, 0)
        known = np.array(losses[: max(i - horizon + 1, 0)]).reshape(-1, len(WEIGHTINGS))
        known = known[np.isfinite(known).all(axis=1)]
        excess = known - known[:, :1]
        members, distances = match.nearest(i, remembered, values)
        assert match.chosen.view[i] == np.argmin(excess.sum(axis=0) + 0.5 * np.sqrt(6 * (excess**2).sum(axis=0)))
        loss = np.full(len(WEIGHTINGS), np.nan)
        if remembered:
            apart = np.stack([np.abs(part[:remembered] - part[i]).sum(axis=1) for part in portrait])
            apart /= np.maximum(apart.mean(axis=1, keepdims=True), 1e-300)
            for place, weights in enumerate(WEIGHTINGS):
                total = weights @ apart / weights.sum()
                nearest = np.argsort(total)[:3]
                if place == match.chosen.view[i]:
                    assert sorted(members) == sorted(nearest)
                    assert np.allclose(distances, total[members])
                near = 1 / (total[nearest] + 1e-6)
                ends = nearest + window - 1
                change = [series[ends + step] - series[ends] for step in range(1, horizon + 1)]
                expected = np.array(change) @ near / near.sum()
                end = i + window - 1
                if end + horizon < len(series):
                    loss[place] = np.abs(expected - (series[end + 1 : end + 7] - series[end])).mean()
        losses.append(loss)
    assert len(set(match.chosen.view)) > 1


def test_the_part_of_modes_depends_neither_on_their_order_nor_on_their_phases():
    series = np.random.default_rng(2).standard_normal((60, 2)).cumsum(axis=0)
    models = fit_windows(series, 24, 8, 4)
    turned = models.eigenvectors[:, :, ::-1] * np.exp(1j * np.arange(4))
    other = WindowModels(models.mean, models.eigenvalues, models.basis, turned, models.residual, models.operator)
    given = (embed(models.eigenvalues), series, np.arange(len(models)) + 23, 8)
    one, two = (portraits(given[0], each, *given[1:]).modes for each in (models, other))
    assert np.allclose(one, two)
    assert np.allclose(one[:, 0], 1)
    assert np.ptp(one[:, 1]) > 1e-3


def test_matches_stay_apart_and_their_future_is_known():
    memory = fitted(np.random.default_rng(3).standard_normal(240).cumsum(), "learned", exclusion=1.0)
    assert (memory.recalled_[120:] >= 0).any()
    for time, row in enumerate(memory.recalled_):
        known = np.sort(row[row >= 0])
        assert (np.diff([*known, time]) >= SIZES.window).all()
    near = fitted(np.random.default_rng(3).standard_normal(120), "learned").recalled_
    assert all(end + 6 <= time for time, row in enumerate(near) for end in row[row >= 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"match": "best"}, "match must be one of spectrum, learned"),
        ({"match": "learned", "mode_weight": 1.0}, "mode_weight must be 0 with match: learned"),
    ],
)
def test_options_that_do_not_fit_are_named(options, message):
    with pytest.raises(KoopflowError, match=message):
        RecallSettings(**options)


@pytest.mark.parametrize("recalled", ["later", "following", "same", "events"])
def test_a_weighting_is_scored_by_the_forecast_that_its_matches_give(recalled):
    series = np.sin(np.arange(150) / 3.0) + 0.2 * np.random.default_rng(5).standard_normal(150)
    recall = RecallSettings(matches=3, recalled=recalled, threshold=None, match="learned")
    memory = EpisodicKoopman(SIZES, 6, scheme="basic", recall=recall).fit(series)
    learned = memory.archive_.learned
    rows = np.arange(10, len(memory.archive_))
    scored = learned._expected.view[rows, learned.chosen.view[rows], :, 0]
    assert np.allclose(scored, memory.forecasts_[rows + SIZES.window - 1, :, 0])
