"""The interactive figure of episodes: what each forecast of a series recalled."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.cli.interactive import Spec, short, with_menu
from koopflow.figures.style import BLACK, BLUE, ORANGE, PALE, VERMILLION
from koopflow.io import npz
from koopflow.io.tables import read_parquet

EPISODES = (
    "Episodes that forecasts recalled",
    "Move over the series to choose a forecast (orange line). Blue: the windows it recalled; red: how each went on. "
    "Below they lie over one another, beside the forecast's own window and what came after it (black).",
)
"""Title of the page, and how to use its figure."""
NEAREST = 3
"""Most episodes of one forecast."""


def read_series(choices: str, windows: str, recalled: str) -> dict[str, Any] | None:
    """Return a series as `episodes` takes it, from the files of its forecast; None if none of its
    forecasts recalled anything."""
    chosen = json.loads(Path(choices).read_text(encoding="utf-8"))
    held, found = npz.load(windows, "windows of a series", 1, ("values", "time")), read_parquet(recalled)
    found = found[found["series"] == chosen["shown"]]
    if found.empty:
        return None
    methods = set(found["method"])
    found = found[found["method"] == ("gated" if "gated" in methods else min(methods))]
    kept = {"name": chosen["shown"], "window": chosen["window"], "horizon": chosen["horizon"]}
    return kept | {"values": held["values"], "times": held["time"], "recalled": found}


def episodes(series: Sequence[Mapping[str, Any]]) -> Spec:
    """Return the series with the episodes that the forecast under the pointer recalled.

    Parameters
    ----------
    series : sequence of mapping
        For each series its ``name``, ``values`` and ``times`` (time,), ``window``, ``horizon``, and
        ``recalled``, a DataFrame of one method with origin, match, recalled_origin and distance.
    """
    values: list[dict[str, Any]] = []
    recalled: list[dict[str, Any]] = []
    held: dict[str, list[float | None]] = {}
    for each in series:
        name, at = each["name"], decimal(each["times"])
        values += [
            {"series": name, "time": short(t), "value": short(v)} for t, v in zip(at, each["values"]) if np.isfinite(v)
        ]
        held[name] = [short(v) for v in each["values"]]
        window, last = int(each["window"]), len(at) - 1
        for row in each["recalled"][each["recalled"]["match"] <= NEAREST].itertuples():
            origin, end = int(row.origin), int(row.recalled_origin)
            start, after = at[max(end - window + 1, 0)], at[min(end + int(each["horizon"]), last)]
            recalled.append(
                {"series": name, "origin": origin, "at": short(at[origin]), "match": int(row.match), "end": end}
                | {"distance": short(row.distance), "window": window, "horizon": int(each["horizon"])}
                | {"start": short(start), "stop": short(at[end]), "after": short(after)}
            )
    picked, asked = {"filter": "datum.series == shown"}, {"filter": "at.origin && datum.origin == at.origin[0]"}
    first = [row["origin"] for row in recalled if row["series"] == (series[0]["name"] if series else "")]
    spec = with_menu(
        {
            "datasets": {"values": values, "recalled": recalled},
            "vconcat": [
                {"width": 760, "height": 220, "layer": _whole(picked, asked, max(first, default=0))},
                {"width": 760, "height": 260, "layer": [_aligned(picked, asked, past) for past in (False, True)]},
            ],
        },
        "shown",
        [each["name"] for each in series],
    )
    spec["params"].append({"name": "held", "value": held})
    return spec


def _whole(picked: Spec, asked: Spec, first: int) -> list[Spec]:
    """Return the layers of a whole series: recalled windows, what followed them, and the origin."""
    time = {"type": "quantitative", "title": "time", "scale": {"zero": False}, "axis": {"format": "~r"}}
    bars = [
        {
            "data": {"name": "recalled"},
            "transform": [picked, asked],
            "mark": {"type": "rect", "color": shade, "opacity": 0.3},
            "encoding": {"x": {"field": low, **time}, "x2": {"field": high}},
        }
        for low, high, shade in (("start", "stop", BLUE), ("stop", "after", VERMILLION))
    ]
    line = {
        "data": {"name": "values"},
        "transform": [picked],
        "mark": {"type": "line", "color": BLACK, "strokeWidth": 0.8},
        "encoding": {
            "x": {"field": "time", **time},
            "y": {"field": "value", "type": "quantitative", "scale": {"zero": False}},
        },
    }
    selection = {"type": "point", "on": "mouseover", "nearest": True, "fields": ["origin"], "clear": False}
    origins = {
        "data": {"name": "recalled"},
        "transform": [picked, {"filter": "datum.match == 1"}],
        "params": [{"name": "at", "select": selection, "value": [{"origin": first}]}],
        "mark": {"type": "rule", "color": ORANGE, "strokeWidth": 2},
        "encoding": {
            "x": {"field": "at", **time},
            "opacity": {"condition": {"param": "at", "empty": False, "value": 1}, "value": 0},
        },
    }
    return [*bars, line, origins]


def _aligned(picked: Spec, asked: Spec, past: bool) -> Spec:
    """Return the layer of episodes laid over one another at the origin; `past`: the layer of the
    window before the origin and of what came after it."""
    end = "datum.origin" if past else "datum.end"
    encoding: Spec = {
        "x": {"field": "step", "type": "quantitative", "title": "steps after the origin"},
        "y": {"field": "value", "type": "quantitative", "title": "value", "scale": {"zero": False}},
        "order": {"field": "step", "type": "quantitative"},
    }
    if not past:
        shades = {"domain": [1, 2, 3], "range": [VERMILLION, ORANGE, PALE]}
        encoding["color"] = {"field": "match", "type": "nominal", "title": "episode (1: nearest)", "scale": shades}
        encoding["color"]["legend"] = {"orient": "bottom"}
        encoding["tooltip"] = [{"field": field} for field in ("match", "distance", "stop", "value")]
    mark: Spec = {"type": "line", "strokeWidth": 2.2, "color": BLACK}
    if not past:
        mark = {"type": "line", "strokeWidth": 1.6, "point": {"size": 12}}
    return {
        "data": {"name": "recalled"},
        "transform": [
            picked,
            asked,
            *([{"filter": "datum.match == 1"}] if past else []),
            {"calculate": "sequence(1 - datum.window, datum.horizon + 1)", "as": "step"},
            {"flatten": ["step"]},
            # An array of values: Vega-Lite 5.2 cannot look up in data that another panel filters.
            {"calculate": f"held[datum.series][{end} + datum.step]", "as": "value"},
            {"filter": "isValid(datum.value)"},
        ],
        "mark": mark,
        "encoding": encoding,
    }


def decimal(times: NDArray[Any]) -> NDArray[np.float64]:
    """Return stamps as numbers: dates as years with their fraction.

    >>> decimal(np.array(["2001-01-01", "2001-07-02"], dtype="M8[D]")).round(2).tolist()
    [2001.0, 2001.5]
    """
    if times.dtype.kind != "M":
        return np.asarray(times, dtype=np.float64)
    years = times.astype("M8[Y]")
    length = ((years + 1).astype("M8[s]") - years.astype("M8[s]")).astype(np.float64)
    since = (times.astype("M8[s]") - years.astype("M8[s]")).astype(np.float64)
    found: NDArray[np.float64] = years.astype(np.int64) + 1970 + since / length
    return found
