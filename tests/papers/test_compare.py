"""Verdicts on figures: same, same in part with what differs, not obtainable, not regenerated."""

import numpy as np
import pandas as pd
import pytest

from koopflow.claims.estimate import Undecided
from koopflow.claims.tables import Tables
from koopflow.papers.compare import ABSENT, NOT_NOW, PARTLY, SAME, agree, figure_table
from koopflow.papers.inventory import Paper, Published
from koopflow.papers.measures import MEASURES, Ours
from koopflow.papers.page import as_markdown
from koopflow.papers.parts import Part, differences, variant_of

NUMBER = {"quantity": "distance", "value": 0.5, "measure": "optimizer_distance", "of": ["a", "b"], "source": "arrays"}


def paper(**entry) -> dict[str, Paper]:
    """An inventory of one figure."""
    one = {"figure": "1", "shows": "a | b", "source": "code", "part": "optimizers", "picture": "papers/x/figure-1.png"}
    return {"x": Paper.load({"letter": "X", "title": "T", "reference": "R", "entries": [one | entry]})}


def table(papers, value=0.5, settings=None, drawn=True) -> pd.DataFrame:
    """The table of a run whose distance of a and b is `value`."""
    rows = pd.DataFrame(
        {"a": ["a"], "b": ["b"], "distance": [value], "ci_low": [value - 0.1], "ci_high": [value + 0.1]}
    )
    given = {"equivalence/optimizers/distances.csv": rows.assign(p_shuffle=0.1, n=25)}
    pictures = {"papers/x/figure-1.png": "papers/x/figure-1.png"} if drawn else {}
    return figure_table(papers, [Part(name="optimizers", settings=settings or {})], pictures, Tables(given=given))


@pytest.mark.parametrize(
    ("entry", "run", "verdict", "differs"),
    [
        ({"numbers": [NUMBER | {"within": 0.01}]}, {}, SAME, ""),
        ({"numbers": [NUMBER | {"within": 0.01}]}, {"value": 0.52}, PARTLY, "distance: 0.52 (published: 0.5)"),
        ({"settings": {"grid": 5}}, {"settings": {"grid": 5}}, SAME, ""),
        ({"settings": {"grid": 5}}, {"settings": {"grid": 4}}, PARTLY, "grid: 4 (published: 5)"),
        ({"differences": ["rate unknown"]}, {}, PARTLY, "rate unknown"),
        ({"missing": "nobody tells", "part": ""}, {}, ABSENT, "nobody tells"),
        ({}, {"drawn": False}, NOT_NOW, ""),
        ({"part": "another"}, {}, NOT_NOW, ""),
        ({"numbers": [NUMBER | {"of": ["a", "c"]}]}, {}, PARTLY, "distance: not computed"),
        ({"numbers": [NUMBER | {"judged": False}]}, {"value": 9}, SAME, ""),
        (
            {"numbers": [NUMBER | {"within": 0.01}], "settings": {"grid": 5}},
            {"value": 9, "settings": {"grid": 4}},
            PARTLY,
            "grid: 4 (published: 5)",
        ),
    ],
)
def test_a_verdict_follows_from_picture_settings_and_numbers(entry, run, verdict, differs):
    row = table(paper(**entry), **run).iloc[0]
    assert (row["verdict"], row["differs"]) == (verdict, differs)


def test_numbers_of_another_setting_are_not_judged():
    papers = paper(numbers=[NUMBER | {"within": 0.01}], settings={"grid": 5, "seeds": 25})
    assert table(papers, settings={"grid": 4, "seeds": 25})["agrees"].tolist() == ["other settings"]
    assert table(papers, settings={"grid": 5, "seeds": 10})["agrees"].tolist() == ["yes"]


