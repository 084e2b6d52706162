"""The tensors that a recorder captures: chosen by name, looked up by name at each capture."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import parametrize

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import as_patterns, matches, matching, shown

logger = logging.getLogger("koopflow")


class NamedTensors:
    """Parameters of a model by name, read as one float32 row.

    Names are looked up at each reading, so a parameter that was replaced (a new head,
    ``load_state_dict(assign=True)``, a parametrization) is followed. A complex parameter counts as
    its real and imaginary parts, on a last axis of two.

    Parameters
    ----------
    model : torch.nn.Module
        ``DataParallel``, ``DistributedDataParallel`` and ``torch.compile`` wrappers are removed.
    patterns : str or sequence of str, optional
        Shell-style name patterns; all parameters by default.

    Attributes
    ----------
    table : list of (name, shape)
        The parameters, in the model's order.

    Raises
    ------
    KoopflowError
        If a pattern matches no parameter, or a parameter's values are not in this process.
    """

    def __init__(self, model: nn.Module, patterns: str | Sequence[str] | None = None):
        self._model, prefix = unwrapped(model)
        self._patterns = [pattern.removeprefix(prefix) for pattern in as_patterns(patterns)]
        named = dict(self._model.named_parameters())
        numbers = [name for name, tensor in named.items() if tensor.is_floating_point() or tensor.is_complex()]
        chosen = matching(numbers, self._patterns, "parameters", type(self._model).__name__)
        left = [name for name in named if name not in numbers and matches(name, self._patterns)]
        if left:
            logger.warning("not recorded because they hold no real or complex numbers: %s", shown(left))
        self.table = [(name, tuple(_real(name, named[name]).shape)) for name in chosen]
        self._known, self._read_before = set(named), False

    @property
    def size(self) -> int:
        """Number of values in one reading."""
        return sum(int(np.prod(shape)) for _, shape in self.table)

    def read(self, row: NDArray[np.float32]) -> None:
        """Copy the current values into `row`, shape (size,).

        Raises
        ------
        KoopflowError
            If a parameter is gone or has another shape.
        """
        if not self._read_before:
            self.report_additions()
            self._read_before = True
        start, out = 0, torch.from_numpy(row)
        gpus: set[torch.device] = set()
        with torch.no_grad():
            for name, shape in self.table:
                tensor = _real(name, self._find(name))
                if tuple(tensor.shape) != shape:
                    raise KoopflowError(
                        f"{name} has shape {tuple(tensor.shape)}, but the recording has {shape}; after such a change "
                        "use another"
                        " TrajectoryRecorder, with another file"
                    )
                stop = start + tensor.numel()
                out[start:stop].view(shape).copy_(tensor, non_blocking=tensor.is_cuda)
                start = stop
                if tensor.is_cuda:
                    gpus.add(tensor.device)
        for gpu in gpus:
            torch.cuda.synchronize(gpu)

    def _find(self, name: str) -> torch.Tensor:
        """Return the value of the parameter `name` that the model computes with, also if it is
        parametrized or pruned."""
        owner: nn.Module = self._model
        *modules, leaf = name.split(".")
        for part in modules:
            if part not in owner._modules:
                raise self._gone(name)
            owner = owner._modules[part] or owner
        found = owner._parameters.get(leaf)
        if found is not None:
            return found
        if parametrize.is_parametrized(owner, leaf):
            return _parametrized(owner, leaf)
        original, mask = owner._parameters.get(f"{leaf}_orig"), owner._buffers.get(f"{leaf}_mask")
        if original is not None and mask is not None:  # torch.nn.utils.prune
            return original * mask
        raise self._gone(name)

    def _gone(self, name: str) -> KoopflowError:
        names = [found for found, _ in self._model.named_parameters()]
        return KoopflowError(
            f"{name} is no longer a parameter of {type(self._model).__name__}, which has {shown(names)}; "
            "make the TrajectoryRecorder"
            " after changing the model"
        )

    def report_additions(self) -> None:
        """Warn, once for each, of parameters added to the model after the recorder was made."""
        now = [name for name, _ in self._model.named_parameters() if matches(name, self._patterns)]
        replaced = (".parametrizations.", "_orig")
        added = [name for name in now if name not in self._known and not any(mark in f".{name}" for mark in replaced)]
        self._known |= set(now)
        if added:
            logger.warning(
                "not recorded because they were added after the TrajectoryRecorder was made: %s", shown(added)
            )


def unwrapped(model: nn.Module) -> tuple[nn.Module, str]:
    """Return the module inside wrappers for several devices or compilation, and the prefix they put
    before its names."""
    prefix = ""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model, prefix = model.module, prefix + "module."
        elif type(model).__name__ == "OptimizedModule" and "_orig_mod" in model._modules:
            model, prefix = model.get_submodule("_orig_mod"), prefix + "_orig_mod."
        else:
            return model, prefix


def _parametrized(owner: nn.Module, leaf: str) -> torch.Tensor:
    """Compute a parametrized tensor in evaluation mode: in training mode, spectral normalization
    changes its own state."""
    modules = list(owner.get_submodule(f"parametrizations.{leaf}").modules())
    training = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with torch.no_grad():
            value: torch.Tensor = getattr(owner, leaf)
            return value
    finally:
        for module, mode in zip(modules, training):
            module.training = mode


def _real(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Return the real numbers of a parameter, detached; raise a KoopflowError if this process does
    not hold them all."""
    if isinstance(tensor, nn.UninitializedParameter) or tensor.is_meta:
        raise KoopflowError(f"{name} has no values yet; run the model once, then make the TrajectoryRecorder")
    if hasattr(tensor, "full_tensor") or name.endswith("_flat_param"):
        raise KoopflowError(
            f"{name} is sharded over processes (FSDP); record gathered checkpoints of it as a folder instead"
        )
    tensor = tensor.detach()
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
