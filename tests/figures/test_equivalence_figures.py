"""The equivalence figures where training diverged or nothing is compared: they say so, and nothing
fails."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.equivalence.alternatives import DISTANCES
from koopflow.equivalence.tables import (
    all_distances,
    comparison_table,
    distance_table,
    mean_distances,
    spectra_of,
    without_spectra,
)
from koopflow.figures.equivalence import DISTANCES as NAMES
from koopflow.figures.equivalence import plot_distance_matrix, plot_distances, plot_losses, plot_spectra
from koopflow.figures.ranks import plot_ranks
from koopflow.figures.style import save, use

SEEDS = 5


@pytest.fixture
def eigenvalues() -> pd.DataFrame:
    """Spectra of four modes for two set-ups; a third one, `wild`, has none."""
    generator = np.random.default_rng(0)
    rows = [
        {
            "setting": setting,
            "seed": seed,
            "mode": mode,
            "real": 1 - 0.01 * generator.random(),
            "imag": 0.01 * generator.random(),
        }
        for setting in ("calm", "fast")
        for seed in range(SEEDS)
        for mode in range(4)
    ]
    return pd.DataFrame(rows).assign(residual=0.0)


@pytest.mark.parametrize(
    "comparisons", [{"rate": ["calm", "fast", "wild"]}, {"rate": ["calm", "fast"], "gone": ["wild"]}, {}]
)
def test_a_set_up_that_diverged_is_left_out_by_name(eigenvalues, comparisons, tmp_path):
    use()
    spectra = spectra_of(eigenvalues)
    distances = all_distances(spectra)
    tests = comparison_table(distances, comparisons, 0.05, 0.25, 0)
    verdicts = dict(zip(zip(tests["a"], tests["b"]), tests["verdict"]))
    assert all(verdicts[pair] == "inconclusive" for pair in verdicts if "wild" in pair)
    assert (("calm", "fast") in verdicts) == bool(comparisons)
    assert [name for names in without_spectra(spectra, comparisons).values() for name in names] == ["wild"] * bool(
        comparisons
    )
    losses = pd.DataFrame({"setting": ["calm", "fast"], "step": 1.0, "loss": 1.0, "low": 0.5, "high": 2.0, "n": SEEDS})
    shown = comparisons or {"set-ups": ["calm", "fast"]}
    figures = {
        "spectra": plot_spectra(eigenvalues, shown),
        "distances": plot_distances(distance_table(distances, comparisons, 5, 0), tests),
        "matrix": plot_distance_matrix(mean_distances(distances), SEEDS),
        "losses": plot_losses(losses, shown),
    }
    if "gone" in comparisons:
        said = [text.get_text() for name in ("spectra", "losses") for text in figures[name].axes[1].texts]
        assert said.count("every replica diverged") == 2
    for name, figure in figures.items():
        assert all(path.stat().st_size for path in save(figure, tmp_path / name))


def test_one_line_says_that_everything_diverged(eigenvalues):
    with pytest.raises(KoopflowError, match="every replica of every set-up diverged"):
        spectra_of(eigenvalues[:0])


def test_one_comparison_fills_one_column(eigenvalues):
    use()
    narrow, wide = (plot_spectra(eigenvalues, {name: ["calm"] for name in names}) for names in ("a", "abcd"))
    assert narrow.get_size_inches()[0] < 0.6 * wide.get_size_inches()[0]
    assert len([axes for axes in narrow.axes if axes.axison]) == 1


@pytest.mark.parametrize(("count", "numbers", "names"), [(3, 9, 3), (24, 576, 24), (25, 0, 25), (1000, 0, 40)])
def test_the_matrix_of_many_set_ups_leaves_out_what_nobody_could_read(count, numbers, names):
    every = [f"set-up {place}" for place in range(count)]
    drawn = plot_distance_matrix(pd.DataFrame(np.full((count, count), 0.1), every, every), SEEDS).axes[0]
    assert len(drawn.texts) == numbers
    shown = [tick.get_text() for tick in drawn.get_yticklabels()]
    assert len(shown) == names
    assert shown == [every[int(place)] for place in drawn.get_yticks()]


@pytest.mark.parametrize("stable", [True, False])
def test_ranks_are_drawn_with_the_chosen_one_and_the_reason_for_it(stable):
    use()
    tests = pd.DataFrame(
        [
            ("rate", "calm", "fast", rank, 0.5 * rank - 1, 0.5 * rank - 1.3, 0.5 * rank, "different", rank == 4)
            for rank in (3, 4, 5)
        ],
        columns=["comparison", "a", "b", "rank", "excess", "ci_low", "ci_high", "verdict", "chosen"],
    )
    stability = pd.DataFrame({"setting": "calm", "rank": [2, 3, 4], "ratio": [0.1, 0.2, 0.3]})
    stability["chosen"] = stability["rank"] == 4
    figure = plot_ranks(tests, stability if stable else stability[:0], {"rate": ["calm", "fast"]}, 0.25, 0.33)
    titles = [axes.get_title("left").split("  ")[-1] for axes in figure.axes if axes.axison]
    assert titles == (["Stability over seeds", "Rate"] if stable else ["Rate"])
    for axes in figure.axes[: len(titles)]:
        assert any(set(line.get_xdata()) == {4} for line in axes.lines), "the chosen rank is marked"


@pytest.mark.parametrize(("kind", "words"), [("wasserstein", "Wasserstein distance of spectra"), ("dsa", "(DSA)")])
def test_axes_name_the_distance_and_what_is_not_compared_stays_empty(kind, words):
    matrix = pd.DataFrame([[0.1, np.nan], [np.nan, 0.2]], ["a", "b"], ["a", "b"])
    cells, bar = plot_distance_matrix(matrix, SEEDS, kind).axes
    assert [text.get_text() for text in cells.texts if text.get_text()] == ["100", "200"]
    assert words in bar.get_ylabel()
    tests = pd.DataFrame(
        columns=["comparison", "a", "b", "excess", "ci_low", "ci_high", "verdict", "within", "between"]
    )
    assert words in plot_distances(pd.DataFrame(), tests, kind).axes[0].get_xlabel()


def test_every_distance_has_a_name():
    assert set(NAMES) == set(DISTANCES)
