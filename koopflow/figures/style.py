"""One visual style for every figure: sizes, fonts, colours fixed by name, and a `save` that writes the same bytes for the
same figure.

A plotting script calls ``use(snakemake.params.style)`` first, draws, and ends with ``save(figure, stem)``. Sizes are those of a
printed page, so what is legible here is legible in a paper without scaling.
"""

import gc
import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import matplotlib as mpl
from fontTools import subset
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.colors import is_color_like, to_hex
from matplotlib.figure import Figure

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write

SINGLE = 3.35
"""Width of a figure that fills one column of a two-column page, in inches (85 mm)."""

DOUBLE = 7.0
"""Width of a figure that fills both columns, in inches (178 mm)."""

# Okabe & Ito (2008) without their yellow, which vanishes on white paper, and shades of Paul Tol's "muted" scheme.
BLACK, GREY, DARK, PALE = "#000000", "#8A8A8A", "#555555", "#BBBBBB"
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
INDIGO, CYAN, SAND, WINE, BROWN, PINK, OLIVE = "#332288", "#88CCEE", "#DDCC77", "#882255", "#6B3E00", "#EFA8C8", "#999933"

FAMILIES: dict[str, dict[str, str]] = {
    "algorithms": {"mirror_descent": BLUE, "gradient_descent": ORANGE, "bisection": DARK},
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
        "gated_without_memory": BROWN,
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
"""The colour of each known name, by family. Inside a family all colours are told apart with any common colour vision deficiency."""

SPARE = (INDIGO, OLIVE, WINE, BROWN, CYAN, PINK, BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DASHES = ("-", "--", "-.", (0, (1, 1)))

UNUSED_IN_PDF = ("GPOS", "GSUB", "GDEF")
"""Tables of a font that shape text; in a PDF every letter has its place already. Reading and cutting them is most of the cost of embedding."""

_load_font = subset.load_font

_chosen: dict[str, str] = {}


@dataclass(frozen=True)
class Look:
    """How one name is drawn in every figure."""

    color: str
    marker: str
    linestyle: object


def use(options: Mapping | None = None) -> None:
    """Set matplotlib to the house style; call once, before drawing.

    Parameters
    ----------
    options : mapping, optional
        The config's ``figures.style``: ``font_size`` (points), ``line_width`` (points), ``png_dpi`` and ``colours`` (name → any
        matplotlib colour, for set-ups and tasks of one's own). What is absent keeps its default.

    Raises
    ------
    KoopflowError
        If an option is unknown or a colour is not one.
    """
    options = dict(options or {})
    size = float(options.pop("font_size", 8))
    width = float(options.pop("line_width", 1.2))
    dpi = float(options.pop("png_dpi", 200))
    colours = dict(options.pop("colours", None) or {})
    if options:
        known = "font_size, line_width, png_dpi, colours"
        raise KoopflowError(f"figures.style: unknown option {sorted(options)[0]!r}; accepted are {known}")
    for name, colour in colours.items():
        if not is_color_like(colour):
            raise KoopflowError(f"figures.style.colours.{name}: {colour!r} is not a colour; write one like '#0072B2' or 'tab:blue'")
    _chosen.clear()
    _chosen.update({name: to_hex(colour) for name, colour in colours.items()})
    subset.load_font = _load_font_without_shaping  # matplotlib offers no setting for what it embeds
    gc.set_threshold(100_000)  # figures are many small objects and little garbage; looking for it is a twentieth of their time
    mpl.use("agg")
    mpl.rcdefaults()
    mpl.rcParams.update(
        {
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib, so every machine draws the same letters
            "font.size": size,
            "axes.titlesize": size,
            "axes.labelsize": size,
            "xtick.labelsize": size - 1,
            "ytick.labelsize": size - 1,
            "legend.fontsize": size - 1,
            "figure.titlesize": size + 1,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.titley": 1.0,  # nothing stands above our axes; looking for it takes a tenth of the drawing
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.6,
            "axes.axisbelow": True,
            "axes.prop_cycle": mpl.cycler(color=[BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, GREY]),
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "xtick.minor.width": 0.4,
            "ytick.minor.width": 0.4,
            "lines.linewidth": width,
            "lines.markersize": 3.5,
            "patch.linewidth": 0.6,
            "errorbar.capsize": 1.5,
            "legend.frameon": False,
            "legend.handlelength": 1.6,
            "figure.figsize": (SINGLE, 0.72 * SINGLE),
            "figure.constrained_layout.use": True,
            "figure.dpi": dpi,  # letters are measured as the PNG draws them
            "savefig.dpi": dpi,
            "savefig.bbox": None,  # the width stays exactly one or two columns
            "pdf.fonttype": 42,  # TrueType inside the file: text stays text, and journals accept it
            "ps.fonttype": 42,
            "svg.hashsalt": "koopflow",
            "image.cmap": "cividis",
        }
    )


def _load_font_without_shaping(*arguments, **options):
    font = _load_font(*arguments, **options)
    for table in UNUSED_IN_PDF:
        if table in font:
            del font[table]
    return font


def size(columns: int = 1, height: float = 0.72) -> tuple[float, float]:
    """Return (width, height) in inches of a figure `columns` columns wide, `height` given as a share of one column's width."""
    if columns not in (1, 2):
        raise ValueError(f"a page has columns 1 and 2, not {columns}")
    return (SINGLE if columns == 1 else DOUBLE, height * SINGLE)


def look(name: str) -> Look:
    """Return how `name` (a method, task, set-up …) is drawn: the same in every figure, whoever else is in it.

    A known name has its colour from `FAMILIES`, a name given in the config's ``figures.style.colours`` has that one; any other
    gets a colour, marker and dash from a hash of its name.
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


def save(figure: Figure, stem: str | os.PathLike) -> list[Path]:
    """Write `figure` to ``<stem>.pdf`` and ``<stem>.png``, whole or not at all, and close it.

    No date, no host and no random identifier goes into either file: the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib Figure
    stem : path without suffix (a suffix .pdf or .png is taken off)

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
        # Once for both files: finding the places costs as much as drawing, and `Figure.savefig` would also draw once before each file.
        engine.execute(figure)
        if any(axes.get_aspect() != "auto" or axes.get_box_aspect() for axes in figure.axes):
            engine.execute(figure)  # panels of a fixed shape take their size only then
        figure.set_layout_engine("none")
    written = []
    for kind, write in (("png", _write_png), ("pdf", _write_pdf)):
        content = io.BytesIO()  # a disk that is full is told plainly by writing a file at once, and not by matplotlib
        write(figure, content)
        written.append(stem.parent / f"{stem.name}.{kind}")
        with atomic_write(written[-1]) as partial:
            partial.write_bytes(content.getbuffer())
    pyplot.close(figure)
    return written


def _write_png(figure: Figure, file: IO[bytes]) -> None:
    # compression 3 takes half the time of the usual 6, for files a tenth larger
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None}, pil_kwargs={"compress_level": 3})


def _write_pdf(figure: Figure, file: IO[bytes]) -> None:
    FigureCanvasPdf(figure).print_pdf(file, metadata={"CreationDate": None, "Producer": None, "Creator": None})
