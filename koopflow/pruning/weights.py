"""The weights of a PyTorch model: every tensor once, with all its names, its kind and its role."""

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.tensors import unwrapped

LAYERS = (nn.Linear, nn.Bilinear, _ConvNd)
"""Modules whose `weight` is a matrix or a kernel."""
HEADS = ("head", "lm_head", "classifier", "logits")
"""What the module of the last layer is called, where the model itself does not tell."""
OUTERMOST = (*HEADS, "heads", "score", "output", "out")
"""What an outermost module is called that holds the last layer; inner ones may have other roles."""


@dataclass
class Weight:
    """One tensor of a model.

    A tied weight, which several modules share, is one Weight.

    Attributes
    ----------
    name : str
        The first of its names.
    value : torch.Tensor
        What the model computes with: under a mask, the masked tensor.
    original : torch.Tensor
        What the optimizer trains.
    places : list of (torch.nn.Module, str)
        Each module that holds it, and the attribute there.
    names : list of str
        All its names.
    """

    name: str
    value: torch.Tensor
    original: torch.Tensor
    places: list[tuple[nn.Module, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self.value.shape)

    @property
    def is_matrix(self) -> bool:
        """Whether a layer multiplies by it: weights of linear layers and convolutions, not
        embeddings, biases or normalization."""
        return self.value.ndim > 1 and any(_multiplies(*place) for place in self.places)


def _multiplies(module: nn.Module, attribute: str) -> bool:
    if isinstance(module, nn.MultiheadAttention | nn.RNNBase | nn.RNNCellBase):
        return "weight" in attribute
    return attribute == "weight" and (isinstance(module, LAYERS) or is_transposed(module))


def is_transposed(module: nn.Module) -> bool:
    """Return whether a module is a linear layer as Hugging Face's GPT-2 has it, whose weight is
    transposed; under a mask, its class is derived from that."""
    return any(each.__name__ == "Conv1D" and each is not nn.Conv1d for each in type(module).__mro__)


def weights_of(model: nn.Module) -> dict[str, Weight]:
    """Return the parameters of a model by name, each tensor once, in the model's order.

    Wrappers for several devices and for compilation are removed. A parametrized tensor has the name
    it had before.

    Raises
    ------
    KoopflowError
        For a model without parameters, a parameter that has no values yet, or one without real
        numbers.
    """
    inner, _ = unwrapped(model)
    found: dict[int, Weight] = {}
    for prefix, module in inner.named_modules():
        if "parametrizations" in prefix.split("."):
            continue
        for leaf, original in own_parameters(module):
            name = f"{prefix}.{leaf}" if prefix else leaf
            _check(name, original)
            if id(original) not in found:
                with torch.no_grad():
                    found[id(original)] = Weight(name, getattr(module, leaf).detach(), original)
            found[id(original)].places.append((module, leaf))
            found[id(original)].names.append(name)
    if not found:
        raise KoopflowError("the network has no parameters")
    return {weight.name: weight for weight in found.values()}


class Masked(nn.Module):
    """A parametrization that sets pruned weights to zero and passes them no gradient.

    Parameters
    ----------
    kept : bool torch.Tensor
        True where a weight is kept, in the weight's shape.
    place : int
        Place of the tensor among its module's own parameters, which a parametrization would move
        to the end.
    """

    pruned: torch.Tensor

    def __init__(self, kept: torch.Tensor, place: int):
        super().__init__()
        self.place = place
        self.register_buffer("pruned", ~kept)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weight with zeros where it is pruned, in its own precision."""
        return weight.masked_fill(self.pruned, 0)


def own_parameters(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Return the parameters of one module in its order, parametrized ones by the tensor that is
    trained."""
    held: list[tuple[str, torch.Tensor]] = [
        (leaf, value) for leaf, value in module._parameters.items() if value is not None
    ]
    if not parametrize.is_parametrized(module):
        return held
    moved: list[tuple[int, str, torch.Tensor]] = []
    for leaf, each in module.get_submodule("parametrizations").named_children():
        if isinstance(getattr(each, "original", None), torch.Tensor):
            places = [mask.place for mask in each.children() if isinstance(mask, Masked)]
            moved.append(
                (min(places, default=len(module._parameters) + len(moved)), leaf, each.get_parameter("original"))
            )
    for place, leaf, original in sorted(moved, key=lambda item: item[0]):
        held.insert(place, (leaf, original))
    return held


def _check(name: str, value: torch.Tensor) -> None:
    if isinstance(value, nn.parameter.UninitializedParameter):
        raise KoopflowError(f"{name} has no values yet; call the network once on a batch")
    if not value.is_floating_point():
        kind = str(value.dtype).removeprefix("torch.")
        raise KoopflowError(f"{name} must hold real numbers (got {kind})")


def head_of(model: nn.Module, weights: dict[str, Weight]) -> tuple[str, ...]:
    """Return the names of the weights of the last layer, the one whose output the model returns.

    The model's own word comes first (`get_output_embeddings` of Hugging Face), then the graph of
    its forward pass, as torch.fx traces it, then the usual names of modules, then the last layer
    declared. Modules may be declared in any order.
    """
    inner, _ = unwrapped(model)
    stated = getattr(inner, "get_output_embeddings", lambda: None)
    owners = _asked(stated) or _traced(inner)
    found = [name for name, weight in weights.items() if any(_is_at(weight, place) for place in owners)]
    if found:
        return tuple(found)
    aliases = {name: weight.names for name, weight in weights.items()}
    return named_head([name for name, weight in weights.items() if weight.is_matrix], aliases)


def named_head(matrices: list[str], aliases: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the names of the tensors of the last layer, told from the names alone.

    Parameters
    ----------
    matrices : list of str
        The tensors that layers multiply by, in the order of the file or model.
    aliases : dict of str to list of str
        All tensors, each with all its names.
    """
    names = list(aliases)
    called = [name for name in names if any(_names_a_head(each) for each in aliases[name])]
    if called and len(called) < len(names):
        return tuple(called)
    last = matrices[-1] if matrices else names[-1]
    owner = last.rpartition(".")[0]
    return tuple(name for name in names if (name.rpartition(".")[0] == owner and owner) or name == last)


def _names_a_head(name: str) -> bool:
    modules = name.split(".")[:-1]
    return bool(modules) and (modules[0] in OUTERMOST or modules[-1] in HEADS)


Place = nn.Module | torch.Tensor


def _asked(stated: object) -> list[Place]:
    try:
        layer = stated()  # type: ignore[operator]
    except Exception:  # a model may define it and not implement it
        return []
    return [layer] if isinstance(layer, nn.Module) else []


def _is_at(weight: Weight, place: Place) -> bool:
    if isinstance(place, nn.Module):
        return any(module in set(place.modules()) for module, _ in weight.places)
    return weight.original is place or weight.value is place


def _traced(model: nn.Module) -> list[Place]:
    """Return the layers or tensors nearest the output in the graph of a forward pass; nothing if
    the model cannot be traced."""
    from torch import fx

    try:
        graph = fx.Tracer().trace(model)
    except Exception:  # control flow that depends on data, and whatever else a forward pass does
        return []
    found: list[Place] = []
    waiting = [node for node in graph.nodes if node.op == "output"]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        place = _place_of(model, node)
        if place is None:
            waiting += node.all_input_nodes
        else:
            found.append(place)
    return found


def _place_of(model: nn.Module, node: object) -> Place | None:
    """Return the layer or matrix that a node of a graph stands for, if it is one."""
    op, target = getattr(node, "op", ""), str(getattr(node, "target", ""))
    if op == "call_module":
        module = model.get_submodule(target)
        return module if any(value.ndim > 1 for value in module.parameters()) else None
    if op == "get_attr":
        owner, _, leaf = target.rpartition(".")
        value = getattr(model.get_submodule(owner), leaf, None)
        return value if isinstance(value, torch.Tensor) and value.ndim > 1 else None
    return None
