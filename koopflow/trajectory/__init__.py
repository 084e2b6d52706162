"""Trajectories of weights in HDF5: write, record from a training loop, read in column blocks,
convert from checkpoints.

The names below are imported on first use, so that h5py is not loaded while a Snakefile is parsed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from koopflow.trajectory.layout import Parameter
    from koopflow.trajectory.reader import Trajectory
    from koopflow.trajectory.recorder import TrajectoryRecorder
    from koopflow.trajectory.writer import TrajectoryWriter

__all__ = ["Parameter", "Trajectory", "TrajectoryRecorder", "TrajectoryWriter"]

_MODULES = {
    "Parameter": "layout",
    "Trajectory": "reader",
    "TrajectoryRecorder": "recorder",
    "TrajectoryWriter": "writer",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
