"""The set-ups of the equivalence study: resolved against their base and checked by name."""

from koopflow.config.resolution import merge
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name

REQUIRED = ("data", "model", "optimizer", "batch_size", "steps", "koopman")
KOOPMAN = ("observables", "delays", "rank")
FEWEST = 4
"""Seeds per set-up below which an interval of the excess says nothing and is not given."""


def setups(training: dict, data: dict) -> dict[str, dict]:
    """Return every set-up of ``equivalence.training``, merged over the base and checked.

    Parameters
    ----------
    training : dict
        The config's block ``equivalence.training``.
    data : dict
        The config's block ``data``: the known data sets.

    Raises
    ------
    KoopflowError
        A set-up lacks a key or names no known data set; a comparison names no set-up, or the same one twice.
    """
    resolved = {}
    for name, overrides in training["setups"].items():
        setup = merge(training.get("base", {}), overrides)
        key = f"equivalence.training.setups.{name}"
        for required in REQUIRED:
            if required not in setup:
                raise KoopflowError(f"{key}.{required}: this key is missing, here and in equivalence.training.base")
        for required in KOOPMAN:
            if required not in setup["koopman"]:
                raise KoopflowError(f"{key}.koopman.{required}: this key is missing, here and in equivalence.training.base.koopman")
        if setup["data"] not in data:
            raise unknown_name(f"{key}.data", setup["data"], data, "data set")
        states = setup["steps"] // training["capture_every"] + 1
        delays = setup["koopman"]["delays"]
        if delays + 2 > states:
            raise KoopflowError(f"{key}.koopman.delays: found {delays}, but {states} captured states allow at most {states - 2}")
        resolved[name] = setup
    for comparison, names in training["comparisons"].items():
        key = f"equivalence.training.comparisons.{comparison}"
        for name in names:
            if name not in resolved:
                raise unknown_name(key, name, resolved, "set-up")
        if len(set(names)) < len(names):
            raise KoopflowError(f"{key}: a set-up is named twice, each may appear once")
    return resolved


def parts(training: dict, replicas_per_job: int | None) -> list[tuple[int, int]]:
    """Return the seeds (first, stop) of each job of an ensemble: whole groups of copies, at most `replicas_per_job` networks."""
    seeds = training["seeds"]
    size = seeds if replicas_per_job is None else max(1, replicas_per_job // training["copies"])
    return [(first, min(first + size, seeds)) for first in range(0, seeds, size)]
