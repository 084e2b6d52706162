"""Recall, learned thresholds and the gate: exact, online, and blind to the future."""

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.forecast import experts
from koopflow.forecast.gate import Gate, LearnedThreshold
from koopflow.forecast.index import SpectralIndex, embed, nearest_by_scan
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import GateSettings, RecallSettings, WindowSettings
from koopflow.forecast.sliding import SlidingKoopman
from koopflow.koopman.spectrum import distance
from koopflow.koopman.windows import fit_windows

WINDOWS = WindowSettings(window=40, delays=12, rank=4)


def wave(count: int = 500, noise: float = 0.02) -> np.ndarray:
    time = np.arange(count)
    frequency = np.where((time // 60) % 2 == 0, 0.05, 0.09)
    return np.sin(2 * np.pi * np.cumsum(frequency)) + noise * np.random.default_rng(0).standard_normal(count)


@pytest.fixture(scope="module")
def models():
    return fit_windows(wave()[:, None], 40, 12, 4)


def test_eigenvalues_of_a_damped_oscillation_are_found():
    time = np.arange(60)
    models = fit_windows((0.97**time * np.cos(0.5 * time))[:, None], 40, 10, 2, center=False)
    expected = 0.97 * np.exp(1j * np.array([-0.5, 0.5]))
    assert np.allclose(models.eigenvalues, expected[None], atol=1e-8)
    assert np.all(models.residual < 1e-7)


def test_embedding_bounds_the_distance_from_below_and_is_tight(models):
    points, pairs = embed(models.eigenvalues), np.random.default_rng(1).integers(len(models), size=(400, 2))
    bounds = np.array([np.abs(points[a] - points[b]).sum() for a, b in pairs])
    exact = np.array([distance(models.eigenvalues[a], models.eigenvalues[b]) for a, b in pairs])
    assert np.all(bounds <= exact + 1e-12)
    assert np.median(bounds[exact > 0] / exact[exact > 0]) > 0.8


@pytest.mark.parametrize("k", [1, 3])
def test_index_finds_what_a_scan_of_all_windows_finds(models, k):
    spectra, points = (lambda members: models.eigenvalues[members][:, None]), embed(models.eigenvalues)
    index = SpectralIndex(spectra)
    for i in range(len(models)):
        if i % 7 == 0 and i > 20:
            found, distances = index.nearest(i, points[i], k)
            scanned, exact = nearest_by_scan(spectra, np.arange(i), i, k)
            assert np.array_equal(found, scanned)
            assert np.allclose(distances, exact, atol=1e-14)
        index.add(i, points[i])
    assert index.exact_distances < 0.1 * len(models) ** 2 / 14


def test_index_goes_on_where_bounds_are_crowded():
    generator = np.random.default_rng(4)
    half = 0.9 * np.exp(1j * np.array([0.5, 0.6, 0.7, 0.8])) + 0.05 * (
        generator.standard_normal((400, 4, 2)) @ np.array([1, 1j])
    )
    eigenvalues = np.concatenate([half, half.conj()], axis=1)
    index, points = SpectralIndex(lambda members: eigenvalues[members][:, None]), embed(eigenvalues)
    for i in range(300):
        index.add(i, points[i])
    for i in range(300, 400):
        found, distances = index.nearest(i, points[i], 1)
        scanned, exact = nearest_by_scan(lambda members: eigenvalues[members][:, None], np.arange(300), i, 1)
        assert found[0] == scanned[0]
        assert distances[0] == pytest.approx(exact[0], abs=1e-14)


@pytest.mark.parametrize("scheme", ["basic", "gated"])
def test_samples_one_by_one_give_the_forecasts_of_the_whole(scheme):
    series = wave(260)
    whole = EpisodicKoopman(WINDOWS, 10, scheme=scheme, gate=GateSettings(period=30)).fit(series)
    online = EpisodicKoopman(WINDOWS, 10, scheme=scheme, gate=GateSettings(period=30)).fit(series[:150])
    for value in series[150:]:
        online.update([value])
    assert np.allclose(online.forecasts_[39:], whole.forecasts_[39:], rtol=0, atol=1e-7)
    assert np.array_equal(online.predict(), online.forecasts_[-1])


def test_a_series_that_repeats_itself_exactly_is_not_searched_whole():
    still = np.tile(np.sin(2 * np.pi * np.arange(20) / 20), 60)
    still[600:] = 0.0
    memory = EpisodicKoopman(WINDOWS, 10, scheme="basic").fit(still)
    assert memory.exact_distances < 30 * len(still)


def test_forecasts_stay_near_what_was_seen_until_then():
    series = np.array([0.0, 1.0, 0.0, 1.0, 100.0])[:, None]
    bounded = experts._bounded(np.full((4, 2, 1), 1e6), series, 2, 0)
    assert bounded[:, 0, 0].tolist() == [1.5, 1.5, 1.5, 150.0]


def test_a_gate_without_recalling_forecasters_searches_nothing():
    memory = EpisodicKoopman(WINDOWS, 10, gate=GateSettings(experts=("persistence", "sliding"))).fit(wave(200))
    assert memory.exact_distances == 0
    assert (memory.recalled_ == -1).all()
    assert np.isfinite(memory.predict()).all()


def test_errors_in_like_situations_turn_the_prior():
    gate = Gate(2, 1, 1, memory=100.0, settings=GateSettings(situation=0.5))
    for _ in range(20):
        gate.settle(np.array([1]), np.array([[[1.0], [1.0]]]), np.array([[1.0]]), np.array([0.0]))
    assert np.allclose(gate.weights(), 0.5)
    weights = gate.weights(np.array([[[1.0, 0.2]]]))[0, 0]
    assert weights[1] > 0.9
    assert np.allclose(gate.weights(np.full((1, 1, 2), np.nan)), 0.5)


def test_a_gate_judges_in_the_units_it_is_told():
    # Of a root, 0.9 is further from the truth 2 than 3 is; of its square it is nearer.
    forecasts, combined = np.array([[[3.0]], [[0.0]]]), np.array([[0.9]])
    drawn = {}
    for measure in (None, np.square):
        gate = Gate(2, 1, 1, memory=100.0, measure=measure)
        for _ in range(20):
            gate.settle(np.array([1]), forecasts[None, :, 0], combined, np.array([2.0]))
        drawn[measure] = gate.guarded(forecasts, combined, [0])[0, 0]
    assert drawn[None] > 2.9
    assert drawn[np.square] == pytest.approx(0.9, abs=1e-6)


def test_noise_alone_is_trusted_less_often_than_the_least_cost_would_have_it():
    generator, trusted = np.random.default_rng(3), []
    for _ in range(200):
        learned = LearnedThreshold(1)
        for _ in range(60):
            recalled, ordinary = np.abs(generator.standard_normal((2, 1)))
            learned.settle(np.array([1]), generator.uniform(0, 0.5, 1), recalled, ordinary)
        trusted.append(learned.value()[0] > 0)
    # Without the doubt it is 0.915.
    assert np.mean(trusted) < 0.85
    for _ in range(200):
        learned.settle(np.array([1]), np.array([0.1]), np.array([0.5]), np.array([1.0]))
    assert learned.value()[0] > 0.1


def test_memory_halves_the_error_on_switching_regimes():
    series = wave(1200, noise=0.0)
    origins = np.arange(480, 1180)
    truth = series[origins[:, None] + np.arange(1, 21)]
    sliding = np.abs(SlidingKoopman(40, 12, 4, 20).rolling(series)[origins, :, 0] - truth).mean()
    memory = np.abs(EpisodicKoopman(WINDOWS, 20).fit(series).forecasts_[origins, :, 0] - truth).mean()
    assert memory < 0.5 * sliding


def test_only_windows_whose_future_is_known_are_recalled():
    memory = EpisodicKoopman(WINDOWS, 10, scheme="basic", recall=RecallSettings(matches=3)).fit(wave(200))
    origins, recalled = np.arange(200), memory.recalled_
    assert (recalled >= 0).any()
    assert np.all(recalled[recalled >= 0] + 10 <= np.repeat(origins[:, None], 3, axis=1)[recalled >= 0])


def test_two_channels_are_forecast_together():
    time = np.arange(200)
    series = np.column_stack([np.sin(0.3 * time), np.cos(0.3 * time)])
    memory = EpisodicKoopman(WindowSettings(40, 6, 2), 5, recall=RecallSettings(mode_weight=0.1)).fit(series)
    expected = np.column_stack([np.sin(0.3 * np.arange(200, 205)), np.cos(0.3 * np.arange(200, 205))])
    assert np.allclose(memory.predict(), expected, atol=0.05)


def test_explanation_tells_how_recalled_windows_went_on():
    series = wave(300)
    table = EpisodicKoopman(WINDOWS, 10, recall=RecallSettings(matches=2)).fit(series).explain(260)
    row = table.iloc[0]
    assert set(table["match"]) == {1, 2}
    assert row["continuation"] == series[int(row["recalled_origin"]) + int(row["horizon"])]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: EpisodicKoopman(WINDOWS, 10, scheme="best"), "scheme must be one of basic, gated"),
        (lambda: EpisodicKoopman(WINDOWS, 0), "horizon must be at least 1"),
        (
            lambda: EpisodicKoopman(WINDOWS, 10, gate=GateSettings(experts=("persistence", "slidin"))),
            "did you mean sliding",
        ),
        (
            lambda: EpisodicKoopman(WINDOWS, 10, gate=GateSettings(experts=("sliding", "mean"))),
            "begin with persistence",
        ),
        (lambda: RecallSettings(recalled="all"), "recalled must be one of"),
        (lambda: RecallSettings(threshold=2.0), "threshold must be"),
        (lambda: RecallSettings(matches=0), "matches must be at least 1"),
        (lambda: GateSettings(situation=1.5), "situation must be between"),
    ],
)
def test_options_out_of_range_are_named(wrong, word):
    with pytest.raises(KoopflowError, match=word):
        wrong()


