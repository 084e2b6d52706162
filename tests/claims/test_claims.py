"""Claims: each measure on fabricated tables that flip its verdict both ways; too little data or no
table is inconclusive."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from koopflow.claims.estimate import Estimate, Undecided, jackknife, over_networks, over_units
from koopflow.claims.registry import MEASURES
from koopflow.claims.tables import Tables
from koopflow.claims.verdicts import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED, check_claims, judge, verdict
from koopflow.config.claims import ClaimsSettings
from koopflow.core.errors import KoopflowError
from koopflow.io.columns import CLAIMS, TICKET_FORECASTS, TICKET_PREDICTOR_TESTS, TICKET_PREDICTORS

SEEDS = range(6)


def noise(*shape, seed=0, scale=0.01):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def optimizers(near, far):
    pairs = {("mirror", "gradient"): near, ("mirror", "bisection"): far, ("gradient", "bisection"): far}
    rows = [(*pair, apart, 0.9 * apart, 1.1 * apart, 25) for pair, apart in pairs.items()]
    return {
        "equivalence/optimizers/distances.csv": pd.DataFrame(
            rows, columns=["a", "b", "distance", "ci_low", "ci_high", "n"]
        )
    }


def training(between, within=1.0):
    apart = noise(6, 6)
    rows = [
        ("width", "w5", "w40", str(i) if i == j else f"{i}-{j}", between + apart[i, j])
        for i, j in itertools.product(SEEDS, SEEDS)
    ]
    pairs = list(itertools.combinations(SEEDS, 2))
    rows += [
        ("width", w, w, f"{i}-{j}", within + e)
        for w in ("w5", "w40")
        for (i, j), e in zip(pairs, noise(len(pairs), seed=1))
    ]
    return {
        "equivalence/training/distances.csv": pd.DataFrame(rows, columns=["comparison", "a", "b", "seed", "distance"])
    }


def settings(tables):
    """Return distances between set-ups as those between settings of networks that grok and do not."""
    return {"grokking/distances.csv": next(iter(tables.values())).drop(columns="comparison")}


def overlap(early, late, gaps=(0.5, 0.3, 0.2, 0.1)):
    rows, spectrum = [], []
    for seed, e in zip(SEEDS, noise(6)):
        for epoch, gap in enumerate(gaps, start=1):
            agreement = early + (late - early) * (epoch - 1) / (len(gaps) - 1) + e
            rows.append(("s", "A", "B", epoch, 4, seed, 0.2 + 0.8 * agreement, 0.2))
            rows.append(("s", "A", "B", epoch, 1, seed, 1.0, 0.99))  # nothing pruned: says nothing
            spectrum += [
                ("s", epoch, seed, 40, 10, 1 - gap, 0.0),
                ("s", epoch, seed, 40, 10, 0.1, 0.1),
                ("s", epoch, seed, 9, 2, 1.0, 0.0),
            ]
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "jaccard", "expected_jaccard"]
    spectra = pd.DataFrame(spectrum, columns=["study", "epoch", "seed", "window", "rank", "real", "imag"])
    return {"pruning/overlap.csv": pd.DataFrame(rows, columns=columns), "pruning/spectrum.csv": spectra}


def accuracy(gap):
    rows = []
    for seed, e in zip(SEEDS, noise(6, scale=0.002)):
        for epoch, compression in itertools.product((1, 5), (1, 4, 16)):
            late = gap if epoch == 5 and compression == 16 else 0.0
            rows += [("s", "A", epoch, compression, seed, 0.8 + late + e), ("s", "B", epoch, compression, seed, 0.8)]
    return {
        "pruning/accuracy.csv": pd.DataFrame(
            rows, columns=["study", "method", "epoch", "compression", "seed", "accuracy"]
        )
    }


def flow(scatter):
    rows = []
    for seed in SEEDS:
        jitter = noise(2, 12, seed=seed, scale=scatter)
        for layer, sigma in enumerate((-0.3, 0.6)):
            for n in range(12):
                density = 0.8**n
                rows.append(("t", "m", seed, n, f"l{layer}", density, 0.1 * density**-sigma * np.exp(jitter[layer, n])))
    windows = pd.DataFrame(
        [("t", "m", f"l{i}", 1, 10) for i in (0, 1)], columns=["task", "model", "layer", "first_round", "last_round"]
    )
    columns = ["task", "model", "seed", "round", "layer", "density", "coupling"]
    return {"tickets/flow.csv": pd.DataFrame(rows, columns=columns), "tickets/exponents.csv": windows}


def composition(apart):
    rows = [("t", "m", seed, 0.64, "l", 0.2 * np.exp(apart + e), 0.2) for seed, e in zip(SEEDS, noise(6, scale=0.001))]
    columns = ["task", "model", "seed", "density", "layer", "coupling_a", "coupling_b"]
    return {"tickets/composition.csv": pd.DataFrame(rows, columns=columns)}


def transfer(share_of_distance, gain=0.1):
    """Tasks on a line; a pair's exponent distance is how far apart they stand, and the share
    transferred a function of it."""
    rows = []
    for source, target in itertools.product(range(7), repeat=2):
        distance = abs(source**1.3 - target**1.3)
        share = 1.0 if source == target else share_of_distance(distance)
        for seed, e in zip(SEEDS, noise(6, seed=source * 10 + target, scale=0.001)):
            rows.append(
                (f"t{source}", f"t{target}", "m", seed, 0.1, 0.5 + gain * share + e, 0.5 + gain + e, 0.5, distance)
            )
    columns = [
        "source",
        "target",
        "model",
        "seed",
        "density",
        "accuracy",
        "accuracy_own",
        "accuracy_random",
        "exponent_distance",
    ]
    return {"tickets/transfer.csv": pd.DataFrame(rows, columns=columns)}


def told(slope):
    """Transfer between seven tasks that rises, or falls, with a predictor's score."""
    pairs = [(f"t{a}", f"t{b}", a, b) for a, b in itertools.product(range(7), repeat=2) if a != b]
    values = noise(len(pairs), seed=4, scale=0.3)
    rows = [
        ("probe", a, b, 0.05, value, 0.5 + slope * value + 0.01 * ((i + j) % 3), "yes", "m", "yes", 0.9)
        for (a, b, i, j), value in zip(pairs, values)
    ]
    tests = pd.DataFrame([dict.fromkeys(TICKET_PREDICTOR_TESTS, 0.0) | {"model": "m", "predictor": "probe"}])
    return {
        "tickets/predictors.csv": pd.DataFrame(rows, columns=list(TICKET_PREDICTORS)),
        "tickets/predictor_tests.csv": tests.assign(decision="predicts transfer"),
    }


