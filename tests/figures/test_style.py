"""The house style: same bytes for the same figure, text as text, colours fixed by name and told
apart by every eye."""

import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot

from koopflow.config.figures import StyleSettings
from koopflow.core.errors import KoopflowError
from koopflow.figures import panels, style

DRAW = """
import sys
import numpy as np
from matplotlib import pyplot
from koopflow.figures import panels, style
style.use()
figure, axes = pyplot.subplots(1, 2, figsize=style.size(2))
x = np.arange(5.0)
panels.band(axes[0], x, x, x - 1, x + 1, "koopman_magnitude")
panels.interval(axes[0], x, x**2, x**2 - 1, x**2 + 1, "random")
panels.state_n(axes[0], 5, "seeds")
axes[0].legend()
axes[0].set_title("Θ λ σ")
panels.unit_circle(axes[1])
panels.eigenvalues(axes[1], np.exp(1j * x), "bisection")
style.save(figure, sys.argv[1])
"""


def _draw(folder: Path, hash_seed: str) -> dict[str, str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(style.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", DRAW, str(folder / "figure")], check=True, env=environment)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_same_figure_gives_same_bytes_in_another_process(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = _draw(tmp_path / "a", "1"), _draw(tmp_path / "b", "2")
    assert sorted(first) == ["figure.pdf", "figure.png"]
    assert first == second


def test_files_hold_no_date_and_embed_truetype(tmp_path):
    _draw(tmp_path, "1")
    pdf = (tmp_path / "figure.pdf").read_bytes()
    assert b"CreationDate" not in pdf
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"Software" not in (tmp_path / "figure.png").read_bytes()


def test_width_on_paper_is_the_columns_width(tmp_path):
    import matplotlib.image

    _draw(tmp_path, "1")
    pixels = matplotlib.image.imread(tmp_path / "figure.png")
    assert pixels.shape[1] == pytest.approx(style.DOUBLE * 200, abs=1)
    assert b"/MediaBox [ 0 0 504 " in (tmp_path / "figure.pdf").read_bytes()


# Machado, Oliveira & Fernandes (2009), severity 1.0, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def _lab(colour: str, matrix: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a colour seen through a deficiency."""
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(matrix @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    ratio = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("family", style.FAMILIES)
def test_colours_of_a_family_are_told_apart(family, deficiency):
    colours = style.FAMILIES[family]
    for a, b in itertools.combinations(colours, 2):
        apart = np.linalg.norm(_lab(colours[a], DEFICIENCIES[deficiency]) - _lab(colours[b], DEFICIENCIES[deficiency]))
        assert apart > 10, (a, b, apart)  # ΔE of 10 is clear at a glance; 2.3 is just noticeable


def test_a_name_looks_the_same_whoever_stands_beside_it():
    style.use()
    alone = style.look("my set-up")
    style.use(StyleSettings(colours={"other": "#ff0000"}))
    assert style.look("my set-up") == alone
    assert style.color("other") == "#ff0000"
    style.use()
    assert style.color("other") != "#ff0000"


def test_a_name_known_in_two_families_has_one_colour():
    seen: dict[str, set] = {}
    for family in style.FAMILIES.values():
        for name, colour in family.items():
            seen.setdefault(name, set()).add(colour)
    assert [name for name, colours in seen.items() if len(colours) > 1] == []


@pytest.mark.parametrize("options", [{"fontsize": 8}, {"colours": {"digits": "no such colour"}}])
def test_bad_style_is_one_clear_line(options):
    with pytest.raises(KoopflowError, match=r"^figures\.style") as caught:
        style.use(StyleSettings.load(options, "figures.style"))
    assert "\n" not in str(caught.value)


def test_zoomed_plane_keeps_equal_units_and_shows_every_eigenvalue():
    from matplotlib import pyplot

    style.use()
    ax = pyplot.subplots()[1]
    values = np.array([0.99 + 0.01j, 0.97 - 0.01j, np.nan])
    panels.unit_circle(ax, around=values)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert ax.get_aspect() == 1
    assert right - left == pytest.approx(high - low)
    assert left < 0.97 < 1.0 < right
    assert right - left < 0.1


def test_places_are_found_once_for_both_files(tmp_path, monkeypatch):
    """Finding them costs as much as drawing, and all figures together are redrawn in seconds after
    a change of style."""
    from matplotlib import pyplot
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    found, execute = [], ConstrainedLayoutEngine.execute
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *args: (found.append(1), execute(*args)))
    style.use()
    figure, axes = pyplot.subplots()
    axes.set_ylabel("a label\nof three lines,\ncut off without a layout")
    style.save(figure, tmp_path / "figure")
    assert found == [1]
    assert axes.get_position().x0 > 0.2  # 0.125 without a layout


def test_a_figure_is_drawn_once_a_file(tmp_path, monkeypatch):
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    style.use()
    figure, _ = pyplot.subplots()
    drawn, draw = [], Figure.draw
    monkeypatch.setattr(
        Figure, "draw", lambda self, renderer: (drawn.append(type(renderer).__name__), draw(self, renderer))[1]
    )
    style.save(figure, tmp_path / "f")
    assert drawn == ["RendererAgg", "MixedModeRenderer"]


def test_panels_of_a_fixed_shape_stay_inside_the_page(tmp_path):
    from matplotlib import pyplot

    style.use()
    figure, axes = pyplot.subplots(1, 3, figsize=style.size(2, 0.78), gridspec_kw={"width_ratios": [1, 1, 0.85]})
    for panel in axes[:2]:
        panel.set(title="a title above", ylabel="Im", aspect="equal")
        panel.plot([0, 1], [-0.28, 0.28], label="a line")
    axes[2].set_box_aspect(1 / 0.85)
    axes[2].set(title="a title above", xlabel="distance of spectra")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center")
    style.save(figure, tmp_path / "figure")
    inside = figure.get_tightbbox()
    assert inside.x1 <= style.DOUBLE
    assert inside.y1 <= 0.78 * style.SINGLE


def test_a_legend_that_takes_long_to_place_is_no_warning(monkeypatch, tmp_path):
    """Matplotlib measures by the clock, which on a loaded machine goes on without it."""
    seconds = itertools.count(step=2)
    monkeypatch.setattr("matplotlib.legend.time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    figure, ax = pyplot.subplots()
    ax.plot([0, 1], label="a")
    ax.legend()
    style.save(figure, tmp_path / "slow")
    assert next(seconds) > 2