def test_intervals_decide_where_a_spread_is_published():
    """Published 0.50 with a standard error of 0.01 against ours with one of 0.01: they differ beyond about 0.028."""
    number = Published(quantity="q", value=0.5, spread=0.05, n=25, source="s")
    assert agree(number, Ours(0.52, 0.50, 0.54)) is True
    assert agree(number, Ours(0.54, 0.52, 0.56)) is False
    assert agree(number, Ours(0.52)) is None


def test_means_of_one_distribution_agree_at_their_level():
    """Of means of two samples of one distribution, 5 % at most differ."""
    generator = np.random.default_rng(0)
    differ = 0
    for _ in range(1000):
        theirs, ours = generator.normal(size=(2, 25))
        number = Published(quantity="q", value=theirs.mean(), spread=theirs.std(ddof=1), n=25, source="s")
        half = 2.064 * ours.std(ddof=1) / 5
        differ += agree(number, Ours(ours.mean(), ours.mean() - half, ours.mean() + half)) is False
    assert 0.02 < differ / 1000 < 0.065


def test_the_page_shows_every_figure_with_both_numbers():
    papers = paper(numbers=[NUMBER | {"within": 0.01, "spread": 0.03}])
    page = as_markdown(papers, table(papers))
    assert "### 1: same\n" in page
    assert "![1](x/figure-1.png)" in page
    assert "| distance | 0.5 ± 0.03 (arrays) | 0.5 [0.4, 0.6] (n = 25) | yes |" in page
    assert "a \\| b" in page
    assert "This run took" in as_markdown(papers, table(papers), times={("optimizers", ""): "This run took 2 minutes."})


def test_variants_have_pictures_of_their_own():
    assert variant_of("papers/x/figure-3.png", "") == "papers/x/figure-3.png"
    assert variant_of("papers/x/figure-3.png", "fixed") == "papers/x/figure-3-fixed.png"


def test_equal_settings_are_equal_however_they_are_written():
    assert differences({"rank": 10, "rate": 0.1, "bias": False}, {"rank": 10.0, "rate": 0.1, "bias": False}) == []
    assert differences({"bias": False}, {"bias": True}) == ["bias: yes (published: no)"]


def test_the_floor_between_seeds_has_an_interval_over_seeds():
    """Seed k contributes u_k to each of its pairs: the variance of the mean over pairs is then known."""
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        u = generator.normal(1, 0.3, 12)
        rows = [
            {"comparison": "w", "a": "s", "b": "s", "seed": f"{i}-{j}", "distance": (u[i] + u[j]) / 2}
            for i in range(12)
            for j in range(i + 1, 12)
        ]
        tables = Tables(given={"equivalence/training/distances.csv": pd.DataFrame(rows)})
        ours = MEASURES["width_seeds"](tables, Part(name="widths", names={"5": "s"}, within="w"), ("5",))
        covered += ours.low <= 1 <= ours.high
    assert 0.9 < covered / 300 < 0.99


def test_widths_are_compared_at_one_seed_as_published():
    rows = [
        ("w", "n", "m", "0", 0.2),
        ("w", "n", "m", "1", 0.4),
        ("w", "n", "m", "0-1", 9.0),
        ("w", "n", "n", "0-1", 9.0),
    ]
    table = pd.DataFrame(rows, columns=["comparison", "a", "b", "seed", "distance"])
    part = Part(name="widths", names={"5": "n", "10": "m"}, within="w")
    tables = Tables(given={"equivalence/training/distances.csv": table})
    ours = MEASURES["width_distance"](tables, part, ("5", "10"))
    assert (ours.value, ours.n) == (pytest.approx(0.3), 2)


