"""Synthetic sets: drawn block by block, so that a check of MNIST's relatives fits a login node."""

import tracemalloc

import numpy as np
import pytest

from koopflow.data.images import load, synthetic
from koopflow.data.images.context import Context
from koopflow.data.images.sets import RawImages


@pytest.mark.parametrize("source", ["gaussian_clusters", "teacher"])
def test_images_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch, source):
    at_once = load({"source": source, "like": "digits"})
    monkeypatch.setattr(synthetic, "BLOCK", 64)
    in_blocks = load({"source": source, "like": "digits"})
    np.testing.assert_allclose(in_blocks.x_train, at_once.x_train, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(in_blocks.y_test, at_once.y_test)


@pytest.mark.parametrize(("source", "bytes_a_pixel"), [("gaussian_clusters", 18), ("teacher", 24)])
def test_one_copy_in_double_precision_is_held_and_not_five(monkeypatch, source, bytes_a_pixel):
    monkeypatch.setattr(synthetic, "BLOCK", 512)
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 256, (12_000, 1, 16, 16), dtype=np.uint8), np.arange(12_000) % 10
    real = RawImages(pixels[2000:], labels[2000:], pixels[:2000], labels[:2000], "noise")
    tracemalloc.start()
    getattr(synthetic, source)(Context("", 0, lambda name: real))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < bytes_a_pixel * pixels.size
