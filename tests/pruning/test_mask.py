"""Masks keep exactly what was asked for, reproducibly, and survive a trip through a file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koopflow.core.errors import KoopflowError
from koopflow.pruning import mask as masks
from koopflow.pruning import selection

PARAMETERS = (
    ("conv.weight", (4, 1, 3, 3)),
    ("conv.bias", (4,)),
    ("hidden.weight", (10, 16)),
    ("last.weight", (5, 10)),
    ("last.bias", (5,)),
)


def plain_global(scores, parameters, keep, prunable):
    """The plain way: sort all prunable weights, one Python list."""
    entries, position, kept = [], 0, []
    for name, shape in parameters:
        for _ in range(int(np.prod(shape))):
            if name in prunable:
                entries.append((-scores[position], position))
            else:
                kept.append(position)
            position += 1
    kept += [position for _, position in sorted(entries)[:keep]]
    return set(kept)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1, 500), st.sampled_from(["global", "layer"]), st.booleans())
def test_kept_count_is_exact_whatever_the_ties(seed, compression, scope, tied):
    generator = np.random.default_rng(seed)
    scores = (
        generator.integers(0, 3, masks.size(PARAMETERS)).astype(float)
        if tied
        else generator.random(masks.size(PARAMETERS))
    )
    prunable = selection.prunable_names(PARAMETERS, ["classifier", "vectors"])
    keep = selection.kept_at(PARAMETERS, prunable, compression, "prunable")
    mask = selection.mask_by_score(scores, PARAMETERS, keep, prunable=prunable, scope=scope)
    among = mask.eligible()
    assert np.count_nonzero(mask.kept & among) == keep
    assert abs(keep - among.sum() / compression) <= 0.5
    assert mask.kept[~among].all()
    if scope == "layer":
        for layer in mask.layers():
            if layer.prunable:
                assert abs(layer.kept - layer.size * keep / among.sum()) < 1


def test_global_selection_agrees_with_plain_sorting():
    generator = np.random.default_rng(1)
    prunable = selection.prunable_names(PARAMETERS)
    for keep in (0, 1, 17, 100, 200):
        scores = generator.standard_normal(masks.size(PARAMETERS))
        mask = selection.mask_by_score(scores, PARAMETERS, keep, prunable=prunable)
        assert set(np.flatnonzero(mask.kept)) == plain_global(scores, PARAMETERS, keep, prunable)


def test_compression_counts_all_weights_or_the_prunable_ones():
    total = masks.size(PARAMETERS)
    prunable = selection.prunable_names(PARAMETERS, ["classifier"])
    keep = selection.kept_at(PARAMETERS, prunable, 2, "all")
    mask = selection.mask_by_score(np.arange(total), PARAMETERS, keep, prunable=prunable)
    assert mask.kept.sum() == round(total / 2)
    assert mask.compression == pytest.approx(2, rel=0.01)
    assert (
        selection.kept_at(PARAMETERS, prunable, 1, "all")
        == selection.kept_at(PARAMETERS, prunable, 1, "prunable")
        == 200
    )


def test_selection_within_a_mask_never_revives_a_weight():
    generator = np.random.default_rng(2)
    total = masks.size(PARAMETERS)
    first = selection.mask_by_score(generator.random(total), PARAMETERS, 60, prunable=["hidden.weight", "conv.weight"])
    second = selection.mask_by_score(generator.random(total), PARAMETERS, 20, within=first)
    assert not (second.kept & ~first.kept).any()
    assert np.count_nonzero(second.kept & second.eligible()) == 20


def test_excluded_names_by_pattern_module_and_word():
    assert selection.prunable_names(PARAMETERS) == ("conv.weight", "conv.bias", "hidden.weight")
    assert selection.prunable_names(PARAMETERS, ["classifier", "vectors"]) == ("conv.weight", "hidden.weight")
    assert selection.prunable_names(PARAMETERS, ["conv", "*.bias"]) == ("hidden.weight", "last.weight")
    assert selection.prunable_names(PARAMETERS, []) == tuple(name for name, _ in PARAMETERS)
    assert selection.prunable_names((("w", (2, 2)), ("v", (2, 2)))) == ("w",)


def test_summary_and_emptied_layers():
    scores = np.concatenate(
        [np.full(int(np.prod(shape)), value) for (_, shape), value in zip(PARAMETERS, (1, 0, 2, 3, 4))]
    )
    mask = selection.mask_by_score(scores, PARAMETERS, 160, prunable=selection.prunable_names(PARAMETERS))
    assert mask.emptied() == ["conv.weight", "conv.bias"]
    assert [layer.kept for layer in mask.layers()] == [0, 0, 160, 50, 5]
    assert mask.density == pytest.approx(0.8)


def test_shuffled_keeps_the_layer_densities_and_only_them():
    mask = selection.mask_by_score(
        np.random.default_rng(3).random(masks.size(PARAMETERS)),
        PARAMETERS,
        120,
        prunable=["hidden.weight", "conv.weight"],
    )
    other = mask.shuffled(np.random.default_rng(4))
    assert [layer.kept for layer in other.layers()] == [layer.kept for layer in mask.layers()]
    assert (other.kept != mask.kept).any()


def test_a_saved_mask_comes_back_the_same_in_the_same_bytes(tmp_path):
    mask = selection.mask_by_score(
        np.arange(masks.size(PARAMETERS)), PARAMETERS, 77, prunable=["hidden.weight", "conv.weight"]
    )
    mask.save(tmp_path / "a.npz")
    mask.save(tmp_path / "b.npz")
    back = masks.Mask.load(tmp_path / "a.npz")
    assert (back.kept == mask.kept).all()
    assert back.parameters == mask.parameters
    assert back.prunable == mask.prunable
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


@pytest.mark.parametrize(
    "content",
    [
        {"x": np.zeros(3)},
        {
            "format": np.array("koopflow-mask-1"),
            "prunable": np.array([], dtype=str),
            "mask/w": np.ones(2, dtype=object),
        },
    ],
)
def test_a_file_that_is_no_mask_or_holds_pickles_is_refused(tmp_path, content):
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(KoopflowError, match=r"x\.npz"):
        masks.Mask.load(tmp_path / "x.npz")


def test_garbage_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"not a zip file")
    with pytest.raises(KoopflowError, match=r"x\.npz"):
        masks.Mask.load(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: selection.kept_at(PARAMETERS, ["conv.weight"], 0.5), "compression must be .*got 0.5"),
        (lambda: selection.kept_at(PARAMETERS, ["conv.weight"], float("nan")), "compression must be .*got nan"),
        (lambda: selection.kept_at(PARAMETERS, ["conv.weight"], 64, "all"), "must be from 1 to 1.1"),
        (lambda: selection.prunable_names(PARAMETERS, ["fc9"]), "'fc9' matches no parameter"),
        (lambda: selection.prunable_names(PARAMETERS, ["*"]), "leaves nothing"),
        (lambda: selection.mask_by_score(np.zeros(3), PARAMETERS, 1), "shape"),
        (lambda: selection.mask_by_score(np.zeros(masks.size(PARAMETERS)), PARAMETERS, -1), r"keep must .*\(got -1\)"),
        (lambda: selection.mask_by_score(np.zeros(masks.size(PARAMETERS)), PARAMETERS, 1, scope="row"), "scope"),
    ],
)
def test_bad_requests_end_in_one_clear_line(call, message):
    with pytest.raises(KoopflowError, match=message):
        call()


def test_nan_scores_name_the_layer():
    scores = np.ones(masks.size(PARAMETERS))
    scores[50] = np.nan
    with pytest.raises(KoopflowError, match=r"1 of 160 values of hidden\.weight are NaN"):
        selection.mask_by_score(scores, PARAMETERS, 10)
