"""Figures of universality say what they draw."""

import numpy as np
import pandas as pd

from koopflow.figures import universality

TASKS = ["a", "b", "c"]


def transfer() -> pd.DataFrame:
    """Three tasks; the own ticket of c is no better than the random control, so nothing can be
    placed there."""
    rows = [
        {
            "source": source,
            "target": target,
            "model": "mlp",
            "seed": seed,
            "density": density,
            "accuracy": 0.85 + 0.01 * seed,
        }
        | {"accuracy_own": 0.9 if target != "c" else 0.8, "accuracy_random": 0.8, "exponent_distance": 0.0123}
        for density in (0.1, 0.05)
        for seed in range(2)
        for target in TASKS
        for source in TASKS
        if source != target
    ]
    return pd.DataFrame(rows)


def texts(figure) -> list[str]:
    found = [text.get_text() for ax in figure.axes for text in ax.texts]
    return found


def test_the_number_stated_is_of_the_points_drawn():
    table = transfer()
    correlations = pd.DataFrame(
        [
            {"observable": "layer_exponents", "density": d, "correlation": 0.1, "ci_low": -0.5, "ci_high": 0.6}
            for d in (0.1, 0.05)
        ]
    )
    figure = universality.prediction(table, correlations, TASKS)
    drawn = [
        int(np.isfinite(np.ma.filled(points.get_offsets(), np.nan)).all(axis=1).sum())
        for points in figure.axes[0].collections
    ]
    assert drawn == [4, 4]
    assert "n = 4 ordered pairs of tasks" in texts(figure)


def test_exponent_distances_have_three_digits():
    found = texts(universality.matrices(transfer(), TASKS))
    assert found.count("0.012") == 6
    assert found.count("own") == 6
