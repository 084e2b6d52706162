"""Progress inside long loops: a bar of tqdm in the terminal, for the jobs of a study alone.

The library is silent for its users: `workflow.job` switches the bars on.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
_shown = [False]


@contextmanager
def shown() -> Iterator[None]:
    """Show bars inside the body, if standard error is a terminal."""
    before = _shown[0]
    _shown[0] = sys.stderr.isatty()
    try:
        yield
    finally:
        _shown[0] = before


def bar(things: Iterable[T], what: str, unit: str) -> Iterable[T]:
    """Return `things`, with a bar that counts them as they are taken.

    Parameters
    ----------
    things : iterable
    what : str
        What is being done, such as "forecasting co2".
    unit : str
        The name of one thing, such as "method".
    """
    if not _shown[0]:
        return things
    from tqdm import tqdm

    return tqdm(things, desc=what, unit=unit, leave=False)


def steps(what: str) -> Callable[[int, int], object]:
    """Return a function of (steps done, steps to do) that moves a bar."""
    if not _shown[0]:
        return lambda done, total: None
    from tqdm import tqdm

    drawn = tqdm(desc=what, unit="step", leave=False)

    def tell(done: int, total: int) -> None:
        drawn.total = total
        drawn.update(done - drawn.n)
        if done >= total:
            drawn.close()

    return tell
