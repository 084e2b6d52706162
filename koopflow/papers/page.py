"""The page ``papers/index.md``: every published figure and table beside ours."""

import math
import os
from collections.abc import Mapping

import pandas as pd

from koopflow.core.markup import one_line
from koopflow.papers.compare import ABSENT, NOT_NOW, PARTLY, SAME
from koopflow.papers.inventory import Entry, Paper

PAGE = "papers"
"""Folder of the page in the results."""
Found = dict[tuple[str, str, str], pd.DataFrame]


def as_markdown(
    papers: dict[str, Paper],
    table: pd.DataFrame,
    found: Found | None = None,
    times: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    papers : dict of str to Paper
    table : DataFrame
        As `koopflow.papers.compare.figure_table` returns it.
    found : dict of (paper, figure, variant) to DataFrame, optional
        As `koopflow.papers.found.found_tables` returns it.
    times : dict of (part, variant) to str, optional
        What this run took for each part, in words.
    """
    found, times = found or {}, times or {}
    lines = ["# The papers, figure by figure", "", *_introduction(table)]
    for name, paper in papers.items():
        rows = table[table["paper"] == name]
        lines += ["", f"## {paper.letter}: {paper.title}", "", f"{paper.reference}. {paper.note}".strip()]
        lines += [f"`snakemake papers_{name}` regenerates its figures.", ""]
        entries = {entry.figure: entry for entry in paper.entries}
        for (figure, variant), of in rows.groupby(["figure", "variant"], sort=False, dropna=False):
            entry = entries[str(figure)]
            time = times.get((entry.part, str(variant)), "")
            lines += _figure(entry, str(variant), of, found.get((name, str(figure), str(variant))), time)
    return "\n".join(lines).rstrip() + "\n"


def _introduction(table: pd.DataFrame) -> list[str]:
    one = table.drop_duplicates(["paper", "figure", "variant"])
    counts = one["verdict"].value_counts()
    told = ", ".join(f"{counts.get(word, 0)} {word}" for word in (SAME, PARTLY, ABSENT, NOT_NOW))
    return [
        f"Of {len(one)} published figures, panels, tables and statements: {told}.",
        "",
        "*Same*: same quantity, axes and settings, and the published numbers. *Same in part*: what differs is listed.",
        "*Not obtainable*: no public source tells what is needed. Published values are numbers read from public arrays",
        "and texts; no published picture is shown. Intervals are 95 %; ± is one standard deviation.",
    ]


def _figure(entry: Entry, variant: str, rows: pd.DataFrame, found: pd.DataFrame | None, time: str) -> list[str]:
    first = rows.iloc[0]
    title = f"{entry.figure} ({variant})" if variant else entry.figure
    lines = [f"### {title}: {first['verdict']}", "", f"{_cell(first['shows'])} (known from: {first['source']})."]
    if first["differs"]:
        told = "Why" if first["verdict"] == ABSENT else "Differs"
        lines += ["", f"{told}: {_cell(first['differs'])}."]
    if settings := " ".join(filter(None, (_settings(entry), time))):
        lines += ["", settings]
    if first["picture"]:
        lines += ["", f"![{title}]({os.path.relpath(first['picture'], PAGE)})"]
    numbers = rows[rows["quantity"].notna()]
    if len(numbers):
        lines += ["", "| quantity | published | ours | agrees |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(row['quantity'])} | {_published(row)} | {_ours(row)} | {_text(row['agrees'])} |"
            for _, row in numbers.iterrows()
        ]
    if found is not None and len(found):
        lines += ["", f"| {' | '.join(map(str, found))} |", "|---" * len(found.columns) + "|"]
        lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in found.itertuples(index=False)]
    return [*lines, ""]


def _settings(entry: Entry) -> str:
    """Return where the settings for two cores and those of the paper stand."""
    told = {"On two cores": entry.two_cores, "At the paper's scale": entry.cluster}
    return " ".join(f"{where}: {_cell(text)}." for where, text in told.items() if text)


def _published(row: pd.Series) -> str:
    spread = f" ± {row['published_spread']:.2g}" if _known(row["published_spread"]) else ""
    return f"{row['published']:.3g}{spread} ({_cell(row['number_source'])})"


def _ours(row: pd.Series) -> str:
    if not _known(row["ours"]):
        return _cell(row["reason"])
    spread = f" ± {row['ours_spread']:.2g}" if _known(row["ours_spread"]) else ""
    interval = f" [{row['ci_low']:.3g}, {row['ci_high']:.3g}]" if _known(row["ci_low"]) else ""
    return f"{row['ours']:.3g}{spread}{interval} (n = {row['n']:.0f})"


def _known(value: object) -> bool:
    return value is not None and isinstance(value, int | float) and math.isfinite(value)


def _text(value: object) -> str:
    return _cell(value) if isinstance(value, str) else ""


def _cell(text: object) -> str:
    """Return `text` for a cell of a Markdown table, on one line."""
    return one_line(text).replace("|", "\\|")
