"""Figures of universality say what they draw."""

import numpy as np
import pandas as pd
import pytest

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


def test_transfer_has_errors_and_exponent_distances_a_floor():
    half = 0.0127062
    exponents = pd.DataFrame({"task": TASKS, "sigma": 0.1, "ci_low": 0.1 - half, "ci_high": 0.1 + half, "n": 2})
    # The quantile of Student's t with one degree of freedom is 12.7062, so the standard error is 0.001.
    assert universality.floor_of(exponents, TASKS) == pytest.approx(np.full(3, np.sqrt(2) * 0.001), rel=1e-4)
    table = transfer()
    assert universality.error_of(table, TASKS, 0.05)[0, 1] == pytest.approx(0.05, rel=1e-6)
    found = texts(universality.matrices(table, TASKS, exponents))
    assert found.count("0.001") == 3
    assert any("±0.05" in word for word in found)


@pytest.mark.parametrize(("layers", "panels"), [(2, 2), (9, 1)])
def test_exponents_of_few_layers_have_a_panel_each(layers, panels):
    names = [f"layer{k}" for k in range(layers)]
    rows = [(task, name, 0.1, 0.0, 0.2, 0.05, 5) for task in TASKS for name in names]
    table = pd.DataFrame(rows, columns=["task", "layer", "sigma", "ci_low", "ci_high", "drift", "n"])
    assert len(universality.exponents(table, TASKS).axes) == panels
