"""Figures to look at closely, as self-contained pages: the frame of a page, and the plane of
eigenvalues. Vega-Lite draws them; its code comes with Snakemake, which draws its report by it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from koopflow.core.labels import label
from koopflow.core.markup import html
from koopflow.figures.style import GREY, color

Spec = dict[str, Any]
SCRIPTS = ("vega/vega.js", "vega-lite/vega-lite.js", "vega-embed/vega-embed.js")
EIGENVALUES = (
    "Koopman eigenvalues",
    "Hover over a point for its mode and residual. Drag and scroll to zoom, double-click to return. Click a name to "
    "single it out.",
)
"""Title of a page, and how to use its figure."""
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2329; background: #fff; margin: 1rem auto; max-width: 64rem;
       padding: 0 1rem; }
h1 { font-size: 1.3rem; }
#figure { width: 100%; overflow-x: auto; }
.vega-bind { margin: .4rem 0; }
"""


def page(title: str, words: str, spec: Spec, scripts: Sequence[str]) -> str:
    """Return a page with one interactive figure.

    Parameters
    ----------
    title, words : str
        Heading, and how to use the figure.
    spec : dict
        The figure, as Vega-Lite describes it.
    scripts : sequence of str
        The code of Vega, Vega-Lite and Vega-Embed.
    """
    code = "\n".join("<script>" + script.replace("</script", "<\\/script") + "</script>" for script in scripts)
    drawn = json.dumps(spec, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style>\n{code}\n</head><body><h1>{html(title)}</h1><p>{html(words)}</p>"
        f'<div id="figure"></div>\n<script>vegaEmbed("#figure", {drawn}, {{actions: false}});</script></body></html>\n'
    )


def eigenvalues(tables: Mapping[str, pd.DataFrame]) -> Spec:
    """Return the complex plane of eigenvalues; each tells its mode, residual, seed and period.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        For each entry of the menu a table with a name in its first column, and mode, real, imag and
        residual.
    """
    rows = [row for menu, table in tables.items() for row in _points(menu, table)]
    names = list(dict.fromkeys(row["name"] for row in rows))
    told = [{"field": field, "type": "nominal"} for field in ("name", "seed", "mode", "period")]
    told += [{"field": field, "type": "quantitative", "format": ".6g"} for field in ("real", "imag", "modulus")]
    told.append({"field": "residual", "type": "quantitative", "format": ".3g"})
    plane = {
        "x": {"field": "real", "type": "quantitative", "title": "Re λ", "scale": {"zero": False}},
        "y": {"field": "imag", "type": "quantitative", "title": "Im λ", "scale": {"zero": False}},
    }
    points = {
        "data": {"values": rows},
        "transform": [{"filter": "datum.menu == shown"}],
        "params": [
            {"name": "view", "select": "interval", "bind": "scales"},
            {"name": "chosen", "select": {"type": "point", "fields": ["name"]}, "bind": "legend"},
        ],
        "mark": {"type": "point", "filled": True, "size": 45},
        "encoding": plane
        | {
            "color": {"field": "name", "type": "nominal", "title": None}
            | {"scale": {"domain": names, "range": [color(name) for name in names]}},
            "opacity": {"condition": {"param": "chosen", "value": 0.8}, "value": 0.08},
            "tooltip": told,
        },
    }
    arc = {
        "data": {"values": [each for menu in tables for each in _arc(menu, rows)]},
        "transform": [{"filter": "datum.menu == shown"}],
        "mark": {"type": "rule", "color": GREY, "strokeWidth": 1, "clip": True},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "y", "type": "quantitative"},
            "x2": {"field": "x2"},
            "y2": {"field": "y2"},
        },
    }
    return with_menu({"width": "container", "height": 520, "layer": [points, arc]}, "shown", list(tables))


def _points(menu: str, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the eigenvalues of a table as the figure needs them."""
    kept = table[np.isfinite(table["real"]) & np.isfinite(table["imag"])]
    turn = np.abs(np.angle(kept["real"] + 1j * kept["imag"]))
    seeds = kept["seed"] if "seed" in kept else pd.Series("", index=kept.index)
    found = []
    for name, seed, angle, row in zip(kept.iloc[:, 0], seeds, turn, kept.to_dict("records")):
        period = f"{2 * np.pi / angle:.4g} steps" if angle > 1e-9 else "does not oscillate"
        found.append(
            {"menu": menu, "name": str(name), "seed": str(seed), "mode": int(row["mode"]), "period": period}
            | {"real": short(row["real"]), "imag": short(row["imag"])}
            | {"modulus": short(np.hypot(row["real"], row["imag"])), "residual": short(row["residual"])}
        )
    return found


def short(value: float) -> float | None:
    """Return a number with the digits that a figure can show; None if it is not finite."""
    return float(f"{value:.9g}") if np.isfinite(value) else None


def _arc(menu: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the part of the unit circle that lies near the eigenvalues of a menu's entry, as short
    lines."""
    rows = [row for row in rows if row["menu"] == menu]
    if not rows:
        return []
    x, y = (np.array([row[part] for row in rows]) for part in ("real", "imag"))
    wide, high = np.ptp(x) or 0.1, np.ptp(y) or 0.1
    angle = np.linspace(0, 2 * np.pi, 20_001)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    least = np.array([x.min() - 0.05 * wide, y.min() - 0.05 * high])
    most = np.array([x.max() + 0.05 * wide, y.max() + 0.05 * high])
    inside = np.flatnonzero(np.all((circle[:-1] >= least) & (circle[:-1] <= most), axis=1))
    every = max(1, len(inside) // 400)
    ends = ((circle[k], circle[min(k + every, len(circle) - 1)]) for k in inside[::every])
    return [{"menu": menu, "x": float(a[0]), "y": float(a[1]), "x2": float(b[0]), "y2": float(b[1])} for a, b in ends]


def with_menu(figure: Spec, name: str, options: Sequence[str]) -> Spec:
    """Return a figure with a menu of `options`, whose choice is the parameter `name`."""
    shown = [label(option) for option in options]
    bound = {"input": "select", "options": list(options), "labels": shown, "name": "Show "}
    first = options[0] if options else ""
    config = {"view": {"stroke": None}, "axis": {"gridOpacity": 0.4}, "font": "system-ui, sans-serif"}
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    return {"$schema": schema, "params": [{"name": name, "value": first, "bind": bound}], "config": config} | figure
