"""Modular addition, the task on which small Transformers grok: (a, b) -> (a + b) mod p.

A network that generalizes long after it has memorized its training pairs is said to grok (Power et
al., arXiv 2201.02177). Settings as in Nanda et al. (arXiv 2301.05217): all p^2 pairs, a share of
them for training.
"""

import numpy as np

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.core.primes import is_prime
from koopflow.data.images.context import Context
from koopflow.data.images.sets import RawImages


def modular_addition(context: Context, prime: int = 113, share: float = 0.3) -> RawImages:
    """Return all pairs (a, b) of numbers below a prime p, labelled by (a + b) mod p.

    A pair is an image of shape (1, 2, p): its rows are the one-hot codes of a and b. The network
    ``modular_transformer`` reads it as two tokens.

    Parameters
    ----------
    context : Context
    prime : int
        The modulus p.
    share : float
        Share of the pairs for training, drawn at random; the others are the test set.

    Raises
    ------
    KoopflowError
        If `prime` is not a prime, or a sum has no training pair.
    """
    if not is_prime(prime):
        raise KoopflowError(
            f"modular_addition: prime must be a prime number (got {prime}); set prime to 113, for example"
        )
    a, b = (grid.ravel() for grid in np.meshgrid(np.arange(prime), np.arange(prime), indexing="ij"))
    order = seeds.rng(context.seed, "data", "modular_addition", prime).permutation(prime**2)
    count = round(share * prime**2)
    codes = np.eye(prime, dtype=np.float32)
    images = np.stack([codes[a], codes[b]], axis=1)[:, None]
    labels = ((a + b) % prime).astype(np.int64)
    train, test = order[:count], order[count:]
    if len(np.unique(labels[train])) < prime or not len(test):
        raise KoopflowError(
            f"modular_addition: share must leave a training pair for each of {prime} sums, and tests (got {share:g})"
        )
    name = f"addition modulo {prime}"
    return RawImages(images[train], labels[train], images[test], labels[test], name)