def foretold(inside, answer):
    """Forecasts of seven tasks, left out one by one; all measured shares are 0.9."""
    rows = [("m", "s", f"t{i}", 0.05, 0.8, 0.6, 1.0, answer, 0.9, inside, f"t{i}", 0.1, 0.9, 0.5) for i in range(7)]
    return {"tickets/will_transfer.csv": pd.DataFrame(rows, columns=list(TICKET_FORECASTS))}


def skill(memory, persistence=-0.3, names="ab"):
    rows = []
    for (place, series), horizon in itertools.product(enumerate(names), (1, 8)):
        for method, value in (("sliding", 0.0), ("gated", memory), ("persistence", persistence)):
            interval = (value, value - 0.05, value + 0.05)
            error = (1 - value) * (1 + 0.01 * place * (method == "gated"))
            rows.append((series, method, horizon, 300, error, *interval, *interval))
    columns = ["series", "method", "horizon", "n", "mae", "skill_vs_sliding", "ci_low", "ci_high"]
    columns += ["skill_vs_without_recall", "recall_ci_low", "recall_ci_high"]
    return {"forecast/skill.csv": pd.DataFrame(rows, columns=columns)}


def grokking(area, gain):
    rows = [
        ("spectrum", "", area, area - 0.1, area + 0.1),
        ("train_loss", "", 0.6, 0.5, 0.7),
        ("settings", "", 0.7, 0.6, 0.8),
    ]
    rows += [("spectrum", other, gain, gain - 0.05, gain + 0.05) for other in ("train_loss", "settings")]
    frame = pd.DataFrame(rows, columns=["predictor", "against", "value", "ci_low", "ci_high"])
    return {"grokking/areas.csv": frame.assign(n=60, n_groks=25)}


