"""The optimizer problem against closed forms and an independent computation in 60 digits."""

import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from koopflow.equivalence.optimizers import bisection, gradient_descent, grid, mirror_descent, stopped, trajectories
from koopflow.equivalence.spectra import optimizer_tables
from koopflow.koopman.dmd import fit
from koopflow.koopman.spectrum import distance

RUNS = trajectories(2, 0.01, 100, 5)


def spectrum(tables, name):
    """Return the eigenvalues of a method."""
    rows = tables[0][tables[0]["algorithm"] == name]
    return (rows["real"] + 1j * rows["imag"]).to_numpy()


def furthest(ours, theirs):
    """Return the largest distance in the best one-to-one matching of two spectra."""
    apart = np.abs(ours[:, None] - theirs[None, :])
    return apart[linear_sum_assignment(apart)].max()


def exact_trajectory(step, low, high):
    """Return one-dimensional trajectories from five starts, in mpmath numbers: both coordinates
    move on their own."""
    paths = []
    for index in range(5):
        path = [low + (high - low) * mp.mpf(index) / 4]
        while len(path) < 100:
            path.append(step(path[-1]))
        paths.append(path)
    return [[[paths[i][t], paths[j][t]] for t in range(100)] for i in range(5) for j in range(5)]


def exact_eigenvalues(runs, delays=4):
    """Return the eigenvalues of Y X^T (X X^T)^-1 over all pairs of all runs, by rising real
    part."""
    states = [[[x for lag in range(delays + 1) for x in run[t + lag]] for t in range(100 - delays)] for run in runs]
    before = mp.matrix([state for run in states for state in run[:-1]])
    after = mp.matrix([state for run in states for state in run[1:]])
    operator = (after.T * before) * mp.inverse(before.T * before)
    return np.sort([float(mp.re(value)) for value in mp.eig(operator, left=False, right=False)])


@pytest.mark.parametrize("name", ["mirror_descent", "gradient_descent"])
def test_eigenvalues_agree_with_sixty_digits(name):
    with mp.workdps(60):
        eta, hundredth = mp.mpf(1) / 100, mp.mpf(1) / 100
        if name == "mirror_descent":
            step = lambda x: min(max(1 / (1 / x + eta / mp.cos(x) ** 2), hundredth), mp.mpf(1))  # noqa: E731
            runs = exact_trajectory(step, mp.mpf("0.1"), mp.mpf("0.9"))
        else:
            step = lambda u: min(max(u - eta * mp.e**u / mp.cos(mp.e**u) ** 2, mp.log(hundredth)), mp.mpf(0))  # noqa: E731
            runs = exact_trajectory(step, mp.mpf("-2.3"), mp.mpf("-0.1"))
        expected = exact_eigenvalues(runs)
    eigenvalues, _ = optimizer_tables({name: RUNS[name]}, delays=4, shuffles=1, seed=0, draws=1)
    assert np.abs(eigenvalues["imag"]).max() < 1e-12
    np.testing.assert_allclose(np.sort(eigenvalues["real"]), expected, rtol=0, atol=1e-8)


def test_the_descents_are_close_and_bisection_is_far(tables):
    found = {(row.a, row.b): row.distance for row in tables[1].itertuples()}
    assert found["mirror_descent", "gradient_descent"] < 0.02
    assert found["mirror_descent", "bisection"] > 0.5
    assert found["gradient_descent", "bisection"] > 0.5


@pytest.mark.parametrize("rank", range(3, 11))
def test_the_verdicts_on_the_optimizers_are_the_same_at_every_rank(rank):
    """Claims: the descents are apart by less than half of their distance to the control, and
    bisection by more than twice the descents' distance."""
    spectra = {}
    for name in ("mirror_descent", "gradient_descent", "bisection"):
        whole = fit(RUNS[name], delays=4, svd_rank=-1, route="direct").rank  # 6 of bisection
        found = fit(RUNS[name], delays=4, svd_rank=min(rank, whole), route="direct").eigenvalues
        spectra[name] = np.append(found, np.zeros(10 - len(found)))
    near = distance(spectra["mirror_descent"], spectra["gradient_descent"])
    far = [distance(spectra[name], spectra["bisection"]) for name in ("mirror_descent", "gradient_descent")]
    assert near < 0.05 * min(far)


def test_intervals_of_distances_cover_other_draws_of_initial_conditions():
    """A grid of starts is exchanged for random ones, several times: distances then fall where the
    interval of each draw says."""
    spread, held = [], []
    for seed in range(6):
        generator = np.random.default_rng(seed)
        runs = {
            "mirror_descent": mirror_descent(generator.uniform(0.1, 0.9, (25, 2)), 0.01, 100),
            "gradient_descent": gradient_descent(generator.uniform(-2.3, -0.1, (25, 2)), 0.01, 100),
        }
        row = optimizer_tables(runs, delays=4, shuffles=1, seed=seed, draws=60)[1].iloc[0]
        spread.append(row["distance"])
        held.append((row["ci_low"], row["ci_high"]))
    centre = np.median(spread)
    assert sum(low <= centre <= high for low, high in held) >= 4
    width = np.median([high - low for low, high in held])
    assert np.std(spread) < width < 20 * np.std(spread)


