"""One visual style for every figure: sizes, fonts, colours fixed by name, and a `save` that writes
reproducible files.

A plotting script calls `use` first, draws, and ends with ``save(figure, stem)``. Sizes are those of
a printed page, so text that is legible here is legible in a paper.
"""

import hashlib
import io
import os
import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from koopflow.config.figures import StyleSettings
from koopflow.figures.fonts import without_shaping
from koopflow.io.atomic import atomic_write

SINGLE = 3.35
"""Width of a figure that fills one column of a two-column page, in inches (85 mm)."""

DOUBLE = 7.0
"""Width of a figure that fills both columns, in inches (178 mm)."""

# Okabe & Ito (2008) without their yellow, which vanishes on white paper, and shades of Paul Tol's
# "muted" scheme.
BLACK, GREY, DARK, PALE = "#000000", "#8A8A8A", "#555555", "#BBBBBB"
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
INDIGO, CYAN, SAND, WINE, BROWN, PINK, OLIVE = (
    "#332288",
    "#88CCEE",
    "#DDCC77",
    "#882255",
    "#6B3E00",
    "#EFA8C8",
    "#999933",
)

FAMILIES: dict[str, dict[str, str]] = {
    "algorithms": {
        "mirror_descent": BLUE,
        "gradient_descent": ORANGE,
        "bisection": DARK,
        "bisection_published": PURPLE,
    },
    "pruning": {
        "koopman_magnitude": BLUE,
        "global_magnitude": SKY,
        "layer_magnitude": INDIGO,
        "koopman_gradient": VERMILLION,
        "global_gradient": ORANGE,
        "layer_gradient": BROWN,
        "random": DARK,
    },
    "tasks": {
        "digits": BLUE,
        "digits_permuted": SKY,
        "digits_rotated": GREEN,
        "digits_noisy": PURPLE,
        "gaussian_clusters": ORANGE,
        "clusters_mnist": OLIVE,
        "mnist": INDIGO,
        "mnist_permuted": SAND,
        "fashion_mnist": VERMILLION,
        "kmnist": BROWN,
        "cifar10": PINK,
    },
    "tickets": {"ticket": BLUE, "reinitialized": ORANGE, "random_mask": DARK, "one_shot": VERMILLION},
    "forecast": {
        "gated": VERMILLION,
        "episodic": ORANGE,
        "gated_without_recall": BROWN,
        "gated_without_memory": OLIVE,
        "sliding": BLUE,
        "persistence": GREY,
        "seasonal_naive": SAND,
        "drift": PALE,
        "ets": INDIGO,
        "arima": WINE,
        "ridge": CYAN,
    },
    "digits": {
        "digits": BLUE,
        "digits_permuted": SKY,
        "clusters": ORANGE,
        "digits_rotated": GREEN,
        "digits_noisy": PURPLE,
        "teacher": BROWN,
    },
    "width": {"width-10": BLACK, "width-5": BLUE, "width-40": ORANGE},
    "learning rate": {"width-10": BLACK, "rate-0.05": SKY, "rate-0.2": VERMILLION},
    "batch size": {"width-10": BLACK, "batch-30": SKY, "batch-120": VERMILLION},
    "same ratio": {"width-10": BLACK, "ratio-half": SKY, "ratio-double": VERMILLION},
    "activation": {"width-10": BLACK, "tanh": BLUE, "gelu": ORANGE, "linear": SKY},
    "verdicts": {"supported": BLUE, "not supported": VERMILLION, "inconclusive": PALE},
    "roles": {"truth": BLACK, "between": VERMILLION, "within": BLUE},
}
"""The colour of each known name, by family.

The colours of a family stay distinct under every common colour vision deficiency.
"""