AB = {"a": "A", "b": "B"}
OPTIMIZERS = {"a": "mirror", "b": "gradient", "control": "bisection"}
CASES = {
    "distance_beside_control": (OPTIMIZERS, {"below": 0.5}, optimizers(0.01, 1.0), optimizers(0.9, 1.0)),
    "excess_distance": ({"comparison": "width"}, {"above": 0.25}, training(0.4, 0.2), training(0.2, 0.2)),
    "grokking_excess": (
        {"a": "w5", "b": "w40"},
        {"above": 0.25},
        settings(training(0.4, 0.2)),
        settings(training(0.2, 0.2)),
    ),
    "grokking_area": ({}, {"above": 0.5}, grokking(0.8, 0.1), grokking(0.3, 0.1)),
    "grokking_gain": (
        {"against": ["train_loss", "settings"]},
        {"above": 0.0},
        grokking(0.8, 0.1),
        grokking(0.8, -0.1),
    ),
    "mask_agreement": (AB | {"when": "late"}, {"above": 0.9}, overlap(0.2, 0.97), overlap(0.97, 0.85)),
    "least_mask_agreement": (AB | {"when": "late"}, {"above": 0.9}, overlap(0.2, 0.97), overlap(0.97, 0.85)),
    "agreement_gained": (AB, {"above": 0.0}, overlap(0.2, 0.9), overlap(0.9, 0.2)),
    "accuracy_gap": (AB | {"when": "late"}, {"above": -0.02, "below": 0.02}, accuracy(0.0), accuracy(0.2)),
    "mean_accuracy_gap": (AB | {"when": "late"}, {"above": -0.02, "below": 0.02}, accuracy(0.0), accuracy(0.2)),
    "spectrum_tells_agreement": (AB, {"below": 0.0}, overlap(0.2, 0.9), overlap(0.9, 0.2)),
    "scaling": ({}, {"above": 0.9}, flow(0.01), flow(3.0)),
    "composition": ({}, {"below": 0.05}, composition(0.01), composition(0.5)),
    "ticket_gain": ({}, {"above": 0.0}, transfer(lambda d: 1.0), transfer(lambda d: 1.0, gain=-0.1)),
    "transfer_share": ({}, {"above": 0.5}, transfer(lambda d: 0.9), transfer(lambda d: 0.1)),
    "exponents_predict_transfer": ({}, {"above": 0.0}, transfer(lambda d: 1 - d / 15), transfer(lambda d: d / 15)),
    "exponents_agree_where_transfer": (
        {},
        {"above": 0.5},
        transfer(lambda d: 1.0 * (d < 4)),
        transfer(lambda d: 1.0 * (d > 4)),
    ),
    "predictor_correlation": ({"predictor": "probe"}, {"above": 0.0}, told(1.0), told(-1.0)),
    "forecast_coverage": ({}, {"above": 0.8}, foretold("yes", "transfers"), foretold("no", "transfers")),
    "answers_right": ({}, {"above": 0.9}, foretold("yes", "transfers"), foretold("yes", "does not transfer")),
    "skill_over_sliding": ({"series": ["a", "b"]}, {"above": 0.0}, skill(0.4), skill(-0.4)),
    "skill_of_recall": ({"series": ["a", "b"]}, {"above": 0.0}, skill(0.4), skill(-0.4)),
    "skill_over_series": (
        {"series": list("abcdefg")},
        {"above": 0.0},
        skill(0.4, names="abcdefg"),
        skill(-0.4, names="abcdefg"),
    ),
    "skill_over_best_baseline": (
        {"series": ["a", "b"], "against": ["persistence"]},
        {"above": 0.0},
        skill(0.4),
        skill(0.4, persistence=0.8),
    ),
}


def claims(measure, options, criterion, minimum=3):
    statement = {"paper": "arXiv 0000.00000", "statement": "Something holds.", "measure": measure} | options | criterion
    return ClaimsSettings.load({"level": 0.95, "minimum_units": minimum, "statements": {"it": statement}})


def judged(measure, options, criterion, tables, minimum=3):
    return judge(claims(measure, options, criterion, minimum), Tables(given=tables)).iloc[0]


def test_every_measure_has_a_case():
    assert set(CASES) == set(MEASURES)


@pytest.mark.parametrize("measure", CASES)
def test_fabricated_tables_flip_the_verdict_both_ways(measure):
    options, criterion, holding, failing = CASES[measure]
    row = judged(measure, options, criterion, holding)
    assert row["verdict"] == SUPPORTED, row.to_dict()
    assert tuple(row.index) == CLAIMS
    assert row["ci_low"] <= row["value"] <= row["ci_high"]
    row = judged(measure, options, criterion, failing)
    assert row["verdict"] == NOT_SUPPORTED, row.to_dict()


@pytest.mark.parametrize("measure", CASES)
def test_no_table_is_inconclusive_and_names_the_table(measure, tmp_path):
    options, criterion, holding, _ = CASES[measure]
    row = judge(claims(measure, options, criterion), Tables(tmp_path)).iloc[0]
    assert row["verdict"] == INCONCLUSIVE
    assert next(iter(holding)) in row["reason"]
    assert row["n"] == 0


