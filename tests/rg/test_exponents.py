import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.rg import exponents as e
from koopflow.rg import flows

SCALE = np.arange(15) * -np.log(0.8)
SIGMA = 0.3


def flow(generator, seeds, white=0.0, walk=0.0, between=0.0, kink=None, sigma=SIGMA):
    """Synthetic couplings (seed, round, 1): known exponent, noise of levels and steps, unlike
    seeds, a kink past a round."""
    slopes = sigma + between * generator.normal(size=(seeds, 1))
    logs = (
        -1
        + slopes * SCALE
        + white * generator.normal(size=(seeds, 15))
        + walk * generator.normal(size=(seeds, 15)).cumsum(axis=1)
    )
    if kink is not None:
        logs = logs - 0.8 * np.maximum(SCALE - SCALE[kink], 0)
    return np.exp(logs)[..., None]


@pytest.mark.parametrize(
    "noise",
    [
        {"seeds": 3, "white": 0.02, "between": 0.005},
        {"seeds": 10, "white": 0.1, "between": 0.02},
        {"seeds": 5, "walk": 0.03},
        {"seeds": 5, "white": 0.02, "walk": 0.02, "between": 0.005, "kink": 9},
        {"seeds": 10, "white": 0.02, "walk": 0.02, "between": 0.005, "kink": 9},
    ],
)
def test_intervals_cover_the_known_exponent_at_the_nominal_rate_window_choice_included(noise):
    generator = np.random.default_rng(11)
    covered = []
    for _ in range(400):
        fit = e.fit_exponents(flow(generator, **noise), SCALE, ["w"])
        covered.append(fit.ci_low[0] <= SIGMA <= fit.ci_high[0])
    # Three standard errors of a rate of 0.95 over 400 trials are 0.033.
    assert 0.917 <= np.mean(covered) <= 0.983


@pytest.mark.parametrize("curvature", [0.01, 0.03, 0.1])
@pytest.mark.parametrize("noise", [{"white": 0.02, "between": 0.005}, {"white": 0.02, "walk": 0.02, "between": 0.005}])
def test_in_a_curved_flow_intervals_cover_the_mean_exponent_and_the_drift_over_the_window(curvature, noise):
    generator = np.random.default_rng(13)
    parabola = curvature * (SCALE - SCALE.mean()) ** 2
    mean, drift = [], []
    for _ in range(400):
        fit = e.fit_exponents(flow(generator, 10, **noise) * np.exp(parabola)[:, None], SCALE, ["w"])
        inside = slice(fit.first_round[0], fit.last_round[0] + 1)
        slope, _ = flows.straight_line(SIGMA * SCALE[inside] + parabola[inside], SCALE[inside])
        change = 2 * curvature * (SCALE[inside][-1] - SCALE[inside][0])
        mean.append(fit.ci_low[0] <= slope <= fit.ci_high[0])
        drift.append(fit.drift_low[0] <= change <= fit.drift_high[0])
    assert 0.917 <= np.mean(mean) <= 0.983
    # Windows are chosen where the flow looks straight, so the drift inside them is somewhat
    # underrated.
    assert np.mean(drift) >= 0.88


def test_a_pure_power_law_shows_a_drift_at_the_nominal_rate_only():
    generator = np.random.default_rng(14)
    fits = [e.fit_exponents(flow(generator, 5, white=0.02, between=0.005), SCALE, ["w"]) for _ in range(400)]
    assert 0.917 <= np.mean([fit.drift_low[0] <= 0 <= fit.drift_high[0] for fit in fits]) <= 0.983


@pytest.mark.parametrize("noise", [{"white": 0.02}, {"white": 0.1}, {"walk": 0.03}])
def test_the_interval_of_a_single_chain_covers_at_least_at_the_nominal_rate(noise):
    generator = np.random.default_rng(12)
    fits = [e.fit_exponents(flow(generator, 1, **noise), SCALE, ["w"]) for _ in range(300)]
    assert np.mean([fit.ci_low[0] <= SIGMA <= fit.ci_high[0] for fit in fits]) >= 0.92
    assert fits[0].interval == "rounds"


def test_window_ends_where_the_flow_leaves_its_power_law():
    fit = e.fit_exponents(flow(np.random.default_rng(1), 10, white=0.005, kink=8), SCALE, ["w"])
    assert fit.first_round[0] == 0
    assert fit.last_round[0] in (8, 9)
    assert fit.r2[0] > 0.99


def test_a_flow_that_bends_everywhere_does_not_scale():
    bend = np.exp(-(SCALE**2))[None, :, None] * np.exp(0.001 * np.random.default_rng(2).normal(size=(5, 15, 1)))
    fit = e.fit_exponents(bend, SCALE, ["w"], e.WindowRule(tolerance=0.02))
    assert fit.classes == ("no scaling",)
    assert np.isnan(fit.sigma[0])
    assert fit.first_round[0] == -1


def test_rounds_in_which_a_group_vanished_belong_to_no_window():
    values = flow(np.random.default_rng(3), 4, white=0.01)
    values[2, 11:] = 0
    assert e.fit_exponents(values, SCALE, ["w"]).last_round[0] == 10


def test_one_window_for_the_whole_model_is_the_one_that_suits_all_layers():
    generator = np.random.default_rng(4)
    both = np.concatenate([flow(generator, 6, white=0.005), flow(generator, 6, white=0.005, kink=8)], axis=2)
    fit = e.fit_exponents(both, SCALE, ["a", "b"], e.WindowRule(scope="model"))
    assert fit.last_round[0] == fit.last_round[1] <= 9
    assert e.fit_exponents(both, SCALE, ["a", "b"]).last_round[0] == 14


@pytest.mark.parametrize(
    ("sigma", "name"), [(0.3, "relevant"), (-0.3, "irrelevant"), (0.0, "marginal"), (0.02, "undecided")]
)
def test_class_follows_where_the_whole_interval_lies(sigma, name):
    fit = e.fit_exponents(flow(np.random.default_rng(5), 8, white=0.005, sigma=sigma), SCALE, ["w"], margin=0.02)
    assert fit.classes == (name,)


def test_scale_counts_the_rounding_of_each_round():
    np.testing.assert_allclose(flows.scale_of(np.array([1.0, 0.8, 0.64])), SCALE[:3])
    with pytest.raises(KoopflowError, match="must be in \\(0, 1\\] and decrease"):
        flows.scale_of(np.array([1.0, 0.8, 0.8]))


def test_shapes_that_do_not_match_are_named():
    with pytest.raises(KoopflowError, match="must have shape \\(seed, 15, 2\\)"):
        e.fit_exponents(flow(np.random.default_rng(0), 2), SCALE, ["a", "b"])
    with pytest.raises(KoopflowError, match="minimum_rounds"):
        e.fit_exponents(flow(np.random.default_rng(0), 2), SCALE, ["a"], e.WindowRule(minimum_rounds=2))
