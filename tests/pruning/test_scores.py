"""Scores against closed forms: on a quadratic problem, where gradient descent is linear, theory
says what each must be."""

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.pruning.decompose import Window
from koopflow.pruning.modes import Modes, chosen_modes, superposition
from koopflow.pruning.scoring import NetworkState, evaluate

LEARNING_RATE = 0.1
CURVATURES = np.array([0.3, 1.0, 2.0, 6.0])


class Quadratic:
    """L(w) = (w - w*)^T H (w - w*) / 2 in 40 dimensions, H with four distinct eigenvalues."""

    def __init__(self, seed=0, size=40):
        generator = np.random.default_rng(seed)
        basis, _ = np.linalg.qr(generator.standard_normal((size, size)))
        self.hessian = basis @ np.diag(np.resize(CURVATURES, size)) @ basis.T
        self.minimum = generator.standard_normal(size)
        self.start = generator.standard_normal(size)

    def gradient(self, weights):
        return self.hessian @ (weights - self.minimum)

    def descend(self, steps):
        states = [self.start]
        for _ in range(steps):
            states.append(states[-1] - LEARNING_RATE * self.gradient(states[-1]))
        return np.array(states)


def plain_modes(states, rank):
    """Exact dynamic mode decomposition, written plainly: the whole matrix, one SVD."""
    x, y = states[:-1].T, states[1:].T
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    u, s, vh = u[:, :rank], s[:rank], vh[:rank]
    eigenvalues, small = np.linalg.eig(u.T @ y @ vh.T / s)
    vectors = (y @ vh.T / s) @ small
    vectors = (vectors / np.linalg.norm(vectors, axis=0)).T
    amplitudes = np.linalg.lstsq(vectors.T, states[0].astype(complex), rcond=None)[0]
    return Modes(eigenvalues, vectors, amplitudes, steps=len(states) - 1)


def moment(states, problem, rank=5, modes=plain_modes):
    parameters = (("hidden.weight", (4, 5)), ("last.weight", (4, 5)))
    return NetworkState(
        states[-1],
        parameters,
        gradient=problem.gradient(states[-1]),
        modes=modes(states, rank),
        generator=np.random.default_rng(5),
        earlier=states[0],
    )


def engine_modes(states, rank):
    """The modes as a study finds them."""
    window = Window(states)
    return window.modes(window.fit(len(states) - 1, rank))


@pytest.mark.parametrize(
    ("modes", "amplitudes"), [(plain_modes, "first"), (engine_modes, "first"), (engine_modes, "present")]
)
def test_koopman_gradient_is_gradient_pruning_on_a_quadratic(modes, amplitudes):
    problem = Quadratic()
    at = moment(problem.descend(12), problem, modes=modes)
    np.testing.assert_allclose(
        evaluate("koopman_gradient", at, {"amplitudes": amplitudes}),
        LEARNING_RATE * evaluate("gradient", at),
        rtol=1e-7,
        atol=1e-11,
    )


