"""Allocations give every tensor its share exactly; schedules end at the density asked for."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import koopflow as kf
from koopflow.core.errors import KoopflowError
from koopflow.pruning import allocation, schedules

SHAPES = [(8, 1, 3, 3), (8,), (16, 8, 3, 3), (10, 64)]


def counts(kept):
    edges = np.cumsum([0, *(int(np.prod(shape)) for shape in SHAPES)])
    return [int(kept[a:b].sum()) for a, b in itertools.pairwise(edges)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.sampled_from(allocation.SCOPES))
def test_every_allocation_keeps_exactly_what_is_asked(seed, share, scope):
    generator = np.random.default_rng(seed)
    size = sum(int(np.prod(shape)) for shape in SHAPES)
    candidates = generator.random(size) < 0.8
    keep = round(share * int(candidates.sum()))
    kept = allocation.chosen(generator.random(size), candidates, keep, SHAPES, scope)
    assert kept.sum() == keep
    assert not (kept & ~candidates).any()


def test_erk_densities_follow_the_sum_of_dimensions_over_their_product():
    size = sum(int(np.prod(shape)) for shape in SHAPES)
    kept = allocation.chosen(np.arange(size), np.ones(size, dtype=bool), 200, SHAPES, "erk")
    wanted = np.array([8 + 1 + 3 + 3, 8, 16 + 8 + 3 + 3, 10 + 64]) * 200 / 127
    wanted[1] = 8  # a vector would exceed density 1
    wanted[[0, 2, 3]] = np.array([15, 30, 74]) * 192 / 119
    assert counts(kept) == pytest.approx(wanted, abs=1)


def test_each_output_keeps_the_same_number():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 3))
    kept = kf.prune(model, "magnitude", 3, scope="output")["0.weight"]
    assert kept.sum(1).tolist() == [4] * 6


def test_gradual_is_cubic_and_iterative_geometric():
    pruned = [1 - density for density in schedules.densities(0.1, "gradual", 4)]
    assert pruned == pytest.approx([0.9 * (1 - (1 - k / 4) ** 3) for k in (1, 2, 3, 4)])
    found = schedules.densities(0.1, "iterative", 4)
    assert np.diff(np.log(found)) == pytest.approx(np.full(3, np.log(0.1) / 4))
    assert schedules.densities(0.1, "one_shot", 7) == [0.1]


def test_gradual_pruning_trains_between_rounds_under_the_mask_so_far():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 30), nn.ReLU(), nn.Linear(30, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x, y = torch.randn(50, 12), torch.randint(0, 3, (50,))
    alive = []

    def train(network):
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
        alive.append(int((network[0].weight != 0).sum()))

    mask = kf.prune(model, "magnitude", 10, schedule="gradual", rounds=3, train=train)
    assert alive == [round(360 * (1 - 0.9 * (1 - (1 - k / 3) ** 3))) for k in (1, 2, 3)]
    assert mask.kept[mask.eligible()].sum() == 36
    assert (model[0].weight.detach().numpy()[~mask["0.weight"]] == 0).all()
    mask.remove(model)
    assert int((model[0].weight != 0).sum()) == 36


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "twice"}, "schedule must be one of one_shot, iterative, gradual"),
        ({"schedule": "iterative", "rounds": 0}, "rounds must be a whole number of at least 1"),
        ({"scope": "row"}, "scope must be one of global, layer, output, erk"),
        ({"sede": 1}, r"no option named 'sede' \(did you mean seed\?\)"),
    ],
)
def test_wrong_choices_are_refused(options, message):
    with pytest.raises(KoopflowError, match=message):
        kf.prune(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), "magnitude", 2, **options)


def test_the_largest_remainders_are_rounded_up():
    assert allocation._rounded(np.array([1.2, 1.8]), np.array([5, 5]), 3) == [1, 2]
