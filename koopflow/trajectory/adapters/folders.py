"""Trajectories recorded by other means: a folder of PyTorch checkpoints or of .npy arrays, in step order.

Nothing in a file is executed: checkpoints are read with ``weights_only=True``, arrays without pickles.
"""

import os
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.io.paths import STATES
from koopflow.trajectory.layout import parameter_table
from koopflow.trajectory.writer import TrajectoryWriter

if TYPE_CHECKING:
    import torch


def convert_folder(folder: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Write the states found in `folder` as the trajectory file `path` and return it.

    A file's step is the last whole number in its name. A checkpoint is a dict of tensors, or holds one under "state_dict" or
    "model"; its floating-point tensors are the parameters. A .npy file is one state of any shape.

    Raises KoopflowError, naming the file, for an unreadable file, other names or shapes than in the first, a number that is not
    finite, a step that occurs twice.
    """
    files = in_step_order(folder)
    table = described(files)
    study = {"source": "folder", "files": [file.name for _, file in files]}
    with TrajectoryWriter(path, table, 1, study=study, seeds=[], steps=len(files)) as writer:
        for step, file in files:
            state = _load(file)
            if (found := [(name, array.shape) for name, array in state.items()]) != table:
                raise KoopflowError(f"{file}: holds {_difference(found, table)} in {files[0][1].name}; all states need the same")
            writer.append(step, np.concatenate([_finite(file, name, array).ravel() for name, array in state.items()])[None])
    return Path(path)


def described(files: list[tuple[int, Path]]) -> list[tuple[str, tuple[int, ...]]]:
    """Return name and shape of each parameter in the first of the `files` (`in_step_order`).

    Raises KoopflowError, naming the file, where it cannot be read or holds none.
    """
    table = [(name, array.shape) for name, array in _load(files[0][1]).items()]
    try:
        parameter_table(table)
    except KoopflowError as error:
        raise KoopflowError(f"{files[0][1]}: {error}") from None
    return table


def in_step_order(folder: str | os.PathLike[str]) -> list[tuple[int, Path]]:
    """Return step and path of each state in `folder`.

    Raises KoopflowError, naming the file, where there is none, files are of several kinds, or a step is missing in a name, repeated or
    too large.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise KoopflowError(f"{folder}: no such folder")
    found: dict[int, Path] = {}
    kinds = {file.suffix for file in folder.iterdir() if file.suffix in STATES}
    if len(kinds) != 1:
        raise KoopflowError(
            f"{folder}: expected files of one kind ({', '.join(STATES)}), found {', '.join(sorted(kinds)) or 'none'}"
        )
    for file in sorted(folder.iterdir()):
        if file.suffix in kinds:
            numbers = re.findall(r"\d+", file.stem)
            if not numbers:
                raise KoopflowError(f"{file}: no step number in its name; the last whole number in it is its step")
            step = int(numbers[-1])
            if step >= 2**62:
                raise KoopflowError(f"{file}: the step number {step} in its name is too large")
            if step in found:
                raise KoopflowError(f"{file}: step {step} occurs twice, also in {found[step].name}")
            found[step] = file
    return sorted(found.items())


def _difference(found: list, table: list) -> str:
    """Say in a few words where the parameters of a state part from those of the first."""
    for (name, shape), (first, first_shape) in zip(found, table):
        if (name, shape) != (first, first_shape):
            return f"{name} {shape} for {first} {first_shape}"
    return f"{len(found)} parameters for {len(table)}"


def _finite(file: Path, name: str, array: np.ndarray) -> np.ndarray:
    """Return `array` in float32.

    Raises KoopflowError, naming file, parameter and number, where one is not finite or too large for float32.
    """
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    if not np.isfinite(narrow).all():
        bad = array[~np.isfinite(narrow)].flat[0]
        raise KoopflowError(f"{file}: holds {bad} in {name}; only finite numbers in the range of float32 can be fitted")
    return narrow


def _load(file: Path) -> dict[str, np.ndarray]:
    if file.suffix == ".npy":
        try:
            array = np.load(file, allow_pickle=False)
        except Exception as error:  # numpy raises many kinds for a damaged file
            raise KoopflowError(f"{file}: not a readable array ({error})") from None
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise KoopflowError(f"{file}: holds {getattr(array, 'dtype', type(array).__name__)}, real numbers are accepted")
        return {"state": array}
    try:
        import torch
    except ImportError:  # the environment of the Koopman stage has none
        raise KoopflowError(
            f"{file}: reading PyTorch checkpoints takes torch, which is not installed here; .npy arrays do without"
        ) from None

    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a bad file; its own words advise to execute what the file says
        how = "its end is lost" if _cut(file) else f"{type(error).__name__}: more than tensors in it, or damaged"
        raise KoopflowError(
            f"{file}: not a checkpoint that can be read without executing code ({how}); accepted is what torch.save(model.state_dict(),"
            " ...) writes"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    tensors = content.items() if isinstance(content, dict) else ()
    dense = {name: t for name, t in tensors if isinstance(t, torch.Tensor) and t.is_floating_point() and t.layout == torch.strided}
    state = {str(name): _array(tensor) for name, tensor in dense.items() if tensor.device.type == "cpu"}
    if not state:
        raise KoopflowError(f"{file}: no floating-point tensors found in it, directly or under state_dict or model")
    return state


def _cut(file: Path) -> bool:
    """Return whether `file` begins as torch's archives do and does not end as they do."""
    with file.open("rb") as opened:
        if opened.read(2) != b"PK":
            return False
    try:
        return not zipfile.is_zipfile(file)
    except zipfile.BadZipFile:  # Python 3.11 raises for some damaged ends where it should answer
        return False


def _array(tensor: "torch.Tensor") -> np.ndarray:
    """Return a tensor's numbers; numpy has no type for the shorter ones."""
    return tensor.detach().float().numpy() if tensor.element_size() < 4 else tensor.detach().numpy()
