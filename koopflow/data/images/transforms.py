"""Transforms of a set: the same images permuted, rotated or noisy, the controls of the ticket
studies."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Pixels, RawImages


def permute_pixels(raw: RawImages, option: int, seed: int) -> RawImages:
    """Permute the pixels of every image by one permutation, number `option`, the same in all
    channels.

    To a fully connected network this is the same task with its first-layer weights permuted.
    """
    height, width = raw.x_train.shape[2:]
    order = seeds.rng(0, "data", "permute_pixels", option).permutation(height * width)

    def permute(images: Pixels) -> Pixels:
        flat = images.reshape(*images.shape[:2], height * width)
        return np.ascontiguousarray(flat[:, :, order]).reshape(images.shape)

    return _apply(raw, permute, permute, f"permuted {option}")


def rotate(raw: RawImages, option: float, seed: int) -> RawImages:
    """Rotate every image counter-clockwise by `option` degrees about its centre.

    Pixels are interpolated linearly; the corners take the values at the edge.
    """
    if not np.isfinite(_number(option, "rotate")):
        raise KoopflowError(f"data.transform.rotate must be a finite angle in degrees (got {option})")
    from scipy import ndimage

    def turn(images: Pixels) -> Pixels:
        images = np.ascontiguousarray(images)
        return ndimage.rotate(images, float(option), axes=(2, 3), reshape=False, order=1, mode="nearest")

    return _apply(raw, turn, turn, f"rotated {option:g}°")


def noise(raw: RawImages, option: float, seed: int) -> RawImages:
    """Add Gaussian noise of standard deviation `option` to every pixel, training and test; pixels
    lie in [0, 1]."""
    if not _number(option, "noise") > 0:
        raise KoopflowError(
            f"data.transform.noise must be a standard deviation above 0; pixels lie in [0, 1] (got {option})"
        )
    raw = raw.as_float()

    def add(part: str) -> Callable[[Pixels], Pixels]:
        generator = seeds.rng(seed, "data", raw.name, "noise", part)
        return lambda images: images + np.float32(option) * generator.standard_normal(images.shape, dtype=np.float32)

    return _apply(raw, add("train"), add("test"), f"with noise {option:g}")


def _apply(raw: RawImages, train: Callable[[Pixels], Pixels], test: Callable[[Pixels], Pixels], what: str) -> RawImages:
    return replace(raw, x_train=train(raw.x_train), x_test=test(raw.x_test), name=f"{raw.name} ({what})")


def _number(option: object, name: str) -> float:
    if isinstance(option, bool) or not isinstance(option, int | float):
        raise KoopflowError(f"data.transform.{name} must be a number (got {option!r})")
    return float(option)
