"""The tables of the report: intervals beside their values, no markup from names, every row's origin
named."""

import numpy as np
import pandas as pd
import pytest

from koopflow.cli import report_tables as report
from koopflow.cli.report_tables import page, with_interval
from koopflow.core.registry import imported
from koopflow.io.columns import PRUNING_DIFFERENCES
from koopflow.studies.discovery import discover, tables_of

TESTS = pd.DataFrame(
    [
        (
            "width",
            "w<5>",
            "w40",
            0.5,
            0.2,
            0.8,
            0.012,
            "different",
            8,
            "different at rank 4",
            "different by reliability",
        ),
        ("width", "a", "b", 0.1, np.nan, np.nan, 0.9, "inconclusive", 2, np.nan, np.nan),
    ],
    columns=[
        "comparison",
        "a",
        "b",
        "excess",
        "ci_low",
        "ci_high",
        "p_adjusted",
        "verdict",
        "n",
        "sensitivity",
        "alternatives",
    ],
)


def test_a_value_stands_with_its_interval_and_says_where_there_is_none():
    assert with_interval(TESTS, "excess") == ["0.5 [0.2, 0.8]", "0.1 (no interval)"]
    assert with_interval(TESTS.assign(excess=np.nan), "excess") == ["", ""]


def test_names_of_the_users_are_text_and_no_markup():
    html = page(report.setups, "results/equivalence/training/tests.csv", TESTS)
    assert "w&lt;5&gt; / w40" in html
    assert "<5>" not in html
    assert "2 rows" in html
    assert "results/equivalence/training/tests.csv" in html


@pytest.mark.parametrize("table", tables_of(discover()), ids=lambda table: table.caption)
def test_a_table_without_rows_says_so(table):
    assert "computed no row" in page(imported(table.shown, "table", "table"), "x.csv", pd.DataFrame({"seed": []}))


def test_pruning_tables_show_first_and_last_epoch_of_each_study():
    rows = [
        ("s", "a_b", "c", epoch, compression, 3, 0.1, 0.0, 0.2, 0.5) for epoch in (1, 5, 20) for compression in (2, 4)
    ]
    rows += [("t", "a_b", "c", 7, 4, 3, 0.1, 0.0, 0.2, np.nan)]
    shown = report.pruned_alike(pd.DataFrame(rows, columns=list(PRUNING_DIFFERENCES)))
    assert list(zip(shown["study"], shown["epoch"], shown["compression"])) == [("S", 1, 4), ("S", 20, 4), ("T", 7, 4)]
    assert list(shown["agreement beyond chance"]) == ["0.50", "0.50", ""]


def test_onset_names_every_networks_epoch_and_those_that_never_agree():
    columns = ["study", "method_a", "method_b", "seed", "from_epoch", "agreement_first", "agreement_last"]
    rows = [
        ("s", "a_b", "c", 0, np.nan, 0.1, 0.5),
        ("s", "a_b", "c", 1, 10.0, 0.3, 0.9),
        ("s", "a_b", "c", 2, 2.0, 0.5, 1.0),
    ]
    shown = report.agreed_from(pd.DataFrame(rows, columns=columns))
    assert shown.iloc[0].tolist() == ["S", "A b − c", "2, 10, never", "0.30", "0.80", 3]


def test_a_predictor_is_named_in_words_with_its_interval():
    columns = ["study", "method_a", "method_b", "quantity", "n", "rho", "ci_low", "ci_high"]
    shown = report.told_by_spectrum(
        pd.DataFrame([("s", "a_b", "c", "elsewhere", 3, -0.9, -1.0, -0.5)], columns=columns)
    )
    assert shown.iloc[0].tolist() == [
        "S",
        "A b − c",
        "size of the other modes over the leading one's",
        "-0.9 [-1, -0.5]",
        3,
    ]
