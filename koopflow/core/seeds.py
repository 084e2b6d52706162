"""Random seeds derived by name, never by order.

Adding, removing or reordering set-ups must not change the numbers of the others, so each random
stream is keyed by its purpose: ``rng(run_seed, "equivalence", "width-5", 3, "batches")``.
"""

import hashlib

import numpy as np


def seed_sequence(seed: int, *names: object) -> np.random.SeedSequence:
    """Return the seed sequence of the stream called `names` under the run's `seed`.

    Parameters
    ----------
    seed : int
        The run's seed, non-negative (``seed`` in the config).
    *names : str or int
        The purpose of the stream, from general to specific. Names are hashed as text, so 3 and "3"
        are the same.
    """
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.SeedSequence([int(seed), *(int(word) for word in words)])


def rng(seed: int, *names: object) -> np.random.Generator:
    """Return a NumPy generator for the stream called `names`."""
    return np.random.Generator(np.random.PCG64(seed_sequence(seed, *names)))


def torch_seed(seed: int, *names: object) -> int:
    """Return a 63-bit integer for ``torch.Generator.manual_seed``, from the stream called
    `names`."""
    return int(seed_sequence(seed, *names).generate_state(1, dtype=np.uint64)[0] >> np.uint64(1))
