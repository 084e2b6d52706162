"""Summaries and figures: pairing by seed is right, figures draw from the tables alone."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import student
from koopflow.figures import pruning as figures
from koopflow.figures import pruning_lines, style
from koopflow.io import columns
from koopflow.io.columns import PRUNING_ONSET
from koopflow.pruning import summary


@pytest.fixture(scope="module")
def tables():
    generator = np.random.default_rng(0)
    keys = [
        (m, e, c, s)
        for m in ("koopman_magnitude", "global_magnitude")
        for e in (1, 5)
        for c in (1.0, 4.0, 16.0)
        for s in range(3)
    ]
    accuracy = pd.DataFrame(keys, columns=["method", "epoch", "compression", "seed"])
    accuracy.insert(0, "study", "tiny")
    accuracy["accuracy"] = generator.random(len(accuracy))
    accuracy["accuracy_finetuned"] = np.nan
    overlap = (
        accuracy[accuracy.method == "koopman_magnitude"]
        .rename(columns={"method": "method_a"})
        .assign(method_b="global_magnitude", jaccard=0.8, expected_jaccard=0.6, beyond_chance=0.5)
    )
    return accuracy, overlap


def test_differences_are_paired_by_seed_whatever_the_order_of_rows(tables):
    accuracy, overlap = tables
    found = summary.differences(accuracy.sample(frac=1, random_state=1), overlap.sample(frac=1, random_state=2))
    row = found[(found.epoch == 5) & (found.compression == 4)].iloc[0]
    at = accuracy[(accuracy.epoch == 5) & (accuracy.compression == 4)].pivot_table(
        index="seed", columns="method", values="accuracy"
    )
    expected = student((at.koopman_magnitude - at.global_magnitude).to_numpy())
    assert (row.difference, row.ci_low, row.ci_high) == pytest.approx(expected)
    assert row.n == 3
    assert row.beyond_chance == 0.5


def test_best_names_the_method_of_highest_mean(tables):
    accuracy, _ = tables
    for _, row in summary.best(accuracy).iterrows():
        means = (
            accuracy[(accuracy.epoch == row.epoch) & (accuracy.compression == row.compression)]
            .groupby("method")
            .accuracy.mean()
        )
        assert row.method == means.idxmax()
        assert row.margin >= 0


def eigenvalues(gaps, sizes):
    """Spectra of three seeds over epochs: the leading distance from 1 by `gaps`, the other mode's
    size by `sizes`."""
    rows = []
    for seed in range(3):
        for epoch, (gap, size) in enumerate(zip(gaps, sizes), start=1):
            one = {
                "study": "s",
                "epoch": epoch,
                "seed": seed,
                "window": 44,
                "rank": 10,
                "prediction_error": 0.5,
                "residual": 0.1,
            }
            rows += [
                one | {"mode": 0, "real": 1.0, "imag": gap, "present": 2.0},
                one | {"mode": 1, "real": 0.9, "imag": 0, "present": size},
            ]
            rows.append(
                one | {"mode": 0, "window": 9, "real": 7.0, "imag": 0, "present": 1.0}
            )  # another fit: not looked at
    return pd.DataFrame(rows)


def agreeing(values):
    rows = [
        ("s", "koopman_magnitude", "global_magnitude", e, c, seed, v)
        for seed in range(3)
        for e, v in enumerate(values, 1)
        for c in (4, 16)
    ]
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "beyond_chance"]
    dense = [
        ("s", "koopman_magnitude", "global_magnitude", e, 1, seed, np.nan)
        for seed in range(3)
        for e in range(1, len(values) + 1)
    ]
    return pd.DataFrame(rows + dense, columns=columns)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.95, 0.5, 0.91, 0.99], 3),
        ([0.5, 0.95, 0.5, 0.99], 4),
        ([0.95, 0.92, 0.91, 0.99], 1),
        ([0.95, 0.95, 0.95, 0.2], np.nan),
    ],
)
def test_onset_is_the_first_epoch_from_which_on_the_overlap_stays_high(values, expected):
    found = summary.onset(agreeing(values), eigenvalues([0.4, 0.3, 0.2, 0.1], [1, 1, 1, 1]))
    assert tuple(found.columns) == PRUNING_ONSET
    assert len(found) == 3
    np.testing.assert_array_equal(found.from_epoch, [expected] * 3)
    np.testing.assert_allclose(
        found[["agreement_first", "agreement_last", "gap_first", "gap_last"]].iloc[0], [values[0], values[-1], 0.4, 0.1]
    )


def test_predictors_find_what_in_the_spectrum_goes_with_agreement():
    overlap = agreeing([0.1, 0.3, 0.6, 0.9])
    overlap.loc[overlap.seed == 2, "beyond_chance"] *= 0.9
    found = summary.predictors(overlap, eigenvalues([0.1, 0.2, 0.3, 0.4], [4, 3, 2, 1])).set_index("quantity")
    assert found.rho["gap"] == pytest.approx(1)
    assert found.rho["elsewhere"] == pytest.approx(-1)
    assert found.n["gap"] == 3
    assert "residual" not in found.index  # constant: no rank correlation
    overlap.loc[overlap.seed == 2, "beyond_chance"] *= -1
    found = (
        summary.predictors(overlap, eigenvalues([0.1, 0.2, 0.3, 0.4], [4, 3, 2, 1])).set_index("quantity").loc["gap"]
    )
    assert (found.ci_low, found.rho, found.ci_high) == pytest.approx((-1, 1 / 3, 1))
    first = summary.leading(eigenvalues([0.1], [4])).iloc[0]
    assert (first.gap, first.second_gap, first.elsewhere) == pytest.approx((0.1, 0.1, 2))


def test_figures_draw_intervals_and_the_chance_line(tables, tmp_path):
    accuracy, overlap = tables
    style.use()
    drawn = pruning_lines.accuracy(accuracy)
    assert len([axis for axis in drawn.axes if axis.has_data()]) == 2
    style.save(drawn, tmp_path / "a")
    drawn = pruning_lines.overlap(overlap)
    dashed = [line for line in drawn.axes[0].lines if line.get_linestyle() == "--"]
    assert list(dashed[0].get_ydata()) == [0, 0]
    style.save(drawn, tmp_path / "o")
    drawn = figures.eigenvalues(eigenvalues([0.4, 0.3, 0.2, 0.1], [4, 3, 2, 1]))
    above, below = (
        [line.get_ydata().tolist() for line in axis.lines if line.get_linestyle() == "-"] for axis in drawn.axes[:2]
    )
    assert above[0] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert below == [pytest.approx([2, 1.5, 1, 0.5])]
    style.save(drawn, tmp_path / "e")
    style.save(pruning_lines.accuracy(accuracy, "accuracy_finetuned"), tmp_path / "empty")
    assert (tmp_path / "empty.png").is_file()


def test_any_number_of_studies_stays_on_the_page_with_every_study_drawn_and_named(tables):
    _, overlap = tables
    style.use()
    many = pd.concat([overlap.assign(study=f"study_{letter}") for letter in "abcde"])
    spectra = pd.concat([eigenvalues([0.4, 0.3], [4, 3]).assign(study=f"study_{letter}") for letter in "abc"])
    cases = ((pruning_lines.overlap(many), "abcde", 1, 1), (figures.eigenvalues(spectra), "abc", 2, 2))
    for drawn, names, panels, wide in cases:
        assert drawn.get_figwidth() == style.DOUBLE
        shown = [axis for axis in drawn.axes if axis.get_visible()]
        assert len(shown) == panels * len(names)
        named = [axis.get_title(loc="left") if wide == 2 else axis.get_ylabel() for axis in shown]
        assert sorted(text.splitlines()[0] for text in named if text) == [f"Study {letter}" for letter in names]
        # Below each column, also where the last row is not full.
        assert sum(bool(axis.get_xlabel()) for axis in shown) == wide


def test_what_diverged_is_counted_by_study_in_every_table_and_nothing_at_all_is_named():
    gone = pd.DataFrame({"study": ["a", "a"], "seed": [1, 4], "diverged_at": [10, 20]})
    tables = {
        "accuracy": pd.DataFrame({"study": ["a", "b"]}),
        "best": pd.DataFrame({"study": ["b", "a"]}),
        "exclusions": gone,
    }
    found = summary.counted(tables)
    assert found["accuracy"]["excluded"].tolist() == [2, 0]
    assert found["best"]["excluded"].tolist() == [0, 2]
    assert list(found["exclusions"]) == ["study", "seed", "diverged_at"]
    with pytest.raises(
        KoopflowError, match=r"pruning.studies: every network of every study diverged; lower the learning rates"
    ):
        summary.counted({**tables, "accuracy": tables["accuracy"].iloc[:0]})


def test_numbers_stay_numbers_beside_the_table_of_a_job_whose_networks_all_diverged():
    columns = {"study": ["a"], "seed": [0], "real": [0.9]}
    sound, nothing = pd.DataFrame(columns), pd.DataFrame(columns=list(columns))
    assert summary.joined([nothing, sound])["real"].dtype == float
    assert list(summary.joined([nothing, nothing])) == list(columns)


def test_rows_come_in_the_same_order_however_the_seeds_were_cut_into_jobs():
    whole = pd.DataFrame(
        [(s, m, n) for s in "ba" for m in ("x", "w") for n in (0, 1, 2)], columns=["study", "method", "seed"]
    )
    parts = [whole[(whole["study"] == study) & whole["seed"].isin(seeds)] for study in "ba" for seeds in ([0, 1], [2])]
    assert summary.joined(parts).equals(summary.joined([whole]))
    assert list(dict.fromkeys(summary.joined(parts)["study"])) == ["b", "a"]


def test_a_study_without_pairs_has_empty_tables_of_agreement():
    none = pd.DataFrame(columns=columns.PRUNING_OVERLAP)
    spectrum = pd.DataFrame(columns=columns.PRUNING_SPECTRUM)
    assert list(summary.onset(none, spectrum)) == list(columns.PRUNING_ONSET)
    assert list(summary.predictors(none, spectrum)) == list(columns.PRUNING_PREDICTORS)


def test_where_koopman_scores_win_the_choice_of_the_best_gains_nothing():
    generator = np.random.default_rng(0)
    methods = [*(f"koopman_{i}" for i in range(8)), "other", "random"]
    leads = []
    for _ in range(30):
        rows = [
            ("s", method, 1, 4, seed, 0.5 + 0.1 * generator.standard_normal())
            for method in methods
            for seed in range(8)
        ]
        table = pd.DataFrame(rows, columns=["study", "method", "epoch", "compression", "seed", "accuracy"])
        leads.append(summary.wins(table).difference.iloc[0])
    assert abs(np.mean(leads)) < 3 * np.std(leads) / 30**0.5 + 0.005
    best = [table[table.method.str.startswith("koopman")].groupby("method").accuracy.mean().max() - 0.5]
    assert best[0] > 0.02  # choosing and judging on the same seeds would show a lead


def test_a_koopman_score_that_wins_is_named_with_its_lead():
    rows = [
        ("s", method, 1, c, seed, value + 0.001 * seed)
        for method, value in (("koopman_a", 0.6), ("koopman_b", 0.8), ("x", 0.7), ("random", 0.9))
        for seed in range(4)
        for c in (1, 4)
    ]
    table = pd.DataFrame(rows, columns=["study", "method", "epoch", "compression", "seed", "accuracy"])
    (row,) = summary.wins(table).itertuples(index=False)
    assert (row.koopman, row.other, row.n, row.compression) == ("koopman_b", "x", 4, 4)
    assert row.difference == pytest.approx(0.1)
