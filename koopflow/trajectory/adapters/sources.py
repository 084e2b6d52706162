"""Find the states in a folder: files, shards, one folder per state, and trees of the Trainer and of
open_lth."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from koopflow.core.errors import KoopflowError
from koopflow.io.paths import CHECKPOINTS, STATES
from koopflow.trajectory.adapters.step_numbers import steps_of

INDEX = ".index.json"
_SHARD = re.compile(r"[-_.]?(\d{5})-of-\d{5}$")
_COMPANION = re.compile(
    r"^(zero_pp_rank_.*|.*optim_states?|optim(izer)?|(lr_)?sched(uler)?|rng_state|random_states?|(grad_)?scaler|training_args|trainer_state|sampler|dataloader)"
    r"([-_.]?(states?|rank\d+|\d+))*$",
    re.IGNORECASE,
)
_MASK = re.compile(r"^(pruning[-_.])?masks?([-_.]?\d+)?$|^([a-z]+[-_.]?)?\d+[-_.]masks?$", re.IGNORECASE)
_USUAL = (
    "model.safetensors",
    "pytorch_model.bin",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "model.pt",
    "model.pth",
)
DEPTH = 4


@dataclass(frozen=True)
class Source:
    """One state: its file, the name that may hold its step, and the files beside it.

    Attributes
    ----------
    path : Path
        A file, the first of its shards, or their index.
    name : str
        File name without suffix, or the name of the state's own folder.
    mask : Path or None
        A file of masks beside it.
    counters : mapping
        Steps from a ``trainer_state.json`` beside it.
    """

    path: Path
    name: str
    mask: Path | None = None
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Found:
    """The sources of a folder, and the files left out with the reason."""

    sources: list[Source] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def sources_in(folder: Path) -> Found:
    """Return the states in `folder`: its files, or one in each of its sub-folders.

    Raises
    ------
    KoopflowError
        If there is no such folder, no state in it, or files of several kinds.
    """
    if not folder.is_dir():
        raise KoopflowError(f"{folder}: no such folder")
    found, nested = _files(folder), _folders(folder)
    numbered = [source for source in found.sources if re.search(r"\d", source.name)]
    if nested.sources and len(nested.sources) > len(numbered):
        nested.left_out |= found.left_out | {
            source.path.name: "beside one folder per state" for source in found.sources
        }
        found = nested
    kinds = {source.path.suffix for source in found.sources}
    if len(kinds) != 1:
        raise KoopflowError(
            f"{folder}: must hold files of one kind out of {', '.join(STATES)} (got "
            f"{', '.join(sorted(kinds)) or 'none'})"
        )
    return found


def _files(folder: Path) -> Found:
    """Return the states among the files of one folder."""
    found = Found()
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    indices = [file for file in files if file.name.endswith(INDEX)]
    covered = {name for index in indices for name in _listed(index)}
    masks = {_numbers(file): file for file in files if file.suffix in CHECKPOINTS and _MASK.match(_stem(file))}
    for file in [*indices, *(file for file in files if file.suffix in STATES)]:
        shard = _SHARD.search(file.stem)
        if file in masks.values() or (file not in indices and file.name in covered):
            continue
        mask = masks.get(_numbers(file), masks.get(()))
        if file.suffix in CHECKPOINTS and _COMPANION.match(_stem(file)):
            found.left_out[file.name] = "no state of a model"
        elif file in indices:
            found.sources.append(Source(file, file.name.removesuffix(INDEX).rpartition(".")[0], mask))
        elif shard is None:
            found.sources.append(Source(file, _stem(file), mask))
        elif int(shard[1]) == 1:
            found.sources.append(Source(file, file.stem[: shard.start()], mask))
    if not found.sources:
        found.sources = [Source(mask, _stem(mask)) for mask in masks.values()]
    return found


def _folders(folder: Path, depth: int = DEPTH) -> Found:
    """Return the last state in each sub-folder; if there is only one, the states of its own
    sub-folders."""
    found = Found()
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in inner:
        state = _state_of(path, depth - 1)
        if state is not None:
            found.sources.append(state)
    if len(found.sources) == 1 and depth > 1 and len(inner) == 1:
        deeper = _folders(inner[0], depth - 1)
        return deeper if len(deeper.sources) > 1 else found
    return found


def _state_of(folder: Path, depth: int) -> Source | None:
    """Return the state of `folder`: its model file, the last of several, or the state of its last
    sub-folder."""
    sources = _files(folder).sources
    usual = [source for name in _USUAL for source in sources if source.path.name in (name, name + INDEX)]
    if usual or sources:
        chosen = usual[0] if usual else _latest(sources)
        return Source(chosen.path, folder.name, chosen.mask, _trainer_state(folder))
    deeper = _folders(folder, depth).sources if depth else []
    if not deeper:
        return None
    last = _latest(deeper)
    return Source(last.path, folder.name, last.mask, last.counters)


def _latest(sources: Sequence[Source]) -> Source:
    """Return the state of the highest step; a state without a number comes first."""
    steps = steps_of([source.name for source in sources], [source.counters for source in sources])
    return max(zip(steps, sources), key=lambda pair: -1 if pair[0] is None else pair[0])[1]


def _trainer_state(folder: Path) -> Mapping[str, int]:
    """Return the global step in the ``trainer_state.json`` of Hugging Face's Trainer, if there is
    one."""
    try:
        step: Any = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["global_step"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {"global_step": step} if isinstance(step, int) and step >= 0 else {}


def _listed(index: Path) -> set[str]:
    try:
        return {str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _numbers(file: Path) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", _stem(file)))


def _stem(file: Path) -> str:
    """Return a file's name without its suffixes: "step-1" for "step-1.pth.tar"."""
    stem = file.name
    while Path(stem).suffix in STATES:
        stem = Path(stem).stem
    return stem
