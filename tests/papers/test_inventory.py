"""The inventory of published figures: complete, and in agreement with the published arrays."""

import csv
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from koopflow.claims.tables import Tables
from koopflow.koopman.spectrum import distance
from koopflow.papers.measures import MEASURES, two_sample
from koopflow.papers.parts import Part
from koopflow.papers.reading import PAPERS, inventory

WIDTHS = (5, 10, 40)


@pytest.fixture(scope="module")
def spectra(published):
    """The published eigenvalues of the width study, (seed, mode), by width."""
    return {width: np.load(published / f"fcn_h{width}.npy") for width in WIDTHS}


@pytest.fixture(scope="module")
def distances(spectra):
    """The distances between two widths at one seed, by pair of widths."""
    return {
        (a, b): np.array([distance(*each) for each in zip(spectra[a], spectra[b])]) for a, b in combinations(WIDTHS, 2)
    }


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [((5, 10), (10, 40), 5.9e-4), ((5, 40), (10, 40), 4.0e-5), ((5, 10), (5, 40), 0.48)],
)
def test_two_sample_tests_of_published_spectra_have_the_published_p(distances, first, second, p):
    assert two_sample(distances[first], distances[second]) == pytest.approx(p, rel=0.02)


def test_distances_of_published_spectra_have_the_published_mean_and_spread(distances):
    expected = {(5, 10): (0.0065, 0.0017), (5, 40): (0.0070, 0.0017), (10, 40): (0.0047, 0.0012)}
    for pair, (mean, spread) in expected.items():
        assert distances[pair].mean() == pytest.approx(mean, abs=6e-5)
        assert distances[pair].std(ddof=1) == pytest.approx(spread, abs=6e-5)


def test_intervals_between_seeds_are_those_of_the_published_arrays(spectra):
    listed = {
        number.of: number
        for entry in inventory()["equivalence"].entries
        for number in entry.numbers
        if number.measure == "width_seeds"
    }
    for width, values in spectra.items():
        rows = [
            {"comparison": "w", "a": "s", "b": "s", "seed": f"{i}-{j}", "distance": distance(values[i], values[j])}
            for i, j in combinations(range(len(values)), 2)
        ]
        tables = Tables(given={"equivalence/training/distances.csv": pd.DataFrame(rows)})
        part = Part(name="widths", names={str(width): "s"}, within="w")
        found = MEASURES["width_seeds"](tables, part, (str(width),))
        number = listed[str(width),]
        assert found.value == pytest.approx(number.value, abs=6e-5)
        assert (found.high - found.low) / 2 == pytest.approx(number.half, abs=6e-5)


def test_every_paper_lists_its_figures_with_sources():
    papers = inventory()
    assert list(papers) == list(PAPERS)
    for name, paper in papers.items():
        figures = [entry.figure for entry in paper.entries]
        assert len(set(figures)) == len(figures), name
        for entry in paper.entries:
            assert bool(entry.missing) != bool(entry.part), f"{name} {entry.figure}: computed by a part, or missing"


def test_every_measure_of_the_inventory_exists():
    named = {n.measure for paper in inventory().values() for entry in paper.entries for n in entry.numbers if n.measure}
    assert named == set(MEASURES)


def test_published_numbers_are_those_of_the_list(published):
    """Every number of paper O in the list of published numbers is in the inventory with its value and spread."""
    with (published / "numbers.csv").open() as stream:
        listed = [row for row in csv.DictReader(stream) if row["paper"] == "O"]
    ours = {(number.value, number.spread) for entry in inventory()["equivalence"].entries for number in entry.numbers}
    missing = [
        row["quantity"]
        for row in listed
        if (float(row["value"]), float(row["spread"]) if row["spread"] else None) not in ours
    ]
    assert missing == []
