"""Select parameters by shell-style, case-sensitive name patterns (``fc2.*``, ``*.weight``)."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import nearest

SHOWN = 12
"""Maximum number of names listed in an error."""


def as_patterns(patterns: str | Sequence[str] | None) -> list[str]:
    """Return `patterns` as a list; None means every name.

    >>> as_patterns("fc2.*"), as_patterns(None)
    (['fc2.*'], ['*'])
    """
    return ["*"] if patterns is None else [patterns] if isinstance(patterns, str) else list(patterns)


def matches(name: str, patterns: str | Sequence[str] | None) -> bool:
    """Return whether `name` matches any of the `patterns`.

    >>> matches("fc2.weight", ["conv*", "fc2.*"])
    True
    """
    return any(fnmatchcase(name, pattern) for pattern in as_patterns(patterns))


def matching(names: Iterable[str], patterns: str | Sequence[str] | None, where: str, owner: str = "") -> list[str]:
    """Return the `names` that match any of the `patterns`, in the order of `names`.

    Parameters
    ----------
    names : iterable of str
    patterns : str, sequence of str or None
        None means every name.
    where : str
        The key or file that an error begins with.
    owner : str
        What the names belong to, for errors: "Sequential".

    Raises
    ------
    KoopflowError
        If a pattern matches no name.

    Examples
    --------
    >>> matching(["fc1.weight", "fc1.bias", "fc2.weight"], "*.weight", "parameters")
    ['fc1.weight', 'fc2.weight']
    """
    names = list(names)
    for pattern in as_patterns(patterns):
        if not any(fnmatchcase(name, pattern) for name in names):
            of = f" of {owner}" if owner else ""
            raise KoopflowError(
                f"{where}: no parameter{of} matches {pattern!r}{nearest(pattern, names)}; it has {shown(names)}"
            )
    return [name for name in names if matches(name, patterns)]


def shown(names: Sequence[str]) -> str:
    """Return the first few `names` for a message, with an ellipsis if there are more; "none" if
    empty."""
    return (", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")) or "none"
