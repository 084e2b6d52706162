"""Suggestions for misspelled names, and the error that offers them."""

import difflib
from collections.abc import Iterable

from koopflow.core.errors import KoopflowError


def nearest(found: object, known: Iterable[object]) -> str:
    """Return " (did you mean X?)" for the name in `known` closest to `found`, or "" if none is
    close.

    >>> nearest("lenett", ["lenet", "mlp"])
    ' (did you mean lenet?)'
    """
    close = difflib.get_close_matches(str(found), [str(name) for name in known], n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def unknown_name(key: str, found: object, known: Iterable[object], what: str) -> KoopflowError:
    """Return the error for `key` when its value `found` is not a known `what`."""
    names = sorted(map(str, known))
    return KoopflowError(
        f"{key}: no {what} named {str(found)!r}{nearest(found, names)}; available: {', '.join(names) or 'none'}"
    )
