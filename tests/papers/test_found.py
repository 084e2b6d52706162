"""Tables below a figure on the page: what a run found where no number is published."""

import pandas as pd
import pytest

from koopflow.claims.estimate import Undecided
from koopflow.claims.tables import Tables
from koopflow.io.columns import FORECAST_SKILL, TICKET_DEPTH
from koopflow.papers.found import FINDINGS, found_tables
from koopflow.papers.inventory import Paper
from koopflow.papers.page import as_markdown
from koopflow.papers.parts import Part
from koopflow.papers.reading import inventory
from koopflow.studies.papers import plan
from tests.studies.plans import resolved

VERDICTS = pd.DataFrame(
    {"comparison": ["width"], "a": ["width-5"], "b": ["width-10"], "excess": [0.5], "ci_low": [0.25], "ci_high": [0.8]}
).assign(verdict="different", sensitivity=float("nan"), n=25)


def entry(**given) -> dict[str, Paper]:
    """An inventory of one entry without numbers."""
    one = {"figure": "first", "shows": "set-ups", "source": "text", "part": "setups", "found": "setup_verdicts"}
    return {"x": Paper.load({"letter": "X", "title": "T", "reference": "R", "entries": [one | given]})}


def test_the_page_shows_verdicts_and_where_settings_stand():
    papers = entry(two_cores="a.yaml, 3 minutes", cluster="b.yaml")
    tables = Tables(given={"equivalence/training/tests.csv": VERDICTS})
    found = found_tables(papers, [Part(name="setups")], tables)
    row = {"paper": "x", "figure": "first", "variant": "", "shows": "set-ups", "source": "text", "picture": ""}
    page = as_markdown(papers, pd.DataFrame([row | {"verdict": "same", "differs": "", "quantity": None}]), found)
    assert "| width | width-5, width-10 | 0.50 [0.25, 0.80] | different |  | 25 |" in page
    assert "On two cores: a.yaml, 3 minutes. At the paper's scale: b.yaml." in page


def test_a_table_that_a_run_cannot_make_is_left_out():
    assert found_tables(entry(), [Part(name="setups")], Tables(given={})) == {}


def test_improvement_is_shown_at_the_first_middle_and_last_horizon():
    rows = [
        ("wave", method, horizon, 50, 1.0, 1.0, 1.0, 0.5, 0.4, 0.6)
        for method in ("episodic", "episodic_paper")
        for horizon in range(1, 6)
    ]
    tables = Tables(given={"forecast/skill.csv": pd.DataFrame(rows, columns=list(FORECAST_SKILL))})
    found = FINDINGS["improvement"](tables, Part(name="forecast", names={"wave": "wave"}))
    assert found["horizon"].tolist() == [1, 3, 5]
    assert found["episodic_paper, %"].tolist() == ["100 [67, 150]"] * 3
    with pytest.raises(Undecided):
        FINDINGS["improvement"](tables, Part(name="forecast", names={"other": "other"}))


def test_the_spread_over_depth_is_shown_for_every_network():
    rows = pd.DataFrame([("digits", "resnet8", 0.25, 0.2, 0.3, 5, 3)], columns=list(TICKET_DEPTH))
    found = FINDINGS["depth_spread"](Tables(given={"tickets/depth.csv": rows}), Part(name="elastic")).iloc[0]
    assert found["spread of exponents over depth"] == "0.250 [0.200, 0.300]"
    with pytest.raises(Undecided):
        FINDINGS["depth_spread"](Tables(given={"tickets/depth.csv": rows[:0]}), Part(name="elastic"))


def test_accuracies_of_pretrained_networks_are_means_over_seeds():
    rows = [("net", "koopman_full", 1, 4, seed, 0.5 + 0.1 * seed, float("nan")) for seed in (0, 1)]
    accuracy = pd.DataFrame(
        rows, columns=["study", "method", "epoch", "compression", "seed", "accuracy", "accuracy_finetuned"]
    )
    overlap = pd.DataFrame(
        {"study": "net", "method_a": "koopman_full", "method_b": "global_magnitude", "compression": [4, 4]}
    ).assign(beyond_chance=[0.8, 0.8])
    tables = Tables(given={"pruning/accuracy.csv": accuracy, "pruning/overlap.csv": overlap})
    found = FINDINGS["pretrained"](tables, Part(name="pretrained", names={"net": "net"})).iloc[0]
    assert found["right after"].startswith("0.550 [")
    assert (found["after one epoch"], found["kept beyond chance"]) == ("", "0.800 [0.800, 0.800]")


