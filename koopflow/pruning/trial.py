"""Tries a score of a user's own on made-up numbers, before any network is trained."""

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Options
from koopflow.pruning import scoring
from koopflow.pruning.mask import Parameters, size
from koopflow.pruning.modes import Modes

LARGEST = 1 << 22
"""Weights up to which a trial has the network's own shapes: 32 MB for each vector."""


def check_own_score(score: str | scoring.ScoreFunction, options: Options | None, parameters: Parameters) -> None:
    """Call a score on random numbers in the shapes of a network.

    Errors that depend on the numbers, ValueError and KoopflowError, are let pass.

    Raises
    ------
    KoopflowError
        If the score reads an attribute that it does not declare or that does not exist, fails in
        another way, or does not return one number per weight.
    """
    function, typed = scoring.check_score(score, options)
    name = scoring.named_score(score)[0]
    if size(parameters) > LARGEST:
        parameters = [(each, shape) for each, shape in parameters if len(shape) < 2] or parameters[:1]
    made_up = state(scoring.needs_of(score), parameters)
    try:
        values = np.asarray(function(made_up, **typed))
    except (ValueError, ArithmeticError, KoopflowError):
        return
    except Exception as error:  # whatever a user's score raises
        declared = ", ".join(sorted(scoring.needs_of(score))) or "nothing"
        raise KoopflowError(
            f"score {name}: {type(error).__name__}: {error}; it declares that it needs {declared} (see koopflow.score)"
        ) from error
    if values.shape != made_up.weights.shape:
        raise KoopflowError(
            f"score {name}: must return one number per weight, shape {made_up.weights.shape} (got {values.shape})"
        )


def state(needs: frozenset[str], parameters: Parameters) -> scoring.NetworkState:
    """Return a network's state of random numbers that has the `needs` and nothing else."""
    generator, count = np.random.default_rng(0), size(parameters)

    def draw() -> np.ndarray:
        return generator.standard_normal(count).astype(np.float32)

    eigenvalues = np.array([1.0, 0.9 + 0.1j, 0.9 - 0.1j])
    vectors = np.stack([draw().astype(complex), *(pair := [draw() + 1j * draw()]), pair[0].conj()])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    amplitudes = np.array([1.0, 0.5 + 0.2j, 0.5 - 0.2j])
    modes = Modes(eigenvalues, vectors, amplitudes, 10, np.full(3, 1e-3), amplitudes * eigenvalues**10)
    vectors_of = scoring.NEEDS - {"modes", "generator"}
    return scoring.NetworkState(
        draw(),
        parameters,
        modes=modes if "modes" in needs else None,
        generator=generator if "generator" in needs else None,
        **{need: np.abs(draw()) if need == "input_norms" else draw() for need in sorted(needs & vectors_of)},
    )
