"""Which eigenpairs show dynamics: few of a random walk do, and those of a linear system in noise."""

import numpy as np
import pytest

import koopflow as kf
from koopflow.config.spectra import SpectraSettings
from koopflow.koopman import fit
from koopflow.koopman.walks import walk_p_values
from tests.koopman.test_dmd import linear_runs

TURN = 0.97 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])


def walks(generator, runs=1, steps=40, width=60, offset=0.0):
    """Random walks (run, step, parameter) from a common start of size `offset`."""
    return offset * generator.standard_normal(width) + np.cumsum(
        generator.standard_normal((runs, steps, width)), axis=1
    )


def noisy_rotation(generator, noise, steps=80, width=30, offset=0.0):
    """States (step, parameter) of a damped rotation with noise in its steps, around a level of size `offset`."""
    states = [3 * generator.standard_normal(2)]
    for _ in range(steps - 1):
        states.append(TURN @ states[-1] + noise * generator.standard_normal(2))
    mixed = np.array(states) @ generator.standard_normal((2, width))
    return mixed + offset * generator.standard_normal(width) + 0.05 * noise * generator.standard_normal(mixed.shape)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ({"width": 100, "steps": 40}, {"svd_rank": 6}),
        ({"width": 100, "steps": 40, "offset": 10}, {"svd_rank": 6}),
        ({"width": 4, "steps": 120, "offset": 3}, {"svd_rank": 4}),
        ({"width": 60, "steps": 40}, {"svd_rank": 4, "delays": 2}),
        ({"width": 60, "steps": 20, "runs": 3}, {"svd_rank": 4, "variant": "total_least_squares"}),
    ],
)
def test_about_one_in_twenty_eigenpairs_of_random_walks_is_believed(shape, options):
    generator, count = np.random.default_rng(3), 40
    believed, small = [], []
    for _ in range(count):
        fitted = fit(walks(generator, **shape), **options)
        believed.append(np.mean(walk_p_values(fitted, generator, walks=19) <= 0.05))
        small.append(fitted.residuals.min() < 0.1)
    assert np.mean(believed) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / (2 * count)), "pairs of eigenvalues count once"
    assert options.get("variant") or np.mean(small) > 0.4, "the residual alone would believe them"


def test_a_random_walk_of_a_hundred_weights_has_ten_small_residuals_and_no_dynamics():
    generator = np.random.default_rng(7)
    fitted = fit(walks(generator, steps=1000, width=100, offset=10), svd_rank=10)
    assert fitted.residuals.max() <= 0.1
    assert fitted.residuals.min() < 0.02
    assert (walk_p_values(fitted, generator, walks=19) <= 0.05).sum() <= 1


def test_eigenpairs_of_noisy_linear_dynamics_are_believed_and_the_mean_level_is_not():
    generator = np.random.default_rng(4)
    found = []
    for _ in range(20):
        fitted = fit(noisy_rotation(generator, 0.3, offset=5), svd_rank=3)
        p = walk_p_values(fitted, generator)
        turning = np.abs(fitted.eigenvalues.imag) > 0.1
        found.append(turning.sum() == 2 and p[turning].max() <= 0.05)
        assert p[np.abs(fitted.eigenvalues - 1).argmin()] > 0.05
    assert np.mean(found) >= 0.9


@pytest.mark.parametrize("delays", [0, 2])
@pytest.mark.parametrize(("width", "route"), [(900, "time"), (6, "feature")])
def test_a_noiseless_system_is_believed_without_another_reading(width, route, delays, monkeypatch):
    fitted = fit(linear_runs(width=width, steps=40), svd_rank=6, delays=delays, route=route)
    monkeypatch.setattr(type(fitted.runs), "blocks", None)
    p = walk_p_values(fitted, np.random.default_rng(0))
    assert p[np.abs(fitted.eigenvalues.imag) > 0.05].tolist() == [1 / 40] * 4


def test_a_level_that_no_walk_can_reach_is_refused():
    with pytest.raises(kf.KoopflowError, match=r"spectra.walk_level must be at least 0.1, .* 9 walks"):
        SpectraSettings.load({"walks": 9}, "spectra")


def test_noise_that_runs_share_is_no_evidence():
    """Runs that see the same batches take the same steps; shuffled apart they would look like dynamics."""
    generator, rejected = np.random.default_rng(5), []
    for _ in range(60):
        shared = walks(generator, steps=30, width=3) + 0.1 * walks(generator, runs=4, steps=30, width=3)
        rejected.append(walk_p_values(fit(shared, svd_rank=3), generator, walks=19).min() <= 0.05)
    assert np.mean(rejected) <= 0.25


def test_operators_keep_their_p_values_and_figures_draw_walks_hollow(tmp_path):
    generator = np.random.default_rng(6)
    walk = kf.fit(walks(generator, offset=10)[0], rank=6)
    assert (walk.p_random_walk > 0.05).mean() >= 0.5
    walk.save(tmp_path / "walk.npz")
    assert np.array_equal(kf.load(tmp_path / "walk.npz").p_random_walk, walk.p_random_walk)
    faces = {line.get_markerfacecolor() for line in walk.plot().axes[0].lines if line.get_marker() not in ("None", "")}
    assert "none" in faces
    rotation = kf.fit(noisy_rotation(generator, 0.1), rank=2)
    faces = {
        line.get_markerfacecolor() for line in rotation.plot().axes[0].lines if line.get_marker() not in ("None", "")
    }
    assert "none" not in faces
    assert np.isnan(kf.fit(noisy_rotation(generator, 0.1), rank=2, variant="optimized").p_random_walk).all()