def test_window_gradient_is_that_of_all_gradients_since_its_beginning():
    problem = Quadratic()
    states = problem.descend(12)
    total = np.sum([problem.gradient(state) for state in states[:-1]], axis=0)
    found = evaluate("window_gradient", moment(states, problem))
    np.testing.assert_allclose(found, np.abs(states[-1] * LEARNING_RATE * total), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("modes", [plain_modes, engine_modes])
def test_koopman_magnitude_is_the_minimum_s_magnitude_from_the_first_steps_on(modes):
    problem = Quadratic()
    at = moment(problem.descend(12), problem, modes=modes)
    np.testing.assert_allclose(
        evaluate("koopman_magnitude", at),
        np.abs(problem.minimum) / np.linalg.norm(problem.minimum),
        rtol=1e-6,
        atol=1e-9,
    )
    # Far from convergence plain magnitude is something else, so the agreement is no accident.
    early = evaluate("magnitude", at)
    assert np.abs(early / np.linalg.norm(early) - evaluate("koopman_magnitude", at)).max() > 0.01


def test_koopman_magnitude_is_global_magnitude_at_convergence():
    problem = Quadratic()
    states = problem.descend(2000)
    at = NetworkState(states[-1], (("w", (40,)),), modes=plain_modes(states[:13], 5))
    final = evaluate("magnitude", at)
    np.testing.assert_allclose(evaluate("koopman_magnitude", at), final / np.linalg.norm(final), rtol=1e-6, atol=1e-9)
    assert (np.argsort(final) == np.argsort(evaluate("koopman_magnitude", at))).all()


def test_all_modes_with_amplitudes_and_time_give_back_the_weights():
    problem = Quadratic()
    states = problem.descend(12)
    at = moment(states, problem)
    options = {"which": "all", "amplitudes": True}
    np.testing.assert_allclose(evaluate("koopman_modes", at, options), np.abs(states[-1]), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        evaluate("koopman_modes", at, options | {"time": False}), np.abs(states[0]), rtol=1e-6, atol=1e-9
    )
    later = problem.descend(22)[-1]
    np.testing.assert_allclose(
        evaluate("koopman_modes", at, options | {"time": 10}), np.abs(later), rtol=1e-6, atol=1e-9
    )


def test_the_family_contains_both_named_methods():
    problem = Quadratic()
    at = moment(problem.descend(12), problem)
    nearest = {"which": "nearest_one", "count": 1, "amplitudes": False}
    np.testing.assert_array_equal(evaluate("koopman_modes", at, nearest), evaluate("koopman_magnitude", at))
    everything = {"which": "all", "step": True, "times_weights": True}
    np.testing.assert_allclose(
        evaluate("koopman_modes", at, everything), evaluate("koopman_gradient", at), rtol=1e-9, atol=1e-15
    )


def test_modes_are_chosen_by_eigenvalue_and_pairs_stay_together():
    values = np.array([0.5, 1.0, 0.9 + 0.3j, 0.9 - 0.3j, 1.2, -0.7, 0.999])
    expected = {
        "all": {0, 1, 2, 3, 4, 5, 6},
        "nearest_one": {1},
        "slow": {1, 6},
        "decaying": {0},
        "growing": {4},
        "oscillating": {2, 3, 5},
    }
    for which, indices in expected.items():
        assert set(chosen_modes(values, which).tolist()) == indices
    assert chosen_modes(values, "all").tolist()[:2] == [1, 6]
    assert set(chosen_modes(values, "oscillating", count=1).tolist()) == {2, 3}


def test_phases_of_modes_change_no_score():
    problem = Quadratic()
    at = moment(problem.descend(12), problem)
    phases = np.exp(1j * np.arange(5))
    modes = Modes(
        at.modes.eigenvalues, at.modes.vectors * phases[:, None], at.modes.amplitudes / phases, at.modes.steps
    )
    for amplitudes in (True, False):
        np.testing.assert_allclose(
            superposition(modes, np.arange(5), amplitudes=amplitudes),
            superposition(at.modes, np.arange(5), amplitudes=amplitudes),
        )


def test_own_scores_by_module_and_function():
    at = NetworkState(np.array([1.0, -3.0]), (("w", (2,)),))
    np.testing.assert_array_equal(evaluate("koopflow.pruning.scores:magnitude", at), [1, 3])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "magnitudes",
            {},
            r"score: no score named 'magnitudes' \(did you mean magnitude\?\); available: magnitude, .*",
        ),
        ("no.such.module:f", {}, "cannot be imported"),
        ("koopflow.pruning.scores:nothing", {}, "cannot be imported"),
        ("koopflow.pruning.mask:FORMAT", {}, "is not callable"),
        ("magnitude", {"power": 2}, r"score magnitude: options\.power: unknown option"),
        (
            "koopman_modes",
            {"tolerance": "1e-3"},
            r"score koopman_modes: options\.tolerance: must be float \(got '1e-3'\)",
        ),
        ("koopman_gradient", {"amplitudes": "last"}, r"options\.amplitudes: must be .*'first', 'present'"),
        ("gradient", {}, "score gradient: needs gradient"),
        ("window_gradient", {}, "score window_gradient: needs earlier"),
        ("koopman_magnitude", {}, "score koopman_magnitude: needs modes"),
        ("json:loads", {}, "score json:loads: "),
    ],
)
def test_wrong_scores_end_in_one_line(name, options, message):
    at = NetworkState(np.ones(3), (("w", (3,)),))
    with pytest.raises(KoopflowError, match=message):
        evaluate(name, at, options)


def test_an_empty_set_of_modes_is_said_to_be_empty():
    modes = Modes(np.array([0.5 + 0j]), np.ones((1, 3), dtype=complex), np.ones(1, dtype=complex), 4)
    with pytest.raises(KoopflowError, match="no eigenvalue is 'growing'"):
        evaluate("koopman_modes", NetworkState(np.ones(3), (("w", (3,)),), modes=modes), {"which": "growing"})
