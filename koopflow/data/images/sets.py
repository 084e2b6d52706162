"""Sets of labelled images: raw, as a source returns them, and normalized, as training takes
them."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError

Part = Literal["train", "test"]
Pixels = NDArray[Any]
"""uint8 or floating-point pixels, (image, channel, height, width)."""


@dataclass(frozen=True)
class RawImages:
    """Labelled images as a source returns them.

    Attributes
    ----------
    x_train, x_test : ndarray, (image, channel, height, width)
        uint8 in 0..255, or float32 in the source's own units (finite).
    y_train, y_test : ndarray of int64, (image,)
        Class of each image, 0 .. classes − 1.
    name : str
        Name of the set in messages.
    """

    x_train: Pixels
    y_train: NDArray[np.int64]
    x_test: Pixels
    y_test: NDArray[np.int64]
    name: str

    @property
    def classes(self) -> int:
        """Number of classes, from the training labels."""
        return int(self.y_train.max()) + 1

    def labels(self, part: Part) -> NDArray[np.int64]:
        """Return the labels (image,) of a part."""
        return self.y_train if part == "train" else self.y_test

    def sha256(self) -> str:
        """Return the SHA-256 of types, shapes and bytes of images and labels, hexadecimal."""
        digest = hashlib.sha256()
        for array in (self.x_train, self.y_train, self.x_test, self.y_test):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def as_float(self) -> "RawImages":
        """Return the same images as float32, uint8 pixels divided by 255."""
        return replace(self, x_train=_as_float(self.x_train), x_test=_as_float(self.x_test))


@dataclass(frozen=True)
class Images:
    """Normalized labelled images in memory, ready for training.

    Attributes
    ----------
    x_train, x_test : ndarray of float32, (image, channel, height, width)
        Pixels minus `mean`, divided by `std`.
    y_train, y_test : ndarray of int64, (image,)
        Class of each image, 0 .. classes − 1.
    classes : int
        Number of classes.
    mean, std : tuple of float, one per channel
        Mean and standard deviation of the training pixels before normalization; pixels stored as
        bytes are scaled to [0, 1] first.
    name : str
        Name of the set in messages.
    """

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        channels, height, width = (int(size) for size in self.x_train.shape[1:])
        return channels, height, width


def check(raw: RawImages) -> RawImages:
    """Return `raw`, or raise a KoopflowError that names the array and what is wrong with it."""
    for part, pixels, labels in (("train", raw.x_train, raw.y_train), ("test", raw.x_test, raw.y_test)):
        _check_pixels(pixels, f"{raw.name}: x_{part}")
        _check_labels(labels, len(pixels), f"{raw.name}: y_{part}")
    if raw.x_train.shape[1:] != raw.x_test.shape[1:]:
        raise KoopflowError(
            f"{raw.name}: training images are {_size(raw.x_train)}, test images {_size(raw.x_test)} "
            "(channel, height, width); sizes must match"
        )
    if raw.y_test.max() >= raw.classes:
        raise KoopflowError(
            f"{raw.name}: y_test has class {raw.y_test.max()}, but y_train has only classes 0 to {raw.classes - 1}"
        )
    if raw.classes < 2:
        raise KoopflowError(f"{raw.name}: y_train has a single class; classification needs at least two")
    return raw


def normalize(raw: RawImages) -> Images:
    """Return `raw` minus the training pixels' mean, divided by their standard deviation, channel by
    channel.

    For MNIST these are the usual 0.1307 and 0.3081. Raises a KoopflowError if a channel is
    constant.
    """
    raw = raw.as_float()
    mean = raw.x_train.mean(axis=(0, 2, 3), dtype=np.float64)
    # Centring first keeps the second moment accurate in float32; one channel at a time bounds the
    # memory.
    std = np.array(
        [np.sqrt(np.square(raw.x_train[:, k] - np.float32(m)).mean(dtype=np.float64)) for k, m in enumerate(mean)],
        dtype=np.float64,
    )
    if not np.all(std > 0):
        raise KoopflowError(
            f"{raw.name}: all training pixels of channel {int(np.argmin(std))} are equal; there is "
            "nothing to learn from"
        )
    centre, scale = (values.astype(np.float32)[None, :, None, None] for values in (mean, std))
    return Images(
        x_train=_scaled(raw.x_train, centre, scale),
        y_train=raw.y_train,
        x_test=_scaled(raw.x_test, centre, scale),
        y_test=raw.y_test,
        classes=raw.classes,
        mean=tuple(float(value) for value in mean),
        std=tuple(float(value) for value in std),
        name=raw.name,
    )


def _scaled(pixels: Pixels, centre: Pixels, scale: Pixels) -> NDArray[np.float32]:
    """Return (pixels − centre) / scale, with one new array instead of two: sets may be as large as
    ImageNet."""
    scaled: NDArray[np.float32] = np.subtract(pixels, centre, order="C")
    scaled /= scale
    return scaled


def _as_float(pixels: Pixels) -> NDArray[np.float32]:
    if pixels.dtype == np.uint8:
        scaled = pixels.astype(np.float32)
        scaled /= np.float32(255)
        return scaled
    return pixels.astype(np.float32, copy=False)


def _size(images: Pixels) -> str:
    return "×".join(str(size) for size in images.shape[1:])


def _check_pixels(pixels: Pixels, name: str) -> None:
    if pixels.ndim != 4:
        raise KoopflowError(
            f"{name} must have shape (image, height, width) or (image, channel, height, width) (got {pixels.shape})"
        )
    if min(pixels.shape) == 0:
        raise KoopflowError(f"{name} is empty; its shape is {pixels.shape}")
    if pixels.dtype != np.uint8 and not np.issubdtype(pixels.dtype, np.floating):
        raise KoopflowError(f"{name} must be uint8 or floating-point (got {pixels.dtype})")
    if np.issubdtype(pixels.dtype, np.floating):
        bad = ~np.isfinite(pixels)
        if bad.any():
            first = tuple(int(index) for index in np.argwhere(bad)[0])
            raise KoopflowError(
                f"{name} must be finite (got {int(bad.sum())} NaN or infinite pixels, the first at index {first})"
            )


def _check_labels(labels: NDArray[Any], images: int, name: str) -> None:
    if labels.ndim != 1 or len(labels) != images:
        raise KoopflowError(f"{name} must have one label for each of the {images} images (got shape {labels.shape})")
    if not np.issubdtype(labels.dtype, np.integer):
        raise KoopflowError(f"{name} must be integers (got {labels.dtype})")
    if labels.min() < 0:
        raise KoopflowError(f"{name} must be labels from 0 (got {labels.min()})")
