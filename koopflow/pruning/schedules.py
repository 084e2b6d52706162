"""Schedules of pruning: the densities through which a network goes."""

from typing import Literal, get_args

from koopflow.core.errors import KoopflowError

Schedule = Literal["one_shot", "iterative", "gradual"]


def densities(density: float, schedule: str, rounds: int) -> list[float]:
    """Return the density after each round; the last is `density`.

    Parameters
    ----------
    density : float
        Share of weights kept in the end.
    schedule : {"one_shot", "iterative", "gradual"}
        one_shot: at once. iterative: the same share of survivors in each round, density**(k / n).
        gradual: the pruned share s(1 - (1 - k / n)**3), fast at first (Zhu & Gupta, arXiv
        1710.01878).
    rounds : int
        Number n of rounds; one_shot has one.

    Raises
    ------
    KoopflowError
        For an unknown schedule, or fewer than one round.

    Examples
    --------
    >>> densities(1 / 4, "iterative", 2)
    [0.5, 0.25]
    >>> densities(0.125, "gradual", 2)
    [0.234375, 0.125]
    """
    if schedule not in get_args(Schedule):
        raise KoopflowError(f"schedule must be one of {', '.join(get_args(Schedule))} (got {schedule!r})")
    if rounds < 1:
        raise KoopflowError(f"rounds must be at least 1 (got {rounds})")
    if schedule == "one_shot":
        return [density]
    times = [(k + 1) / rounds for k in range(rounds)]
    if schedule == "iterative":
        return [*(density**time for time in times[:-1]), density]
    return [*(1 - (1 - density) * (1 - (1 - time) ** 3) for time in times[:-1]), density]
