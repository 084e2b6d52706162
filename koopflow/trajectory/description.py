"""The description of the weights in a trajectory file, checked for contradictions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.checksums import REMEDY
from koopflow.trajectory.layout import NOT_WRITTEN, Parameter, load_parameters, parameter_table


@dataclass(frozen=True)
class Description:
    """Everything in a file but its weights; see `koopflow.trajectory.layout`.

    `complete` is False for a file that still grows or whose process died.
    """

    steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    parameters: list[Parameter]
    study: Mapping[str, Any]
    seeds: Any
    code_version: str
    complete: bool


def read_description(file: h5py.File, path: Path, signed: bool) -> Description:
    """Read the description of an opened trajectory.

    Parameters
    ----------
    file : h5py.File
    path : Path
        The file's name, for errors.
    signed : bool
        Whether it has checksums; a complete file must.

    Raises
    ------
    KoopflowError
        If the file has no step, or contradicts itself.
    """
    stored_steps, shape = file["steps"][:], file["weights"].shape
    steps = stored_steps[stored_steps != NOT_WRITTEN]
    count = len(steps)
    if not count:
        raise KoopflowError(f"{path}: no step was recorded")
    if np.any(np.diff(steps) <= 0):
        at = int(np.argmax(np.diff(steps) <= 0))
        raise KoopflowError(f"{path}: /steps must increase (got {steps[at]}, then {steps[at + 1]} at row {at + 1})")
    loss = file["loss"][:, :count]
    if loss.shape != (shape[0], count) or shape[1] < count:
        raise KoopflowError(
            f"{path}: shapes disagree: /weights {shape}, /steps {stored_steps.shape}, /loss {file['loss'].shape}"
        )
    parameters = load_parameters(file)
    expected = parameter_table([(parameter.name, parameter.shape) for parameter in parameters])
    if expected != parameters or expected[-1].stop != shape[2]:
        raise KoopflowError(
            f"{path}: /parameters lays out {expected[-1].stop} columns, /weights has {shape[2]}; they must agree"
        )
    study, seeds = json.loads(file.attrs["study"]), json.loads(file.attrs["seeds"])
    complete = not path.name.endswith(".partial") and NOT_WRITTEN not in stored_steps
    # a growing file has no checksums yet
    if complete and not signed:
        raise KoopflowError(f"{path}: its checksums are missing, so it was cut or changed; {REMEDY}")
    return Description(steps, loss, parameters, study, seeds, str(file.attrs["code_version"]), complete)
