"""Distances between spectra against values worked out by hand and against the properties of a
metric."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.koopman.spectrum import distance, match_many, matching, mode_distance, shuffle_control

GENERATOR = np.random.default_rng(0)


def spectrum(size):
    return GENERATOR.standard_normal(size) + 1j * GENERATOR.standard_normal(size)


def test_equal_sizes_match_the_best_of_all_permutations():
    a, b = spectrum(6), spectrum(6)
    best = min(np.abs(a - b[list(order)]).mean() for order in itertools.permutations(range(6)))
    assert distance(a, b) == pytest.approx(best, abs=1e-14)
    i, j = matching(a, b)
    assert np.abs(a[i] - b[j]).mean() == pytest.approx(best, abs=1e-14)


def test_many_spectra_are_matched_as_one_by_one():
    """Lists of two spectra: the distance is the mean of both, the matching that of the first; to
    the last bit."""
    ours, others = np.stack([spectrum(5), spectrum(5)]), np.stack([[spectrum(5), spectrum(5)] for _ in range(7)])
    columns, distances = match_many(ours, others)
    for at, (first, second) in enumerate(others):
        assert np.array_equal(columns[at], matching(ours[0], first)[1])
        assert distances[at] == pytest.approx((distance(ours[0], first) + distance(ours[1], second)) / 2, rel=1e-15)
    alone = match_many(ours[:1], others[:, :1])[1]
    assert alone.tolist() == [distance(ours[0], other) for other in others[:, 0]]


def test_modes_that_differ_by_a_phase_are_at_no_distance():
    modes = np.linalg.qr(GENERATOR.standard_normal((6, 3)) + 1j * GENERATOR.standard_normal((6, 3)))[0]
    assert mode_distance(modes, 2j * modes[:, [2, 0, 1]], np.array([1, 2, 0])) == pytest.approx(0, abs=1e-7)
    assert mode_distance(modes, modes[:, [1, 2, 0]], np.arange(3)) == pytest.approx(np.sqrt(2))


def test_unequal_sizes_and_weights_are_transported():
    assert distance([0, 1], [0.5]) == pytest.approx(0.5)
    assert distance([0, 1], [0, 1], weights_a=[3, 1], weights_b=[1, 1]) == pytest.approx(0.25)
    assert distance([0, 1j], [0], weights_a=[0.9, 0.1]) == pytest.approx(0.1)
    a, b = spectrum(4), spectrum(4)
    assert distance(a, b, weights_a=np.ones(4)) == pytest.approx(distance(a, b))


def test_distance_is_a_metric_over_sizes():
    a, b, c = spectrum(5), spectrum(3), spectrum(7)
    assert distance(a, a) == 0
    assert distance(a, b) == pytest.approx(distance(b, a))
    assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-12


def test_shuffling_never_raises_the_distance_and_tells_separable_sets_apart():
    near, far = spectrum(10) * 0.01, spectrum(10) * 0.01 + 5
    control = shuffle_control(near, far, np.random.default_rng(1))
    assert len(control.shuffled) == 100
    assert np.all(control.shuffled <= control.distance + 1e-12)
    assert control.p < 0.05
    assert shuffle_control(near, near, np.random.default_rng(1)).p == 1


@pytest.mark.parametrize(("a", "b", "options"), [([], [1], {}), ([np.nan], [1], {}), ([1, 2], [1], {"weights_a": [1]})])
def test_bad_spectra_are_refused(a, b, options):
    with pytest.raises(KoopflowError):
        distance(a, b, **options)


def test_transport_does_without_torch():
    asked = (
        "import sys; from koopflow.koopman.spectrum import distance; distance([1, 2], [1]); assert "
        "'torch' not in sys.modules"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("POT_")}
    subprocess.run([sys.executable, "-c", asked], env=environment, cwd=Path(__file__).parents[2], check=True)
