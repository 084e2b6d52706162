"""What a set of labelled images is: as a source gives it (raw) and as training takes it (normalized)."""

from dataclasses import dataclass, replace

import numpy as np

from koopflow.core.errors import KoopflowError


@dataclass(frozen=True)
class RawImages:
    """Labelled images as a source gives them.

    Attributes
    ----------
    x_train, x_test : ndarray, (image, channel, height, width)
        uint8 in 0..255, or float32 in the source's own units (finite).
    y_train, y_test : ndarray of int64, (image,)
        Class of each image, 0 .. classes − 1.
    name : str
        What messages call the set.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    name: str

    @property
    def classes(self) -> int:
        """Number of classes, from the training labels."""
        return int(self.y_train.max()) + 1

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
        Mean and standard deviation of the training pixels before normalization, pixels in [0, 1] where the source has bytes.
    name : str
        What messages call the set.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        return tuple(int(size) for size in self.x_train.shape[1:])


def check(raw: RawImages) -> RawImages:
    """Return `raw` if it is sound; else raise a KoopflowError that names the array and what is wrong with it."""
    for part in ("train", "test"):
        _check_pixels(getattr(raw, f"x_{part}"), f"{raw.name}: x_{part}")
        _check_labels(getattr(raw, f"y_{part}"), len(getattr(raw, f"x_{part}")), f"{raw.name}: y_{part}")
    if raw.x_train.shape[1:] != raw.x_test.shape[1:]:
        raise KoopflowError(
            f"{raw.name}: training images are {_size(raw.x_train)} but test images {_size(raw.x_test)} (channel, height, width)"
        )
    if raw.y_test.max() >= raw.classes:
        raise KoopflowError(f"{raw.name}: y_test has class {raw.y_test.max()}, but y_train only has classes 0 to {raw.classes - 1}")
    if raw.classes < 2:
        raise KoopflowError(f"{raw.name}: y_train has a single class; classification needs at least two")
    return raw


def normalize(raw: RawImages) -> Images:
    """Return `raw` with the training set's mean subtracted and divided by its standard deviation, channel by channel.

    For MNIST these are the customary 0.1307 and 0.3081. Raises a KoopflowError where a channel is constant.
    """
    raw = raw.as_float()
    mean = raw.x_train.mean(axis=(0, 2, 3), dtype=np.float64)
    # Centring first keeps the second moment accurate in float32 storage; one channel at a time bounds the memory.
    std = np.array(
        [np.sqrt(np.square(raw.x_train[:, k] - np.float32(m)).mean(dtype=np.float64)) for k, m in enumerate(mean)], dtype=np.float64
    )
    if not np.all(std > 0):
        raise KoopflowError(
            f"{raw.name}: all training pixels of channel {int(np.argmin(std))} are equal, so there is nothing to learn from"
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


def _scaled(pixels: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return (pixels − centre) / scale with one new array in place of two, which matters for sets as large as ImageNet."""
    scaled = np.subtract(pixels, centre, order="C")
    scaled /= scale
    return scaled


def _as_float(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        pixels = pixels.astype(np.float32)
        pixels /= np.float32(255)
        return pixels
    return pixels.astype(np.float32, copy=False)


def _size(images: np.ndarray) -> str:
    return "×".join(str(size) for size in images.shape[1:])


def _check_pixels(pixels: np.ndarray, name: str) -> None:
    if pixels.ndim != 4:
        raise KoopflowError(
            f"{name} has shape {pixels.shape}; accepted are (image, height, width) and (image, channel, height, width)"
        )
    if min(pixels.shape) == 0:
        raise KoopflowError(f"{name} is empty: its shape is {pixels.shape}")
    if pixels.dtype != np.uint8 and not np.issubdtype(pixels.dtype, np.floating):
        raise KoopflowError(f"{name} has dtype {pixels.dtype}; accepted are uint8 and floating-point numbers")
    if np.issubdtype(pixels.dtype, np.floating):
        bad = ~np.isfinite(pixels)
        if bad.any():
            first = tuple(int(index) for index in np.argwhere(bad)[0])
            raise KoopflowError(
                f"{name} has {int(bad.sum())} NaN or infinite pixels, the first at index {first}; all must be finite"
            )


def _check_labels(labels: np.ndarray, images: int, name: str) -> None:
    if labels.ndim != 1 or len(labels) != images:
        raise KoopflowError(f"{name} has shape {labels.shape}; accepted is one label for each of the {images} images")
    if not np.issubdtype(labels.dtype, np.integer):
        raise KoopflowError(f"{name} has dtype {labels.dtype}; accepted are integers")
    if labels.min() < 0:
        raise KoopflowError(f"{name} has the label {labels.min()}; accepted are 0 to classes − 1")