@pytest.mark.parametrize(
    "measure", [name for name in CASES if "seed" in next(iter(CASES[name][2].values())) and "exponents_" not in name]
)
def test_too_few_seeds_are_inconclusive(measure):
    options, criterion, holding, _ = CASES[measure]
    few = {
        path: table[~table["seed"].astype(str).str.contains("[2-9]")] if "seed" in table else table
        for path, table in holding.items()
    }
    row = judged(measure, options, criterion, few)
    assert row["verdict"] == INCONCLUSIVE
    assert "2 seeds" in row["reason"], row["reason"]


@pytest.mark.parametrize("measure", ["exponents_predict_transfer", "exponents_agree_where_transfer"])
def test_too_few_tasks_are_inconclusive(measure):
    options, criterion, holding, _ = CASES[measure]
    table = holding["tickets/transfer.csv"]
    few = table[table["source"].isin(["t0", "t1", "t2"]) & table["target"].isin(["t0", "t1", "t2"])]
    row = judged(measure, options, criterion, {"tickets/transfer.csv": few})
    assert row["verdict"] == INCONCLUSIVE
    assert "pairs" in row["reason"]


def test_a_wide_interval_is_inconclusive_whichever_side_the_value_is_on():
    for value in (0.1, -0.1):
        assert verdict(Estimate(value, value - 1, value + 1, 9, "seeds"), 0.0, None) == INCONCLUSIVE


def test_a_claim_on_grokking_is_judged_at_the_neighbouring_ranks():
    options, criterion, holding, failing = CASES["grokking_excess"]
    (path, table), other = next(iter(holding.items())), next(iter(failing.values()))
    for beside, expected in ((table, SUPPORTED), (other, INCONCLUSIVE)):
        ranks = pd.concat([table.assign(rank=9), beside.assign(rank=11)])
        row = judged("grokking_excess", options, criterion, {path: table, "grokking/rank_distances.csv": ranks})
        assert row["verdict"] == expected
        assert row["sensitivity"].startswith("supported at rank 9; ")
    assert row["reason"] == "supported here, but not supported at rank 11"


def test_what_no_seed_can_decide_says_so():
    options, criterion, holding, failing = CASES["exponents_agree_where_transfer"]
    mixed = next(iter(holding.values())).assign(
        accuracy=[(a + b) / 2 for a, b in zip(*(next(iter(t.values()))["accuracy"] for t in (holding, failing)))]
    )
    mixed["accuracy"] += noise(len(mixed), scale=0.05)
    row = judged("exponents_agree_where_transfer", options, criterion, {"tickets/transfer.csv": mixed})
    assert row["verdict"] == INCONCLUSIVE
    assert row["reason"].endswith("it is over tasks: more of them narrow it, more seeds hardly do")


def test_only_the_predictors_of_its_own_network_widen_a_correlation():
    alone, options = told(0.3), {"predictor": "probe", "model": "m"}
    path = "tickets/predictors.csv"
    other = alone | {path: pd.concat([alone[path], alone[path].assign(model="n", predictor="masks")])}
    same = alone | {path: pd.concat([alone[path], alone[path].assign(predictor="masks")])}
    rows = [judged("predictor_correlation", options, {"above": 0.0}, tables) for tables in (alone, other, same)]
    assert rows[0]["ci_low"] == rows[1]["ci_low"] > rows[2]["ci_low"]


def test_coverage_counts_the_tasks_that_were_left_out_and_seeds_alone_have_a_least_number():
    forecasts = foretold("yes", "transfers")["tickets/will_transfer.csv"].assign(target="t")
    tables = {"tickets/will_transfer.csv": forecasts}
    row = judged("forecast_coverage", {}, {"above": 0.8}, tables, minimum=10)
    assert (row["n"], row["unit"], row["verdict"]) == (7, "tasks left out", SUPPORTED)


def test_the_error_of_a_mean_over_networks_is_that_of_its_parts():
    values = pd.Series([1.0, 2.0, 3.0, 11.0, 12.0, 13.0], index=pd.Index(list("aaabbb"), name="model"))
    found = over_networks(values, 0.95)
    half = stats.t.ppf(0.975, 4) * np.sqrt((1 / 3 + 1 / 3) / 4)
    assert [found.value, found.low, found.high] == pytest.approx([7.0, 7.0 - half, 7.0 + half])


def test_a_tiny_but_certain_effect_does_not_meet_a_criterion_about_size():
    assert verdict(Estimate(0.01, 0.009, 0.011, 10**6, "seeds"), 0.25, None) == NOT_SUPPORTED