def test_accuracies_and_moduli_of_the_grokking_study_are_means_over_networks():
    curves = pd.DataFrame(
        [("free", seed, step, 0.1 * seed + 0.001 * step) for seed in (0, 1) for step in (45, 50)],
        columns=["setting", "seed", "step", "train_accuracy"],
    )
    moduli = pd.DataFrame(
        [("free", seed, 0.0, 1 + seed + 0.01 * place) for seed in (0, 1) for place in range(10)],
        columns=["setting", "seed", "real", "imag"],
    )
    tables = Tables(given={"grokking/curves.csv": curves, "grokking/eigenvalues.csv": moduli})
    part = Part(name="grokking", names={"grokking": "free"})
    assert MEASURES["grokking_accuracy"](tables, part, ("grokking", "train_accuracy", "50")).value == pytest.approx(0.1)
    growth = MEASURES["grokking_growth"](tables, part, ("grokking",))
    assert (growth.value, growth.n) == (pytest.approx(0.5 + 0.065), 2), "the six largest have places 4 to 9"


def test_settings_without_a_spectrum_have_no_distance():
    none = pd.DataFrame(columns=["a", "b", "seed", "distance"])
    part = Part(name="grokking", names={"grokking": "free", "constrained": "held"})
    with pytest.raises(Undecided):
        MEASURES["grokking_distance"](Tables(given={"grokking/distances.csv": none}), part, ("grokking", "constrained"))


def test_the_shuffle_control_of_widths_is_a_mean_over_seeds():
    rows = [("w", "n", "m", "0", 0.2), ("w", "n", "m", "1", 0.4), ("w", "n", "m", "0-1", np.nan)]
    table = pd.DataFrame(rows, columns=["comparison", "a", "b", "seed", "p_shuffle"])
    part = Part(name="widths", names={"5": "n", "10": "m"}, within="w")
    given = Tables(given={"equivalence/training/distances.csv": table})
    ours = MEASURES["width_shuffle"](given, part, ("5", "10"))
    assert (ours.value, ours.n) == (pytest.approx(0.3), 2)


def test_a_figure_with_variants_has_one_section_and_one_verdict():
    """The variant with the published settings shows its numbers; of the other one the page tells what differs."""
    one = {"figure": "1", "shows": "x", "source": "code", "part": "optimizers", "picture": "papers/x/figure-1.png"}
    entries = [
        one | {"numbers": [NUMBER | {"within": 0.01}], "settings": {"grid": 5}},
        one | {"figure": "2"},
        {"figure": "3", "shows": "y", "source": "inferred", "missing": "nobody tells"},
    ]
    papers = {"x": Paper.load({"letter": "X", "title": "T", "reference": "R", "entries": entries})}
    parts = [Part(name="optimizers", variant=v, settings={"grid": g}) for v, g in (("other", 4), ("", 5))]
    pictures = {path: path for path in ("papers/x/figure-1.png", "papers/x/figure-1-other.png")}
    rows = pd.DataFrame({"a": ["a"], "b": ["b"], "distance": [0.5], "ci_low": [0.4], "ci_high": [0.6], "n": [25]})
    tables = Tables(given={"equivalence/optimizers/distances.csv": rows})
    labels = {("optimizers", ""): "Grid five", ("optimizers", "other"): "Grid four"}
    page = as_markdown(papers, figure_table(papers, parts, pictures, tables), labels=labels)
    assert "Of 3 published figures, panels, tables and statements: 2 same, 0 same in part, 0 not reg" in page
    assert "| X | 1 | x | same |\n| X | 2 | x | same |\n| X | 3 | y | not obtainable |\n" in page
    assert page.count("### 1: same\n") == page.count("### 1") == 1
    assert "**Grid four**: same in part. Differs: grid: 4 (published: 5)." in page
    assert "**Grid five**: same.\n" in page
    assert page.count("| distance |") == 1, "numbers of other settings are left to figures.csv"
    assert page.count("![") == 2, "each picture once"
    assert "Our picture: [figure-1-other.png](x/figure-1-other.png), shown at 1." in page
    only = as_markdown(papers, figure_table(papers, parts[:1], pictures, tables))
    assert "| 0.5 [0.4, 0.6] (n = 25) | other settings |" in only, "where no variant has the published settings"
