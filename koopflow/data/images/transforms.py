"""Transforms of a set: the same images permuted, turned, noisy or relabelled, the controls of the
ticket studies, and images of other sizes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def permute_some(raw: RawImages, option: Mapping[str, Any], seed: int) -> RawImages:
    """Permute a share of the pixels of every image among themselves; the others stay.

    The pixels of a smaller share are among those of a larger one of the same number, so shares
    grade one task from near to far.

    Parameters
    ----------
    option : mapping
        ``number`` of the permutation, and ``share`` of the pixels, between 0 and 1.
    """
    height, width = raw.x_train.shape[2:]
    number, share = int(option["number"]), _number(option["share"], "permute_some.share")
    places = seeds.rng(0, "data", "permute_some", number).permutation(height * width)[: round(share * height * width)]
    order = np.arange(height * width)
    order[places] = np.roll(places, 1)  # a cycle, in random order: every one of them moves

    def permute(images: Pixels) -> Pixels:
        flat = images.reshape(*images.shape[:2], height * width)
        return np.ascontiguousarray(flat[:, :, order]).reshape(images.shape)

    return _apply(raw, permute, permute, f"{share:.0%} permuted {number}")


def flip(raw: RawImages, option: str, seed: int) -> RawImages:
    """Mirror every image: left and right change places (horizontal), or top and bottom
    (vertical)."""
    axes = {"horizontal": 3, "vertical": 2}
    if option not in axes:
        raise KoopflowError(f"data.transform.flip must be horizontal or vertical (got {option!r})")

    def mirror(images: Pixels) -> Pixels:
        return np.ascontiguousarray(np.flip(images, axes[option]))

    return _apply(raw, mirror, mirror, f"flipped {option}")


def invert(raw: RawImages, option: bool, seed: int) -> RawImages:
    """Turn dark into light: every pixel x of a channel becomes low + high − x, the range of its
    training pixels.

    After normalization this is x → −x. To a network without biases it is the same task with the
    signs of the first layer changed: a control, on which exponents must agree.
    """
    if option is not True:
        raise KoopflowError(f"data.transform.invert must be true, or left out (got {option!r})")
    raw = raw.as_float()
    low, high = (bound(raw.x_train, axis=(0, 2, 3), keepdims=True) for bound in (np.min, np.max))

    def turn(images: Pixels) -> Pixels:
        return np.asarray(low + high - images)

    return _apply(raw, turn, turn, "inverted")


def relabel(raw: RawImages, option: int, seed: int) -> RawImages:
    """Give every class the label of another by permutation number `option`, the same for training
    and test."""
    order = seeds.rng(0, "data", "relabel", option).permutation(raw.classes)
    return replace(raw, y_train=order[raw.y_train], y_test=order[raw.y_test], name=f"{raw.name} (relabelled {option})")


def resize(raw: RawImages, option: int, seed: int) -> RawImages:
    """Scale every image to a square of `option` pixels, by averaging over the area of each new
    pixel."""
    if isinstance(option, bool) or not isinstance(option, int) or option < 1:
        raise KoopflowError(f"data.transform.resize must be a side in pixels, at least 1 (got {option!r})")
    raw = raw.as_float()
    down, across = (_areas(side, option) for side in raw.x_train.shape[2:])

    def scale(images: Pixels) -> Pixels:
        return np.einsum("ij,ncjk,lk->ncil", down, images, across, optimize=True).astype(np.float32)

    return _apply(raw, scale, scale, f"{option} x {option}")


def grey(raw: RawImages, option: bool, seed: int) -> RawImages:
    """Replace the channels of every image by their mean."""
    if option is not True:
        raise KoopflowError(f"data.transform.grey must be true, or left out (got {option!r})")
    raw = raw.as_float()

    def mean(images: Pixels) -> Pixels:
        return np.asarray(images.mean(axis=1, keepdims=True, dtype=np.float32))

    return _apply(raw, mean, mean, "grey")


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


def _areas(old: int, new: int) -> NDArray[np.float64]:
    """Return the share (new, old) of each old pixel in each new one along an axis; rows sum to
    one."""
    edges = np.arange(new + 1) * old / new
    overlap = np.minimum(edges[1:, None], np.arange(1, old + 1)) - np.maximum(edges[:-1, None], np.arange(old))
    return np.clip(overlap, 0.0, None) * new / old


def _apply(raw: RawImages, train: Callable[[Pixels], Pixels], test: Callable[[Pixels], Pixels], what: str) -> RawImages:
    return replace(raw, x_train=train(raw.x_train), x_test=test(raw.x_test), name=f"{raw.name} ({what})")


def _number(option: object, name: str) -> float:
    if isinstance(option, bool) or not isinstance(option, int | float):
        raise KoopflowError(f"data.transform.{name} must be a number (got {option!r})")
    return float(option)