SPARE = (INDIGO, OLIVE, WINE, BROWN, CYAN, PINK, BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
Dash = str | tuple[int, tuple[int, ...]]
DASHES: tuple[Dash, ...] = ("-", "--", "-.", (0, (1, 1)))

_chosen: dict[str, str] = {}
"""Colours from the configuration, by name."""


@dataclass(frozen=True)
class Look:
    """How every figure draws one name."""

    color: str
    marker: str
    linestyle: Dash


def use(settings: StyleSettings | None = None) -> None:
    """Set matplotlib to koopflow's style. Call it once, before drawing.

    Parameters
    ----------
    settings : StyleSettings, optional
        The configuration's ``figures.style``.
    """
    settings = settings or StyleSettings()
    _chosen.clear()
    _chosen.update({name: to_hex(colour) for name, colour in settings.colours.items()})
    mpl.use("agg")
    mpl.rcdefaults()
    parameters: MutableMapping[Any, Any] = mpl.rcParams
    parameters.update(_sizes(float(settings.font_size), float(settings.line_width), float(settings.png_dpi)))
    parameters.update(_looks())


def _sizes(size: float, width: float, dpi: float) -> dict[str, Any]:
    """Return the parameters that depend on the font size and line width (points) and on the
    resolution (dots per inch)."""
    return {
        "font.size": size,
        "axes.titlesize": size,
        "axes.labelsize": size,
        "xtick.labelsize": size - 1,
        "ytick.labelsize": size - 1,
        "legend.fontsize": size - 1,
        "figure.titlesize": size + 1,
        "lines.linewidth": width,
        "figure.dpi": dpi,  # text is measured as the PNG draws it
        "savefig.dpi": dpi,
    }


def _looks() -> dict[str, Any]:
    """Return the parameters that are the same in every study."""
    return {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib, so every machine draws the same letters
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titley": 1.0,  # nothing lies above the axes; searching takes a tenth of the drawing time
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=[BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, GREY]),
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.minor.width": 0.4,
        "ytick.minor.width": 0.4,
        "lines.markersize": 3.5,
        "patch.linewidth": 0.6,
        "errorbar.capsize": 1.5,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "figure.figsize": (SINGLE, 0.72 * SINGLE),
        "figure.constrained_layout.use": True,
        "savefig.bbox": None,  # the width stays exactly one or two columns
        "pdf.fonttype": 42,  # TrueType: text stays text, as journals require
        "ps.fonttype": 42,
        "svg.hashsalt": "koopflow",
        "image.cmap": "cividis",
    }


def size(columns: int = 1, height: float = 0.72) -> tuple[float, float]:
    """Return (width, height) in inches of a figure of 1 or 2 columns; `height` is a share of one
    column's width."""
    if columns not in (1, 2):
        raise ValueError(f"columns must be 1 or 2 (got {columns})")
    return (SINGLE if columns == 1 else DOUBLE, height * SINGLE)


def look(name: str) -> Look:
    """Return how every figure draws `name`: a method, task, set-up, study.

    A known name has its colour from `FAMILIES`, and a name under ``figures.style.colours`` has the
    colour given there. Any other name gets a colour, marker and dash from its hash.
    """
    name = str(name)
    digest = hashlib.sha256(name.encode()).digest()
    known = {**{key: colour for family in FAMILIES.values() for key, colour in family.items()}, **_chosen}
    for family in FAMILIES.values():
        if name in family:
            order = list(family).index(name)
            return Look(known[name], MARKERS[order % len(MARKERS)], DASHES[0])
    color = known.get(name, SPARE[digest[0] % len(SPARE)])
    return Look(color, MARKERS[digest[1] % len(MARKERS)], DASHES[digest[2] % len(DASHES)])


def color(name: str) -> str:
    """Return the colour of `name` as ``#rrggbb``."""
    return look(name).color


@contextmanager
def _patient() -> Iterator[None]:
    """Hide matplotlib's warning that a legend's place took a second to find: on a loaded machine any does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Creating legend with loc")
        yield


@_patient()
def save(figure: Figure, stem: str | os.PathLike[str]) -> list[Path]:
    """Write `figure` to ``<stem>.pdf`` and ``<stem>.png``, each atomically, and close it.

    The files hold no date, host or random identifier: the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    stem : path
        Without suffix; .pdf or .png is removed.

    Returns
    -------
    list of Path
        The two files.
    """
    from matplotlib import pyplot

    stem = Path(stem)
    if stem.suffix in (".pdf", ".png"):
        stem = stem.with_suffix("")
    if (engine := figure.get_layout_engine()) is not None:
        # Once for both files: layout costs as much as drawing, and `Figure.savefig` also draws once
        # before each file.
        engine.execute(figure)
        if any(axes.get_aspect() != "auto" or axes.get_box_aspect() for axes in figure.axes):
            engine.execute(figure)  # panels of a fixed shape get their size in the first pass
        figure.set_layout_engine("none")
    written = []
    for kind, write in (("png", _write_png), ("pdf", _write_pdf)):
        content = io.BytesIO()  # written in one go, a file gives a clear error on a full disk
        write(figure, content)
        written.append(stem.parent / f"{stem.name}.{kind}")
        with atomic_write(written[-1]) as partial:
            partial.write_bytes(content.getbuffer())
    pyplot.close(figure)
    return written


def _write_png(figure: Figure, file: IO[bytes]) -> None:
    # Compression 3 takes half the time of the default 6, for files a tenth larger.
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None}, pil_kwargs={"compress_level": 3})


def _write_pdf(figure: Figure, file: IO[bytes]) -> None:
    with without_shaping():
        FigureCanvasPdf(figure).print_pdf(file, metadata={"CreationDate": None, "Producer": None, "Creator": None})