def test_missing_values_and_short_series_are_refused():
    with pytest.raises(KoopflowError, match="missing"):
        EpisodicKoopman(WINDOWS, 10).fit(np.full(100, np.nan))
    with pytest.raises(KoopflowError, match="window"):
        EpisodicKoopman(WINDOWS, 10).fit(np.arange(20.0))


def test_gated_scheme_is_never_far_behind_persistence():
    generator = np.random.default_rng(8)
    series = np.repeat(generator.integers(0, 5, 12), 30).astype(float)
    memory = EpisodicKoopman(WINDOWS, 6).fit(series)
    origins = np.arange(150, 350)
    truth = series[origins[:, None] + np.arange(1, 7)]
    held = np.abs(series[origins][:, None] - truth).mean()
    assert np.abs(memory.forecasts_[origins, :, 0] - truth).mean() < 1.1 * held


def test_with_an_exclusion_zone_matches_are_separate_episodes(models):
    spectra, points = (lambda members: models.eigenvalues[members][:, None]), embed(models.eigenvalues)
    index = SpectralIndex(spectra)
    for i in range(300):
        index.add(i, points[i])
    found, distances = index.nearest_apart(400, points[400], 5, 40)
    order, exact = nearest_by_scan(spectra, np.arange(300), 400, 300)
    greedy = []
    for member in order:
        if len(greedy) < 5 and all(abs(member - other) >= 40 for other in greedy):
            greedy.append(member)
    assert found.tolist() == greedy
    assert np.allclose(distances, exact[[order.tolist().index(member) for member in greedy]])


def test_no_recalled_window_overlaps_the_present_or_another():
    memory = EpisodicKoopman(WINDOWS, 10, recall=RecallSettings(matches=4, exclusion=1.0)).fit(wave(400))
    ends = memory.recalled_
    assert (ends[120:] >= 0).any()
    for time, row in enumerate(ends):
        known = np.sort(row[row >= 0])
        assert (np.diff([*known, time]) >= WINDOWS.window).all()
    neighbours = EpisodicKoopman(WINDOWS, 10, recall=RecallSettings(matches=4)).fit(wave(400)).recalled_[-1]
    assert np.diff(np.sort(neighbours)).min() < WINDOWS.window
