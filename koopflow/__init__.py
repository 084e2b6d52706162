"""koopflow: Koopman operators and the renormalization group for training, pruning, tickets and
forecasting.

>>> import koopflow as kf
>>> import numpy as np
>>> turn = 0.3 * np.arange(50)
>>> kf.fit(np.stack([np.cos(turn), np.sin(turn)], axis=1), rank=2).eigenvalues.round(3)
array([0.955+0.296j, 0.955-0.296j])

Names are imported when they are first used, so ``import koopflow`` costs nothing. The rooms behind
them (`koopflow.koopman`, `koopflow.pruning`, …) can be imported on their own; none of them knows
Snakemake.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from koopflow.core import moved

if TYPE_CHECKING:
    from koopflow.api.comparisons import SpectraComparison, compare
    from koopflow.api.fitting import fit
    from koopflow.api.forecasting import Combined, Episodic, Gated, Sliding, evaluate
    from koopflow.api.hubs import hub
    from koopflow.api.nixtla import StatsForecastModel
    from koopflow.api.operators import Operator, distance, load
    from koopflow.api.pruning import prune
    from koopflow.api.sktime_model import SktimeForecaster
    from koopflow.api.tickets import iterative_pruning, will_transfer
    from koopflow.core.errors import KoopflowError
    from koopflow.pruning.mask import Mask
    from koopflow.pruning.scoring import score
    from koopflow.trajectory.reader import Trajectory
    from koopflow.trajectory.recorder import TrajectoryRecorder as Recorder

__version__ = "0.2.0"

_HOMES = {
    "Combined": "api.forecasting",
    "Episodic": "api.forecasting",
    "Gated": "api.forecasting",
    "KoopflowError": "core.errors",
    "Mask": "pruning.mask",
    "Operator": "api.operators",
    "Recorder": "trajectory.recorder",
    "SktimeForecaster": "api.sktime_model",
    "Sliding": "api.forecasting",
    "SpectraComparison": "api.comparisons",
    "StatsForecastModel": "api.nixtla",
    "Trajectory": "trajectory.reader",
    "compare": "api.comparisons",
    "distance": "api.operators",
    "evaluate": "api.forecasting",
    "fit": "api.fitting",
    "hub": "api.hubs",
    "iterative_pruning": "api.tickets",
    "load": "api.operators",
    "prune": "api.pruning",
    "score": "pruning.scoring",
    "will_transfer": "api.tickets",
}
"""Where each name of the face is defined."""
_NAMES_THERE = {"Recorder": "TrajectoryRecorder"}
_CALLABLE_ROOMS = {"forecast": "api.forecasting"}
"""Rooms named like a function of the face, and where that function is defined."""

__all__ = [  # noqa: RUF022 - in the order of their use
    "Recorder",
    "Trajectory",
    "fit",
    "load",
    "Operator",
    "distance",
    "compare",
    "SpectraComparison",
    "prune",
    "Mask",
    "score",
    "iterative_pruning",
    "will_transfer",
    "forecast",
    "evaluate",
    "Gated",
    "Combined",
    "Sliding",
    "Episodic",
    "StatsForecastModel",
    "SktimeForecaster",
    "hub",
    "KoopflowError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import a name of the face when it is first used."""
    if name in _CALLABLE_ROOMS:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), _NAMES_THERE.get(name, name))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _CallableRoom(ModuleType):
    """A room that is called like the function of the same name: ``koopflow.forecast(series)``."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        room = self.__name__.rpartition(".")[2]
        return getattr(import_module(f"{__name__}.{_CALLABLE_ROOMS[room]}"), room)(*arguments, **options)


class _Face(ModuleType):
    """The package, which makes rooms in `_CALLABLE_ROOMS` callable when the import system attaches
    them.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLABLE_ROOMS and isinstance(value, ModuleType):
            value.__class__ = _CallableRoom
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
moved.install()
