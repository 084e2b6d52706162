"""Relatives of a set: the same images permuted, rotated or noisy (the standing controls of the ticket studies)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.data.images.registry import transform
from koopflow.data.images.sets import RawImages


@transform("permute_pixels")
def permute_pixels(raw: RawImages, option: int, seed: int) -> RawImages:
    """Rearrange the pixels of every image by one fixed permutation (`option` numbers it), the same in all channels.

    To a fully connected network this is the same task, weight for weight; a ticket of the one is not a ticket of the other.
    """
    height, width = raw.x_train.shape[2:]
    order = seeds.rng(0, "data", "permute_pixels", option).permutation(height * width)

    def permute(images: np.ndarray) -> np.ndarray:
        flat = images.reshape(*images.shape[:2], height * width)
        return np.ascontiguousarray(flat[:, :, order]).reshape(images.shape)

    return _apply(raw, permute, permute, f"permuted {option}")


@transform("rotate")
def rotate(raw: RawImages, option: float, seed: int) -> RawImages:
    """Rotate every image by `option` degrees counter-clockwise about its centre, linearly interpolated, the corners as
    at the edge."""
    if not np.isfinite(_number(option, "rotate")):
        raise KoopflowError(f"data: transform rotate: {option} is no angle in degrees")
    from scipy import ndimage

    def turn(images: np.ndarray) -> np.ndarray:
        images = np.ascontiguousarray(images)
        return ndimage.rotate(images, float(option), axes=(2, 3), reshape=False, order=1, mode="nearest")

    return _apply(raw, turn, turn, f"rotated {option:g}°")


@transform("noise")
def noise(raw: RawImages, option: float, seed: int) -> RawImages:
    """Add independent Gaussian noise of standard deviation `option` to every pixel (pixels in [0, 1]), training and
    test alike."""
    if not _number(option, "noise") > 0:
        raise KoopflowError(
            f"data: transform noise: {option} is no standard deviation; accepted are numbers above 0 (pixels lie in [0, 1])"
        )
    raw = raw.as_float()

    def add(part: str) -> Callable[[np.ndarray], np.ndarray]:
        generator = seeds.rng(seed, "data", raw.name, "noise", part)
        return lambda images: images + np.float32(option) * generator.standard_normal(images.shape, dtype=np.float32)

    return _apply(raw, add("train"), add("test"), f"with noise {option:g}")


def _apply(raw: RawImages, train: Callable, test: Callable, what: str) -> RawImages:
    return replace(raw, x_train=train(raw.x_train), x_test=test(raw.x_test), name=f"{raw.name} ({what})")


def _number(option: object, name: str) -> float:
    if isinstance(option, bool) or not isinstance(option, int | float):
        raise KoopflowError(f"data: transform {name}: {option!r} is no number")
    return float(option)
