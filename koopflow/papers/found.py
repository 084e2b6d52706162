"""What a run found where no number is published: tables below a figure on the page."""

from collections.abc import Callable, Sequence

import pandas as pd

from koopflow.claims.estimate import Undecided
from koopflow.claims.tables import Tables
from koopflow.core.intervals import AT_MOST_ONE, FRACTION, student
from koopflow.papers.improvement import MEMORY, improvements
from koopflow.papers.inventory import Paper
from koopflow.papers.parts import Part

Finding = Callable[[Tables, Part], pd.DataFrame]
FINDINGS: dict[str, Finding] = {}
"""Tables by the name in the inventory. Each takes the tables of the run and the part, and returns
text under the headings of the page; it raises `Undecided` where the run lacks what it needs."""


def _named(function: Finding) -> Finding:
    FINDINGS[function.__name__] = function
    return function


def found_tables(
    papers: dict[str, Paper], parts: Sequence[Part], tables: Tables
) -> dict[tuple[str, str, str], pd.DataFrame]:
    """Return the tables by paper, figure and variant; those that this run cannot make are left
    out."""
    made = {}
    for name, paper in papers.items():
        for entry in paper.entries:
            for part in parts:
                if entry.found is None or part.name != entry.part:
                    continue
                try:
                    made[name, entry.figure, part.variant] = FINDINGS[entry.found](tables, part)
                except Undecided:
                    continue
    return made


@_named
def setup_verdicts(tables: Tables, part: Part) -> pd.DataFrame:
    """Return the verdict on every pair of set-ups, with its excess over the distance between
    seeds."""
    rows = tables.read("equivalence/training/tests.csv")
    return pd.DataFrame(
        {
            "comparison": rows["comparison"],
            "set-ups": rows["a"] + ", " + rows["b"],
            "excess over seeds": _intervals(rows["excess"], rows["ci_low"], rows["ci_high"], ".2f"),
            "verdict": rows["verdict"],
            "at neighbouring ranks": rows["sensitivity"].astype(object).where(rows["sensitivity"].notna(), ""),
            "n": rows["n"],
        }
    )


