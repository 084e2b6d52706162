"""Diverged networks are left out by name, and counted in every table that used the rest."""

import numpy as np
import pandas as pd
import pytest

from koopflow.equivalence.fitting import exclusions, fit_part, loss_curve, seed_losses
from koopflow.equivalence.tables import all_distances, comparison_table, distance_table, spectra_of
from koopflow.figures.equivalence import plot_distances
from koopflow.figures.style import use
from koopflow.trajectory import TrajectoryWriter

SEEDS, COPIES, STEPS = range(3), 2, 40


@pytest.fixture
def trajectory(tmp_path):
    """Three seeds of two copies: one copy of seed 1 and both of seed 2 are not a number from step
    20 on."""
    generator = np.random.default_rng(0)
    states = np.cumsum(generator.normal(size=(STEPS, 6, 8)), axis=0).astype(np.float32)
    loss = np.ones((STEPS, 6))
    states[20:, [3, 4, 5]], loss[20:, [3, 4, 5]] = np.nan, np.nan
    with TrajectoryWriter(tmp_path / "t.h5", [("w", (8,))], 6, study={}, seeds=[0, 1, 2], steps=STEPS) as writer:
        for step in range(STEPS):
            writer.append(step, states[step], loss[step])
    return tmp_path / "t.h5"


REPLICAS = pd.DataFrame(
    {"replica": ["0/0", "0/1", "1/0", "1/1", "2/0", "2/1"], "diverged_at": [np.nan] * 3 + [20.0] * 3}
)
GONE = ["1/1", "2/0", "2/1"]


def test_spectra_and_losses_are_of_what_is_left_and_count_what_is_not(trajectory):
    table = fit_part(trajectory, "a", SEEDS, COPIES, GONE, delays=0, rank=3)[0]
    assert table.groupby("seed")["excluded"].first().to_dict() == {0: 0, 1: 1}
    alone = fit_part(trajectory, "a", SEEDS, COPIES, ["0/0", "0/1", *GONE], delays=0, rank=3)[0]
    pd.testing.assert_frame_equal(table[table["seed"] == 1].reset_index(drop=True), alone)
    curves, steps = seed_losses(trajectory, SEEDS, COPIES, GONE)
    curve = loss_curve("a", curves, steps, excluded=3)
    assert curve["loss"].notna().all()
    assert set(curve["n"]) == {2}
    assert set(curve["excluded"]) == {3}


def test_what_is_left_out_is_named_with_its_step():
    assert exclusions("a", REPLICAS).to_dict("list") == {
        "setting": ["a"] * 3,
        "replica": GONE,
        "diverged_at": [20, 20, 20],
    }


def test_a_pair_without_enough_seeds_stays_in_the_table_inconclusive_with_its_counts():
    generator = np.random.default_rng(1)
    rows = [
        {"setting": name, "seed": seed, "real": generator.normal(), "imag": generator.normal()}
        for name, seeds in (("a", 5), ("b", 5), ("c", 1))
        for seed in range(seeds)
        for _ in range(4)
    ]
    comparisons = {"x": ["a", "b", "c", "d"]}
    distances = all_distances(spectra_of(pd.DataFrame(rows)))
    table = comparison_table(distances, comparisons, 0.05, 0.25, 0, {"c": 8, "d": 10})
    assert [f"{row.a}{row.b}" for row in table.itertuples()] == ["ab", "ac", "ad", "bc", "bd", "cd"]
    poor = table[table["b"].isin(["c", "d"])]
    assert set(poor["verdict"]) == {"inconclusive"}
    assert poor[["between", "p_permutation", "ci_low"]].isna().all(axis=None)
    assert poor["n"].tolist() == [1, 0, 1, 0, 0]
    assert poor["excluded_b"].tolist() == [8, 10, 8, 10, 10]
    apart = distance_table(distances, comparisons, 5, 0, {"c": 8, "d": 10})
    assert set(zip(apart["b"], apart["excluded_b"])) == {("a", 0), ("b", 0), ("c", 8)}
    assert set(apart["excluded_a"]) == {0}
    whole = table.iloc[0]
    assert whole["p_adjusted"] == whole["p_permutation"], "pairs without numbers must not count as tests"
    use()
    drawn = pd.DataFrame({"comparison": ["x", "x"], "a": ["a", "a"], "b": ["b", "a"], "distance": [1.0, 0.5]})
    plot_distances(drawn, table)
