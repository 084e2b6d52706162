"""Synthetic tasks matched to a real set in shapes, sizes, class shares and moments.

They test whether the nature of the data matters to training dynamics when all easily measured
properties are equal (paper O).
"""

import numpy as np
from numpy.typing import NDArray

from koopflow.core import seeds
from koopflow.data.images.context import Context
from koopflow.data.images.sets import RawImages

BLOCK = 4096
"""Images drawn at once. MNIST in double precision takes 400 MB, so that every array as large counts:
the check of a study runs on the login node of a cluster."""


def gaussian_clusters(context: Context, like: str = "digits", number: int = 0) -> RawImages:
    """Return one Gaussian cloud per class, matched to the set `like`; another `number` draws other
    clouds.

    Matched are the shape, the number of images and each class's share; every pixel's mean and
    variance over the training images; and the share of the variance that lies between the classes.
    Pixels are otherwise independent.
    """
    real = context.load(like).as_float()
    generator = seeds.rng(context.seed, "data", "gaussian_clusters", real.name, *([number] if number else []))
    mean, variance, share = _moments(real)
    centres = generator.standard_normal((real.classes, len(mean)))
    # Standardized with the classes' shares, so that exactly `share` of each pixel's variance is
    # between classes.
    weights = np.bincount(real.y_train, minlength=real.classes) / len(real.y_train)
    centres -= weights @ centres
    centres /= np.sqrt(weights @ centres**2)

    def draw(labels: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.float32]:
        images = np.empty((len(labels), len(mean)), np.float32)
        for first in range(0, len(labels), BLOCK):
            some = labels[first : first + BLOCK]
            noise = generator.standard_normal((len(some), len(mean)))
            cloud = np.sqrt(share) * centres[some] + np.sqrt(1 - share) * noise
            images[first : first + BLOCK] = mean + np.sqrt(variance) * cloud
        return images.reshape(shape)

    x_train, x_test = draw(real.y_train, real.x_train.shape), draw(real.y_test, real.x_test.shape)
    name = f"gaussian clusters {number} like {real.name}" if number else f"gaussian clusters like {real.name}"
    return RawImages(x_train, real.y_train, x_test, real.y_test, name)


def teacher(context: Context, like: str = "digits", width: int = 64) -> RawImages:
    """Return Gaussian images labelled by a random network, matched to the set `like`.

    Images have the mean and the full covariance of the real training pixels. The label is the
    largest output of a random two-layer tanh network of `width` hidden units (the teacher), shifted
    so that every class has about its real share.
    """
    real = context.load(like).as_float()
    generator = seeds.rng(context.seed, "data", "teacher", real.name, width)
    mean, covariance = _covariance(real)
    eigenvalues, vectors = np.linalg.eigh(covariance)
    # The symmetric square root has no arbitrary signs, unlike the eigenvectors.
    root = (vectors * np.sqrt(np.clip(eigenvalues, 0, None))) @ vectors.T

    def draw(count: int) -> NDArray[np.float64]:
        images = np.empty((count, len(mean)))
        for begin in range(0, count, BLOCK):
            some = generator.standard_normal((min(BLOCK, count - begin), len(mean)))
            images[begin : begin + BLOCK] = mean + some @ root
        return images

    first = generator.standard_normal((len(mean), width))
    second = generator.standard_normal((width, real.classes)) / np.sqrt(width)
    x_train, x_test = draw(len(real.x_train)), draw(len(real.x_test))
    hidden_scale = ((x_train - mean) @ first).std()
    logits = [np.tanh((images - mean) @ first / hidden_scale) @ second for images in (x_train, x_test)]
    offset = _balancing_offset(logits[0], np.bincount(real.y_train, minlength=real.classes) / len(real.y_train))
    y_train, y_test = (np.argmax(each + offset, axis=1).astype(np.int64) for each in logits)
    shape_train, shape_test = real.x_train.shape, real.x_test.shape
    return RawImages(
        x_train.astype(np.float32).reshape(shape_train),
        y_train,
        x_test.astype(np.float32).reshape(shape_test),
        y_test,
        f"teacher like {real.name}",
    )


def _moments(real: RawImages) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return mean and variance of every training pixel, and the share of the total variance that the
    class means carry (0: none, 1: all)."""
    pixels = real.x_train.reshape(len(real.x_train), -1).astype(np.float64)
    mean, labels = pixels.mean(axis=0), real.y_train
    between = sum(
        np.sum(labels == k) * np.sum((pixels[labels == k].mean(axis=0) - mean) ** 2)
        for k in range(real.classes)
        if np.any(labels == k)
    )
    pixels -= mean
    pixels *= pixels
    return mean, pixels.mean(axis=0), float(between / np.sum(pixels))


def _covariance(real: RawImages) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and covariance of the training pixels."""
    pixels = real.x_train.reshape(len(real.x_train), -1).astype(np.float64)
    mean = pixels.mean(axis=0)
    pixels -= mean
    return mean, pixels.T @ pixels * (1 / len(pixels))


def _balancing_offset(
    logits: NDArray[np.float64], shares: NDArray[np.float64], rounds: int = 200
) -> NDArray[np.float64]:
    """Return the shift of the outputs under which each class is the largest about as often as
    `shares` asks.

    A damped fixed-point search: the output of a class that is chosen too often is lowered by the
    log ratio.
    """
    offset = np.zeros(logits.shape[1])
    scale = logits.std()
    for _ in range(rounds):
        found = np.bincount(np.argmax(logits + offset, axis=1), minlength=logits.shape[1]) / len(logits)
        offset += 0.1 * scale * np.log((shares + 1e-3) / (found + 1e-3))
    return offset
