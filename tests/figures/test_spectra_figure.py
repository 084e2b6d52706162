"""The figure of the user's trajectories says what the tests over runs found."""

import numpy as np
import pandas as pd

from koopflow.figures.spectra import plot_trajectories


def test_the_matrix_carries_the_verdicts_in_both_halves():
    names, value = ["a", "b", "c"], np.array([0.9, 0.8])
    spectra = pd.concat(
        pd.DataFrame(
            {
                "trajectory": name,
                "real": value,
                "imag": 0.0,
                "believed": True,
                "runs": 5,
                "steps": 30,
                "real_low": value,
                "real_high": value,
                "imag_low": 0.0,
                "imag_high": 0.0,
            }
        )
        for name in names
    )
    distances = pd.DataFrame({"a": ["a", "a", "b"], "b": ["b", "c", "c"], "distance": [0.1, 0.2, 0.3]})
    tests = pd.DataFrame({"a": ["a", "b"], "b": ["b", "c"], "verdict": ["different", "equivalent"]})
    matrix = plot_trajectories(spectra, distances, tests).axes[2]
    signs = {(text.get_position(), text.get_text()) for text in matrix.texts}
    assert signs == {((0, 1), "≠"), ((1, 0), "≠"), ((1, 2), "="), ((2, 1), "=")}
    assert not plot_trajectories(spectra, distances, tests[:0]).axes[2].texts
