"""Checks of the arguments that a user passes in Python, where no configuration has checked them."""

from collections.abc import Iterable
from numbers import Integral, Real

from koopflow.core.errors import KoopflowError


def share(value: object, key: str, most: int = 1, what: str = "") -> float:
    """Return a number strictly between 0 and `most`.

    >>> share(0.9, "coverage")
    0.9

    Parameters
    ----------
    value : object
    key : str
        Name of the argument in errors.
    most : int
        1, or 100 for percentages.
    what : str
        What the number is, in errors, such as "percentages".

    Raises
    ------
    KoopflowError
        If it is no such number.
    """
    found = float(value) if isinstance(value, Real) and not isinstance(value, bool) else 0.0
    if not 0 < found < most:
        raise KoopflowError(f"{key} must be {what}{' ' if what else ''}strictly between 0 and {most} (got {value})")
    return found


def whole(value: object, key: str, least: int = 0) -> int:
    """Return a whole number of at least `least`.

    >>> whole(3, "rounds", 1)
    3

    Raises
    ------
    KoopflowError
        If it is no such number.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise KoopflowError(f"{key} must be a whole number of at least {least} (got {value!r})")
    return int(value)


def several(given: object, key: str, example: str) -> list[object]:
    """Return the entries of a list, tuple or array; raise a KoopflowError for anything else.

    >>> several((50, 90), "levels", "[50, 90]")
    [50, 90]
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise KoopflowError(f"{key} must be a list, such as {example} (got {given!r})")
    return list(given)


def names(given: object, key: str) -> tuple[str, ...]:
    """Return names of columns as a tuple; one name may stand alone, and None means none.

    >>> names("price", "regressors"), names(None, "beside")
    (('price',), ())

    Raises
    ------
    KoopflowError
        If it is no name or list of names, or if a name is given twice.
    """
    if given is None:
        return ()
    found = [given] if isinstance(given, str) else several(given, key, '["price"]')
    for place, each in enumerate(found):
        if each in found[:place]:
            raise KoopflowError(f"{key} must be unique (got {each!r} twice)")
    return tuple(found)  # type: ignore[arg-type]  # columns of a table may have other names than text
