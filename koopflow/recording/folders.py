"""Trajectories recorded by other means: a folder of PyTorch checkpoints or of .npy arrays, in step order.

Nothing in a file is executed: checkpoints are read with ``weights_only=True``, arrays without pickles.
"""

import re
from pathlib import Path

import numpy as np

from koopflow.errors import KoopflowError
from koopflow.recording.layout import parameter_table
from koopflow.recording.writer import TrajectoryWriter

CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin")


def convert_folder(folder, path) -> Path:
    """Write the states found in `folder` as the trajectory file `path` and return it.

    A file's step is the last whole number in its name. A checkpoint is a dict of tensors, or holds one under "state_dict" or
    "model"; its floating-point tensors are the parameters. A .npy file is one state of any shape.

    Raises KoopflowError, naming the file, for an unreadable file, other names or shapes than in the first, a step that occurs
    twice.
    """
    files = _in_step_order(Path(folder))
    first = _load(files[0][1])
    table = [(name, array.shape) for name, array in first.items()]
    study = {"source": "folder", "files": [file.name for _, file in files]}
    try:
        parameter_table(table)
    except KoopflowError as error:
        raise KoopflowError(f"{files[0][1]}: {error}") from None
    with TrajectoryWriter(path, table, 1, study=study, seeds=[], steps=len(files)) as writer:
        for step, file in files:
            state = _load(file)
            if [(name, array.shape) for name, array in state.items()] != table:
                raise KoopflowError(f"{file}: holds other parameters or shapes than {files[0][1].name}")
            writer.append(step, np.concatenate([array.ravel() for array in state.values()])[None])
    return Path(path)


def _in_step_order(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        raise KoopflowError(f"{folder}: no such folder")
    found: dict[int, Path] = {}
    kinds = {file.suffix for file in folder.iterdir() if file.suffix in (".npy", *CHECKPOINTS)}
    if len(kinds) != 1:
        raise KoopflowError(f"{folder}: expected files of one kind ({', '.join(('.npy', *CHECKPOINTS))}), found {sorted(kinds)}")
    for file in sorted(folder.iterdir()):
        if file.suffix in kinds:
            numbers = re.findall(r"\d+", file.stem)
            if not numbers:
                raise KoopflowError(f"{file}: no step number in its name")
            step = int(numbers[-1])
            if step >= 2**62:
                raise KoopflowError(f"{file}: the step number {step} in its name is too large")
            if step in found:
                raise KoopflowError(f"{file}: step {step} occurs twice, also in {found[step].name}")
            found[step] = file
    return sorted(found.items())


def _load(file: Path) -> dict[str, np.ndarray]:
    if file.suffix == ".npy":
        try:
            array = np.load(file, allow_pickle=False)
        except Exception as error:  # numpy raises many kinds for a damaged file
            raise KoopflowError(f"{file}: not a readable array ({error})") from None
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise KoopflowError(f"{file}: holds {getattr(array, 'dtype', type(array).__name__)}, real numbers are accepted")
        return {"state": array.astype(np.float32)}
    try:
        import torch
    except ImportError:  # the environment of the Koopman stage has none
        raise KoopflowError(
            f"{file}: reading PyTorch checkpoints takes torch, which is not installed here; .npy arrays do without"
        ) from None

    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a bad file
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise KoopflowError(f"{file}: not a checkpoint that can be read without executing code ({line})") from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    tensors = content.items() if isinstance(content, dict) else ()
    dense = {name: t for name, t in tensors if isinstance(t, torch.Tensor) and t.is_floating_point() and t.layout == torch.strided}
    state = {str(name): tensor.detach().float().numpy() for name, tensor in dense.items() if tensor.device.type == "cpu"}
    if not state:
        raise KoopflowError(f"{file}: no floating-point tensors found in it")
    return state
