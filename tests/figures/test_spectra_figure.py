"""The figure of the user's trajectories says what the tests over runs found."""

import numpy as np
import pandas as pd

from koopflow.figures.spectra import apart, plot_trajectories
from koopflow.figures.style import look


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
    signs = {(text.get_position(), text.get_text()) for text in matrix.texts if text.get_text()}
    assert signs == {((0.5, 1.5), "≠"), ((1.5, 0.5), "≠"), ((1.5, 2.5), "="), ((2.5, 1.5), "=")}
    assert not any(text.get_text() for text in plot_trajectories(spectra, distances, tests[:0]).axes[2].texts)


def test_trajectories_differ_in_colour_and_marker_and_keep_their_own_where_they_can():
    names = [f"run-{number}" for number in range(8)]
    assert len({look(name).color for name in names}) < 8, "the hashes of these names give some of them one colour"
    looks = apart(names)
    assert looks["run-0"] == look("run-0")
    assert len({one.color for one in looks.values()}) == len({one.marker for one in looks.values()}) == 8