def scattered(tables, others):
    """Return the tables with the first seed's rows taken from the others."""
    return {
        path: pd.concat([others[path][others[path]["seed"] == SEEDS[0]], table[table["seed"] != SEEDS[0]]])
        if "seed" in table
        else table
        for path, table in tables.items()
    }


@pytest.mark.parametrize(
    ("measure", "tables", "end", "bound"),
    [
        ("mask_agreement", scattered(overlap(0.2, 0.98), overlap(0.2, 0.2)), "ci_high", 1),
        ("spectrum_tells_agreement", scattered(overlap(0.2, 0.9), overlap(0.9, 0.2)), "ci_low", -1),
        ("scaling", scattered(flow(0.001), flow(9.0)), "ci_high", 1),
    ],
)
def test_an_interval_ends_where_its_statistic_does(measure, tables, end, bound):
    options, criterion, _, _ = CASES[measure]
    row = judged(measure, options, criterion, tables)
    assert row[end] == bound
    assert row["ci_low"] < row["value"] < row["ci_high"]


def test_student_interval_covers_as_often_as_it_says():
    draws = np.random.default_rng(1).standard_normal((2000, 4))
    estimates = [over_units(draw, 0.9) for draw in draws]
    covered = np.mean([estimate.low < 0 < estimate.high for estimate in estimates])
    assert covered == pytest.approx(0.9, abs=0.02)


def test_jackknife_of_a_mean_is_students_interval():
    values = dict(enumerate(np.random.default_rng(2).standard_normal(7)))
    ours = jackknife(lambda keys: np.mean([values[key] for key in keys]), list(values), 0.95)
    theirs = over_units(values.values(), 0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_diverged_seeds_are_left_out_of_n():
    estimate = over_units([1.0, float("nan"), 2.0, 3.0], 0.95)
    assert (estimate.n, estimate.excluded) == (3, 1)
    with pytest.raises(Undecided):
        over_units([1.0, float("nan")], 0.95)


def test_a_claim_counts_what_its_tables_go_without_of_the_rows_that_it_names():
    rows = [
        (c, "a", "b", str(i) if i == j else f"{i}-{j}", 2.0)
        for c in ("width", "rate")
        for i in range(4)
        for j in range(4)
    ]
    rows += [
        (c, x, x, f"{i}-{j}", 1.0 + 0.1 * (i + j))
        for c in ("width", "rate")
        for x in "ab"
        for i in range(4)
        for j in range(i)
    ]
    table = pd.DataFrame(rows, columns=["comparison", "a", "b", "seed", "distance"])
    table["excluded_a"], table["excluded_b"] = 0, np.where(table["comparison"] == "rate", 3, 0)
    for comparison, excluded in (("width", 0), ("rate", 3)):
        block = claims("excess_distance", {"comparison": comparison}, {"above": 0.25})
        found = judge(block, Tables(given={"equivalence/training/distances.csv": table}))
        assert found["excluded"].tolist() == [excluded]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"measure": "magic"}, "no measure named 'magic'"),
        ({"measure": "excess_distances"}, "did you mean excess_distance?"),
        ({"measure": "no.such.module:f"}, "cannot be imported"),
        ({"comparisons": "width"}, "comparisons: unknown option (did you mean comparison?)"),
        ({"comparison": None}, "comparison: required option is missing"),
        ({"comparison": 3}, "comparison: must be str"),
        ({"above": None}, "criterion"),
        ({"below": 0.1}, "must be smaller"),
        ({"statement": ""}, "statement"),
    ],
)
def test_a_claim_that_cannot_be_computed_is_one_clear_line(change, named):
    statement = claims("excess_distance", {"comparison": "width"}, {"above": 0.25}).dump()["statements"]["it"] | change
    statement = {key: value for key, value in statement.items() if value is not None}
    with pytest.raises(KoopflowError, match=r"^claims\.statements\.it") as caught:
        check_claims(ClaimsSettings.load({"statements": {"it": statement}}, "claims"))
    assert named in str(caught.value)


def test_early_and_late_are_each_studys_own_and_a_study_pruned_once_is_left_out():
    from koopflow.claims.pruning import _epochs

    rows = [("short", 1, 0.1), ("short", 10, 0.2), ("long", 50, 0.3), ("long", 200, 0.4), ("once", 7, 0.5)]
    frame = pd.DataFrame(rows, columns=["study", "epoch", "value"])
    assert _epochs(Tables(), frame, "early").value.tolist() == [0.1, 0.3]
    assert _epochs(Tables(), frame, "late").value.tolist() == [0.2, 0.4]
    with pytest.raises(Undecided, match="early and late cannot be told apart"):
        _epochs(Tables(), frame[frame.study == "once"], "late")