def test_mirror_and_gradient_descent_follow_one_flow_in_two_coordinates():
    start = grid([(0.1, 0.9)] * 2, 5)
    mirror = mirror_descent(start, 1e-5, 50)
    descent = np.exp(gradient_descent(np.log(start), 1e-5, 50))
    # mirror descent with the log barrier moves x by -x^2 f', descent in log x by -x^2 f' as well,
    # to first order in the step length
    assert np.abs(mirror - descent).max() < 1e-4 * np.abs(mirror - start[:, None]).max()


def test_projections_keep_to_the_box():
    low = mirror_descent(np.array([[0.011, 0.5]]), 0.5, 100)
    assert low.min() == 0.01
    assert gradient_descent(np.log([[0.011, 0.5]]), 50.0, 100).min() == pytest.approx(np.log(0.01))


@pytest.fixture(scope="module")
def tables():
    """The eigenvalues and distances of all methods, with the study's delays."""
    return optimizer_tables(RUNS, delays=4, shuffles=1000, seed=0, draws=2)


@pytest.mark.parametrize("name", ["mirror_descent", "gradient_descent"])
def test_spectra_of_the_descents_are_the_published_ones(tables, published, name):
    assert furthest(spectrum(tables, name), np.load(published / f"{name}.npy")) < 1e-6


def test_bisection_that_stops_has_the_published_spectrum(tables, published):
    """Four published eigenvalues, of modulus 1e-4, are roundings of a nilpotent block: only their
    modulus is compared."""
    ours, theirs = spectrum(tables, "bisection_published"), np.load(published / "bisection_method.npy")
    assert len(ours) == len(theirs) == 10
    assert furthest(ours[np.abs(ours) > 1e-3], theirs[np.abs(theirs) > 1e-3]) < 2e-4
    assert np.sort(np.abs(ours))[:4].max() < 5e-4
    assert np.sort(np.abs(theirs))[:4].max() < 5e-4


def test_bisection_that_stays_at_its_root_keeps_the_eigenvalue_one(tables, published):
    """Without the zeros after the stop: rank 6, and 1 instead of 0.98024; the five others are the
    published ones."""
    ours, theirs = spectrum(tables, "bisection"), np.load(published / "bisection_method.npy")
    assert len(ours) == 6
    assert np.abs(ours - 1).min() < 1e-9
    others = theirs[(np.abs(theirs) > 1e-3) & (np.abs(theirs) < 0.9)]
    assert furthest(ours[np.abs(ours) < 0.9], others) < 2e-4


def test_distances_and_shuffle_controls_are_the_published_ones(tables):
    """The published control has 100 draws; a share of 1000 draws then lies within three standard
    errors of it."""
    rows = {(row.a, row.b): row for row in tables[1].itertuples()}
    for b, distances, p in (
        ("gradient_descent", {"mirror_descent": 0.0081}, {"mirror_descent": 0.09}),
        (
            "bisection_published",
            {"mirror_descent": 0.746, "gradient_descent": 0.753},
            {"mirror_descent": 0.01, "gradient_descent": 0.0},
        ),
    ):
        for a, expected in distances.items():
            assert rows[a, b].distance == pytest.approx(expected, abs=6e-4)
            assert rows[a, b].p_shuffle == pytest.approx(p[a], abs=0.09 if p[a] > 0.05 else 0.02)
    assert rows["mirror_descent", "bisection"].distance == pytest.approx(0.745, abs=5e-4)
    assert rows["gradient_descent", "bisection"].distance == pytest.approx(0.752, abs=5e-4)
    assert tables[1]["p_shuffle"].notna().all()


def test_the_sign_of_the_sum_moves_all_coordinates_of_a_bracket():
    """f(z) = tan(-0.1) + tan(0.3) > 0 moves the whole b; then f(z) = tan(-0.55) + tan(0.1) < 0
    moves the whole a."""
    path = bisection(np.array([[-1.0, -0.1]]), np.array([[0.8, 0.7]]), 3)[0]
    np.testing.assert_allclose(path[0], [-0.1, 0.3], atol=1e-12)
    np.testing.assert_allclose(path[1], [(-1.0 - 0.1) / 2, (-0.1 + 0.3) / 2], atol=1e-12)
    np.testing.assert_allclose(path[2], [(-0.55 - 0.1) / 2, (0.1 + 0.3) / 2], atol=1e-12)


def test_a_midpoint_that_is_a_root_stays_or_stops():
    """z = (-0.25, 0.25) has f(z) == 0 exactly."""
    path = bisection(np.array([[-1.0, -0.5]]), np.array([[0.5, 1.0]]), 4)
    np.testing.assert_array_equal(path[0], [[-0.25, 0.25]] * 4)
    np.testing.assert_array_equal(stopped(path)[0], [[-0.25, 0.25], [0, 0], [0, 0], [0, 0]])
