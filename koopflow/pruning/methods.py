"""The methods that a pruning study names, and the Koopman fit that each uses."""

import itertools
from collections.abc import Mapping

from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.core.suggest import unknown_name
from koopflow.pruning.registry import UNRECORDED


def methods_of(study: PruningStudy, methods: Mapping[str, PruningMethod]) -> dict[str, PruningMethod]:
    """Return the methods that `study` names, those of its pairs included.

    Raises
    ------
    KoopflowError
        If `methods` lacks a name.
    """
    names = dict.fromkeys([*study.methods, *itertools.chain(*study.compared)])
    for name in names:
        if name not in methods:
            raise unknown_name("methods", name, methods, "method")
    return {name: methods[name] for name in names}


def window_of(study: PruningStudy, method: PruningMethod) -> int:
    """Return the window of a method in optimizer steps: its own, or the study's."""
    return study.window if method.window is None else method.window


def rank_of(study: PruningStudy, method: PruningMethod) -> float:
    """Return the rank of a method's Koopman fit: its own, or the study's."""
    return study.rank if method.rank is None else method.rank


def longest_window(study: PruningStudy, methods: Mapping[str, PruningMethod]) -> int:
    """Return the longest window that a method of a study reads, in optimizer steps.

    It is 0, the state at pruning alone, if no score looks back.
    """
    looking_back = [method for method in methods_of(study, methods).values() if method.score not in UNRECORDED]
    return max((window_of(study, method) for method in looking_back), default=0)
