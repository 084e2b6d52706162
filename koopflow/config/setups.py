"""The set-ups of ``equivalence.training``, merged over their base and checked."""

from collections.abc import Mapping

from koopflow.config.data import DataSet
from koopflow.config.equivalence import EquivalenceSettings, EquivalenceTraining, Setup, WindowStudy
from koopflow.config.resolution import completed
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name


def setups(training: EquivalenceTraining, data: Mapping[str, DataSet]) -> dict[str, Setup]:
    """Return every set-up by name.

    Parameters
    ----------
    training : EquivalenceTraining
    data : mapping of str to DataSet
        The data sets of the configuration.

    Raises
    ------
    KoopflowError
        If a set-up lacks a key, names an unknown data set, or has more delays than its states
        allow, or if a comparison names an unknown set-up, or one twice.
    """
    found: dict[str, Setup] = {}
    for name, own in training.setups.items():
        key = f"equivalence.training.setups.{name}"
        setup = completed(Setup, training.base, own, key, "equivalence.training.base")
        if setup.data not in data:
            raise unknown_name(f"{key}.data", setup.data, data, "data set")
        states = training.states(setup.steps)
        if not states:
            raise KoopflowError(
                f"equivalence.training.first_state must be at most {setup.steps}, the steps of {name} "
                f"(got {training.first_state})"
            )
        if setup.koopman.delays + 2 > states:
            raise KoopflowError(
                f"{key}.koopman.delays must be at most {states - 2}, because {states} states are captured "
                f"(got {setup.koopman.delays})"
            )
        found[name] = setup
    for comparison, names in training.comparisons.items():
        key = f"equivalence.training.comparisons.{comparison}"
        for name in names:
            if name not in found:
                raise unknown_name(key, name, found, "set-up")
        if len(set(names)) < len(names):
            raise KoopflowError(f"{key} must not name a set-up twice (got {', '.join(names)})")
    return found


def window_studies(settings: EquivalenceSettings, data: Mapping[str, DataSet]) -> dict[str, WindowStudy]:
    """Return every study of windows by name, merged over ``equivalence.training.base``.

    Raises
    ------
    KoopflowError
        If a study lacks a key, names an unknown data set, or has a window that is longer than its
        training or too short for its delays, or the rank `stable`.
    """
    found: dict[str, WindowStudy] = {}
    for name, own in settings.windows.items():
        key = f"equivalence.windows.{name}"
        study = completed(WindowStudy, settings.training.base, own, key, "equivalence.training.base")
        if study.data not in data:
            raise unknown_name(f"{key}.data", study.data, data, "data set")
        if isinstance(study.koopman.rank, str):
            raise KoopflowError(
                f"{key}.koopman.rank must be a number, because windows are fitted at a given rank (got "
                f"{study.koopman.rank!r})"
            )
        if study.window > study.steps:
            raise KoopflowError(f"{key}.window must be at most {study.steps}, the steps (got {study.window})")
        if study.koopman.delays + 2 > study.window:
            raise KoopflowError(
                f"{key}.koopman.delays must be at most {study.window - 2}, because a window has {study.window} states "
                f"(got {study.koopman.delays})"
            )
        found[name] = study
    return found


def parts(seeds: int, copies: int, replicas_per_job: int | None) -> list[tuple[int, int]]:
    """Return the seeds (first, stop) of each job of an ensemble.

    A job has at most `replicas_per_job` networks, and all copies of each of its seeds.
    """
    size = seeds if replicas_per_job is None else max(1, replicas_per_job // copies)
    return [(first, min(first + size, seeds)) for first in range(0, seeds, size)]
