"""Trajectories of weights in HDF5: the reader, the writer, the recorder, and adapters for files recorded by other tools.

>>> from koopflow.trajectory import Trajectory, TrajectoryRecorder
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from koopflow.trajectory.layout import Parameter
    from koopflow.trajectory.reader import Trajectory
    from koopflow.trajectory.recorder import TrajectoryRecorder
    from koopflow.trajectory.writer import TrajectoryWriter

__all__ = ["Parameter", "Trajectory", "TrajectoryRecorder", "TrajectoryWriter"]

_HOMES = {"Parameter": "layout", "Trajectory": "reader", "TrajectoryRecorder": "recorder", "TrajectoryWriter": "writer"}


def __getattr__(name: str) -> Any:
    """Import a name of the face when it is first used: h5py takes a while."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