@_named
def improvement(tables: Tables, part: Part) -> pd.DataFrame:
    """Return the improvement by memory in percent at the first, middle and last horizon of each
    series."""
    skill = tables.read("forecast/skill.csv")
    rows = improvements(skill[skill["series"].isin(list(part.names))])
    if rows.empty:
        raise Undecided("no series of this part was forecast with memory")
    made: dict[tuple[str, int], dict[str, object]] = {}
    for name, of in rows.groupby("series", sort=False):
        steps = sorted(of["horizon"].unique())
        for step in dict.fromkeys((steps[0], steps[len(steps) // 2], steps[-1])):
            at = of[of["horizon"] == step].set_index("method")
            texts = _intervals(at["improvement"], at["ci_low"], at["ci_high"], ".0f")
            made[str(name), int(step)] = {"series": name, "horizon": step} | {
                f"{method}, %": texts.get(method, "") for method in MEMORY if method in set(rows["method"])
            }
    return pd.DataFrame(list(made.values()))


@_named
def exponents(tables: Tables, part: Part) -> pd.DataFrame:
    """Return the exponent of every task and layer in the window common to all tasks, with its
    interval over seeds and its R²: a row per task, a column per layer."""
    rows = tables.read("tickets/common_exponents.csv")
    shown = _intervals(rows["sigma"], rows["ci_low"], rows["ci_high"], ".3f")
    rows = rows.assign(shown=shown + rows["r2"].map("; R² {:.2f}".format))
    parts = []
    for model, of in rows.groupby("model", sort=False):
        table = of.pivot_table(index="task", columns="layer", values="shown", aggfunc="first", sort=False)
        parts.append(table[list(dict.fromkeys(of["layer"]))].reset_index().assign(network=model))
    return pd.concat(parts, ignore_index=True).fillna("")


@_named
def depth_spread(tables: Tables, part: Part) -> pd.DataFrame:
    """Return how far the exponents of one network are spread over its depth: 0 means uniform."""
    rows = tables.read("tickets/depth.csv")
    if rows.empty:
        raise Undecided("no exponents over depth")
    return pd.DataFrame(
        {
            "task": rows["task"],
            "network": rows["model"],
            "spread of exponents over depth": _intervals(rows["spread"], rows["ci_low"], rows["ci_high"], ".3f"),
            "groups": rows["layers"],
            "n": rows["n"],
        }
    )


@_named
def transfer_predictors(tables: Tables, part: Part) -> pd.DataFrame:
    """Return what tells transfer before it is tried: the rank correlation of every predictor with
    transfer, the decision on those that were registered, and the reliability of transfer."""
    rows = tables.read("tickets/predictor_tests.csv")
    if rows.empty:
        raise Undecided("no study names predictors of transfer")
    return pd.DataFrame(
        {
            "network": rows["model"],
            "predictor": rows["predictor"].str.replace("_", " "),
            "rank correlation with transfer": _intervals(rows["correlation"], rows["ci_low"], rows["ci_high"], ".2f"),
            "decision": rows["decision"],
            "cost / training": rows["cost"].map("{:.2g}".format),
            "reliability of transfer": rows["reliability"].map("{:.2f}".format),
            "tasks": rows["tasks"],
        }
    )


@_named
def pretrained(tables: Tables, part: Part) -> pd.DataFrame:
    """Return the accuracy of each method at every compression, right after pruning and after one
    epoch, and the share of magnitude's weights that it keeps beyond chance."""
    rows, overlap = tables.read("pruning/accuracy.csv"), tables.read("pruning/overlap.csv")
    overlap = overlap[overlap["method_b"] == "global_magnitude"].rename(columns={"method_a": "method"})
    keys = ["study", "compression", "method"]
    kept = {key: of["beyond_chance"] for key, of in overlap.groupby(keys)}
    made = []
    for key, of in rows[rows["study"].isin(list(part.names))].groupby(keys, sort=False):
        values = {"right after": of["accuracy"], "after one epoch": of["accuracy_finetuned"].dropna()}
        texts = {name: _mean(each, FRACTION) for name, each in values.items()}
        made.append(dict(zip(keys, key)) | texts | {"kept beyond chance": _mean(kept.get(key), AT_MOST_ONE)})
    if not made:
        raise Undecided("no study of pre-trained networks")
    return pd.DataFrame(made).sort_values(["study", "compression"], kind="stable")


@_named
def kept_by_rank(tables: Tables, part: Part) -> pd.DataFrame:
    """Return the share of the weights of Koopman magnitude pruning with all modes, the authors' rule, that a fit of
    lower rank keeps as well, beyond chance: a row per study and compression, a column per epoch."""
    rows = tables.read("pruning/overlap.csv")
    rows = rows[(rows["method_a"] == "koopman_magnitude") & (rows["method_b"] == "koopman_full")]
    rows = rows.dropna(subset="beyond_chance")
    along = rows.groupby("study")["epoch"].transform("nunique") > 1
    if not along.any():
        raise Undecided("no study prunes with all modes at several epochs")
    keys = ["study", "compression", "epoch"]
    shown = [(*key, _mean(of["beyond_chance"], AT_MOST_ONE)) for key, of in rows[along].groupby(keys, sort=False)]
    table = pd.DataFrame(shown, columns=[*keys, "kept"])
    table["epoch"] = table["epoch"].map("epoch {:g}".format)
    wide = table.pivot_table(index=keys[:2], columns="epoch", values="kept", aggfunc="first", sort=False)
    return wide.reset_index().fillna("")


def _mean(values: pd.Series | None, within: tuple[float, float]) -> str:
    if values is None or values.dropna().empty:
        return ""
    mean, low, high = student(values.dropna(), within=within)
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]" if low == low else f"{mean:.3f}"


def _intervals(values: pd.Series, low: pd.Series, high: pd.Series, shown: str) -> pd.Series:
    texts = [f"{value:{shown}} [{a:{shown}}, {b:{shown}}]" for value, a, b in zip(values, low, high)]
    return pd.Series(texts, index=values.index, dtype=object)
