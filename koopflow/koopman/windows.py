"""Delay-DMD of many windows at once.

A window is the last `window` samples at some time t. Its delay vectors are x_k = (z_{k-delays+1},
..., z_k), oldest sample first; its model is the projected DMD (Schmid 2010; for delays Arbabi and
Mezic 2017) of the pairs x_k -> x_{k+1} inside it. Windows are fitted in blocks, by batched products
and small eigenvalue problems, with the same results as `koopflow.koopman.fit` on each. Here
`delays` counts all samples of a delay vector; in `fit` it counts only the earlier ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.koopman.runs import Array, ComplexArray

SINGULAR_FLOOR = 1e-9
"""Directions with singular values below this share of a window's largest are rounding error, not
dynamics.
"""
SAFE_EXPONENT = 200
"""Windows whose largest magnitude lies between 2^-200 and 2^200 need no scaling."""
PARALLEL = 1e-8
"""Eigenvectors are parallel where singular values of their matrix fall below this share of the
largest.
"""
GROWING = 1e-6
"""Modes grow if their eigenvalues exceed 1 by more; rounding splits a double eigenvalue by less."""
BLOCK_ELEMENTS = 4_000_000


@dataclass(frozen=True)
class WindowModels:
    """Models of n windows of one rank; `dimension` is delays x channels.

    Attributes
    ----------
    mean : float64 (n, channels)
        The level subtracted from each window before its fit; zeros if windows are not centred.
    eigenvalues : complex128 (n, rank)
        Eigenvalues of the projected operator, sorted by imaginary and then real part; unused
        entries are zero.
    basis : float64 (n, dimension, rank)
        Leading left singular vectors of the Hankel matrix.
    eigenvectors : complex128 (n, rank, rank)
        Eigenvectors of the projected operator, as columns; ``basis @ eigenvectors`` are the DMD
        modes.
    residual : float64 (n,)
        RMS one-step error inside the window, divided by the RMS of the window.
    operator : float64 (n, rank, rank)
        The projected operator.
    """

    mean: Array
    eigenvalues: ComplexArray
    basis: Array
    eigenvectors: ComplexArray
    residual: Array
    operator: Array

    def __len__(self) -> int:
        return len(self.eigenvalues)

    def take(self, chosen: slice | Sequence[int] | NDArray[Any]) -> "WindowModels":
        """Return the models of the windows `chosen`: indices, a mask or a slice."""
        return WindowModels(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @staticmethod
    def join(parts: list["WindowModels"]) -> "WindowModels":
        """Return the concatenation of several sets of models."""
        return WindowModels(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(WindowModels))
        )


def fit_windows(
    values: Array, window: int, delays: int, rank: int, *, center: bool = True, means: Array | None = None
) -> WindowModels:
    """Fit a delay-DMD model to every window of a series.

    Parameters
    ----------
    values : float64 (time, channels)
        The series, without missing values.
    window, delays, rank : int
        Samples per window, samples per delay vector, rank of the model; ``window - delays`` pairs
        determine it.
    center : bool
        Subtract each window's mean first, so that no eigenvalue is spent on the level (Hirsh et al.
        2020).
    means : float64 (time - window + 1, channels), optional
        Levels to subtract instead.

    Returns
    -------
    WindowModels
        Models of ``time - window + 1`` windows; window i covers ``values[i : i + window]``.

    Raises
    ------
    KoopflowError
        If the sizes are incompatible, or the series is shorter than one window.
    """
    values = np.asarray(values, dtype=np.float64)
    check_sizes(len(values), values.shape[1], window, delays, rank)
    pairs, dimension = window - delays, delays * values.shape[1]
    block = max(1, BLOCK_ELEMENTS // ((pairs + 1) * dimension))
    windows = sliding_window_view(values, window, axis=0).transpose(0, 2, 1)
    if means is None:
        means = windows.mean(axis=1) if center else np.zeros((len(windows), values.shape[1]))
    pairs_of_blocks = zip(_blocks(windows, block), _blocks(means, block))
    return WindowModels.join([_fit_block(part, level, delays, rank) for part, level in pairs_of_blocks])


def fit_some(windows: Array, delays: int, rank: int) -> WindowModels:
    """Return the models of `windows` (n, window, channels), each fitted after subtracting its
    mean."""
    means = windows.mean(axis=1)
    block = max(1, BLOCK_ELEMENTS // (windows.shape[1] * delays * windows.shape[2]))
    return WindowModels.join(
        [_fit_block(*each, delays, rank) for each in zip(_blocks(windows, block), _blocks(means, block))]
    )


def check_sizes(samples: int, channels: int, window: int, delays: int, rank: int) -> None:
    """Raise a KoopflowError unless windows of these sizes can be fitted to a series of `samples`
    samples."""
    if delays < 1:
        raise KoopflowError(f"delays must be at least 1 (got {delays})")
    if window <= delays + 1:
        raise KoopflowError(f"window must be greater than delays + 1 (got window {window}, delays {delays})")
    most = min(delays * channels, window - delays)
    if not 1 <= rank <= most:
        raise KoopflowError(f"rank must be between 1 and {most} for window {window} and delays {delays} (got {rank})")
    if samples < window:
        raise KoopflowError(f"window must be at most the {samples} samples of the series (got {window})")


def _blocks(array: Array, size: int) -> Iterator[Array]:
    for start in range(0, len(array), size):
        yield array[start : start + size]


def hankel(windows: Array, delays: int) -> Array:
    """Return the delay vectors of `windows` (n, window, channels), oldest sample first.

    Returns
    -------
    float64 (n, window - delays + 1, delays x channels)
    """
    n, window, channels = windows.shape
    views = sliding_window_view(windows, delays, axis=1).transpose(0, 1, 3, 2)
    return views.reshape(n, window - delays + 1, delays * channels)


def _scaled(windows: Array) -> Array:
    """Return `windows` (n, window, channels), each divided by a power of two where its squares could
    overflow or vanish.
    """
    exponents = np.frexp(np.abs(windows).max(axis=(1, 2)))[1]
    exponents = np.where(np.abs(exponents) > SAFE_EXPONENT, exponents, 0)
    return np.ldexp(windows, -exponents[:, None, None]) if exponents.any() else windows


def _fit_block(windows: Array, mean: Array, delays: int, rank: int) -> WindowModels:
    """Return the models of one block of windows (n, window, channels), with `mean` (n, channels)
    subtracted."""
    vectors = hankel(_scaled(windows - mean[:, None, :]), delays)
    past, future = vectors[:, :-1], vectors[:, 1:]
    # The eigendecomposition of the Gram matrix costs a fraction of an SVD. Its squared condition
    # number affects only directions below 1e-8 of the strongest, which are dropped.
    squares, basis = np.linalg.eigh(past.transpose(0, 2, 1) @ past)
    squares, basis = squares[:, : -rank - 1 : -1], basis[:, :, : -rank - 1 : -1]
    floor = np.maximum(squares[:, :1], np.finfo(float).tiny) * SINGULAR_FLOOR**2
    inverse = np.where(
        squares > np.maximum(floor, 1e-16 * squares[:, :1]), 1.0 / np.maximum(squares, np.finfo(float).tiny), 0.0
    )
    before, after = past @ basis, future @ basis
    operator = (after.transpose(0, 2, 1) @ before) * inverse[:, None, :]
    eigenvalues, eigenvectors = np.linalg.eig(operator)
    eigenvalues, eigenvectors = eigenvalues.astype(np.complex128), eigenvectors.astype(np.complex128)
    order = np.lexsort((eigenvalues.real, eigenvalues.imag), axis=-1)
    eigenvalues = np.take_along_axis(eigenvalues, order, axis=1)
    eigenvectors = np.take_along_axis(eigenvectors, order[:, None, :], axis=2)
    error = future - before @ operator.transpose(0, 2, 1) @ basis.transpose(0, 2, 1)
    size = np.sqrt(np.mean(future**2, axis=(1, 2)))
    residual = np.sqrt(np.mean(error**2, axis=(1, 2))) / np.where(size > 0, size, 1.0)
    return WindowModels(mean, eigenvalues, np.ascontiguousarray(basis), eigenvectors, residual, operator)


def stabilized(eigenvalues: ComplexArray) -> ComplexArray:
    """Return the eigenvalues, moved onto the unit circle where outside it, so that no mode
    grows."""
    return eigenvalues / np.maximum(1.0, np.abs(eigenvalues))


def advance(models: WindowModels, states: Array, means: Array, horizon: int, *, stabilize: bool = True) -> Array:
    """Return forecasts from the present delay vectors.

    Parameters
    ----------
    models : WindowModels
        Models of n windows.
    states : float64 (n, delays, channels)
        The last samples before each forecast, oldest first.
    means : float64 (n, channels)
        The level to subtract from the states and to add to the forecasts.
    horizon : int
        Steps to forecast.
    stabilize : bool
        Move eigenvalues outside the unit circle onto it first.

    Returns
    -------
    float64 (n, horizon, channels)
        ``mean + Re(C V L^k V^+ U^T x)`` for k = 1 ... horizon, where C takes the last sample of a
        delay vector. Where eigenvectors V are parallel, as for a linear trend, and no mode grows,
        powers of the operator take the place of V L^k V^+.
    """
    n, delays, channels = states.shape
    eigenvalues = stabilized(models.eigenvalues) if stabilize else models.eigenvalues
    centred = (states - means[:, None, :]).reshape(n, delays * channels, 1)
    coordinates = models.basis.transpose(0, 2, 1) @ centred
    # With nearly equal eigenvalues, an inverse would give huge amplitudes that cancel.
    left, sizes, right = np.linalg.svd(models.eigenvectors)
    apart = sizes > PARALLEL * sizes[:, :1]
    inverse = np.where(apart, 1 / np.where(apart, sizes, 1), 0)[:, :, None]
    amplitudes = (right.conj().transpose(0, 2, 1) @ (inverse * (left.conj().transpose(0, 2, 1) @ coordinates)))[:, :, 0]
    observed = models.basis[:, -channels:, :] @ models.eigenvectors
    powers = np.cumprod(np.broadcast_to(eigenvalues[:, None, :], (n, horizon, eigenvalues.shape[1])), axis=1)
    ahead = np.einsum("ncr,nhr->nhc", observed, powers * amplitudes[:, None, :]).real
    grows = stabilize & (np.abs(models.eigenvalues).max(axis=1) > 1 + GROWING)
    for window in np.flatnonzero(~apart.all(axis=1) & ~grows):
        state = coordinates[window, :, 0]
        for step in range(horizon):
            state = models.operator[window] @ state
            ahead[window, step] = models.basis[window, -channels:, :] @ state
    return means[:, None, :] + ahead


def present_states(values: Array, origins: Sequence[int] | NDArray[np.integer], delays: int) -> Array:
    """Return the last `delays` samples up to and including each origin, (n, delays, channels),
    oldest first.
    """
    return values[np.asarray(origins)[:, None] + np.arange(1 - delays, 1)[None, :]]
