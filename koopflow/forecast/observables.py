"""Observables beside the samples: radial basis functions of the delay vector (extended DMD,
Williams et al. 2015, doi 10.1007/s00332-015-9258-5), and other series."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SMALL = 1e-12


def lifted(values: Floats, delays: int, count: int, early: int) -> Floats:
    """Return a series with radial basis functions of its delay vectors as further channels.

    The function k at time t is ``s exp(-|x_t - c_k|^2 / (2 w^2))`` of the delay vector x_t, the
    last `delays` samples. Centres c_k are delay vectors of the early stretch, evenly spaced in
    time; w is the median distance between them, and s the standard deviation of the early stretch,
    so that the functions weigh as much as the samples.

    Parameters
    ----------
    values : (time,)
    delays : int
        Samples per delay vector.
    count : int
        Number of functions.
    early : int
        Samples of the early stretch, which determines centres and widths; nothing later does.

    Returns
    -------
    (time, 1 + count)
        The samples are channel 0. Before the first whole delay vector, the first sample is
        repeated.
    """
    padded = np.concatenate([np.full(delays - 1, values[0]), values])
    vectors = sliding_window_view(padded, delays)
    past = vectors[min(delays - 1, early - 1) : early]
    centres = past[np.linspace(0, len(past) - 1, count).astype(int)]
    apart = _squares(centres, centres)[np.triu_indices(count, 1)]
    square = float(np.median(apart[apart > SMALL])) if (apart > SMALL).any() else 1.0
    near = np.exp(-_squares(vectors, centres) / (2 * square))
    return np.concatenate([values[:, None], float(values[:early].std()) * near], axis=1)


def scaled(beside: Floats, values: Floats, early: int) -> Floats:
    """Return other series (time, columns) with the mean 0 and the spread of `values` (time,) over
    the first `early` samples, so that all weigh the same."""
    spread = beside[:early].std(axis=0)
    return (beside - beside[:early].mean(axis=0)) * (values[:early].std() / np.where(spread > 0, spread, 1.0))


def _squares(a: Floats, b: Floats) -> Floats:
    """Return the squared distances (n, m) between the rows of `a` and of `b`."""
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)