def test_exponents_have_a_row_per_task_and_a_column_per_layer():
    rows = [("digits", "mlp", f"layer{k}", 0.1 * k, 0.0, 0.5, 0.9) for k in (1, 2)]
    rows.append(("clusters", "mlp", "layer1", -0.2, -0.3, -0.1, 0.8))
    names = ["task", "model", "layer", "sigma", "ci_low", "ci_high", "r2"]
    tables = Tables(given={"tickets/common_exponents.csv": pd.DataFrame(rows, columns=names)})
    found = FINDINGS["exponents"](tables, Part(name="tickets")).set_index("task")
    assert found.loc["digits", "layer2"] == "0.200 [0.000, 0.500]; R² 0.90"
    assert found.loc["clusters", "layer2"] == ""


def test_what_tells_transfer_is_listed_with_its_decision():
    row = {"model": "mlp-6", "predictor": "layer_exponents", "correlation": -0.04, "ci_low": -0.3, "ci_high": 0.2}
    row |= {"decision": "not shown to predict transfer", "cost": 0.1, "reliability": 0.9, "tasks": 14}
    tables = Tables(given={"tickets/predictor_tests.csv": pd.DataFrame([row])})
    found = FINDINGS["transfer_predictors"](tables, Part(name="tickets")).iloc[0]
    assert found["rank correlation with transfer"] == "-0.04 [-0.30, 0.20]"
    assert (found["decision"], found["reliability of transfer"]) == ("not shown to predict transfer", "0.90")
    with pytest.raises(Undecided):
        FINDINGS["transfer_predictors"](
            Tables(given={"tickets/predictor_tests.csv": pd.DataFrame([row]).iloc[:0]}), Part(name="tickets")
        )


def test_every_table_of_the_inventory_exists():
    named = {each.found for paper in inventory().values() for each in paper.entries if each.found}
    assert named == set(FINDINGS)


def test_later_epochs_are_those_of_the_runs_that_have_them():
    shared = {"epoch": 100, "window": 50, "koopman": {"rank": 5}}
    windows = {
        "long": {"model": {"name": "lenet5"}, "steps": 300, **shared},
        "short": {"model": {"name": "resnet20"}, "steps": 100, **shared},
    }
    parts = plan(resolved({"equivalence": {"windows": windows}})).windows()
    assert parts["windows"].settings["model"] == "lenet5, resnet20"
    assert (parts["later_windows"].settings["model"], list(parts["later_windows"].names)) == ("lenet5", ["long"])
    assert plan(resolved({"equivalence": {"windows": {}}})).windows() == {}


def test_pairs_of_one_setting_have_pictures_of_their_own():
    settings = {name: {"held_norm": norm} for name, norm in (("a", 0.8), ("b", 0.5), ("c", 0.3))}
    study = {"settings": {"free": {}, **settings}, "pairs": [["free", "a"], ["free", "b"], ["free", "c"]]}
    assert list(plan(resolved({"grokking": study})).grokking()) == ["", "free", "free-c"]


def test_data_of_a_file_a_part_of_a_set_and_transformed_ones_are_told_from_the_set_itself():
    data = {
        "part": {"source": "mnist", "train_size": 20000},
        "mine": {"source": "npz", "path": "x.npz"},
        "inverted": {"source": "mnist", "transform": {"invert": True}},
        "whole": {"source": "mnist"},
    }
    shared = {"steps": 40, "window": 20, "koopman": {"rank": 5}}
    windows = {f"of_{name}": {"data": name, **shared} for name in data}
    parts = plan(resolved({"data": data, "equivalence": {"windows": windows}})).windows()
    assert (
        parts["windows"]
        .settings["data"]
        .endswith("mnist (20,000 images), mine from a file, mnist (transformed), mnist")
    )


def test_what_a_lower_rank_keeps_of_all_modes_is_told_by_epoch():
    rows = [
        ("net", "koopman_magnitude", other, epoch, 4, seed, kept if other == "koopman_full" else 0.1)
        for other in ("koopman_full", "global_magnitude")
        for epoch, kept in ((1.0, 0.5), (20.0, 0.99))
        for seed in (0, 1)
    ]
    rows += [("once", "koopman_magnitude", "koopman_full", 1.0, 4, seed, 0.9) for seed in (0, 1)]
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "beyond_chance"]
    table = pd.DataFrame(rows, columns=columns)
    found = FINDINGS["kept_by_rank"](Tables(given={"pruning/overlap.csv": table}), Part(name="pruning"))
    assert found.to_numpy().tolist() == [["net", 4, "0.500 [0.500, 0.500]", "0.990 [0.990, 0.990]"]]
    assert list(found)[2:] == ["epoch 1", "epoch 20"]
    with pytest.raises(Undecided):
        FINDINGS["kept_by_rank"](Tables(given={"pruning/overlap.csv": table[-2:]}), Part(name="pruning"))
