"""PyTorch's optimizers without its compiler, whose import takes two seconds of every training job.

PyTorch wraps the optimizers' methods for ``torch.compile``, and the wrappers import
``torch._dynamo`` when first called. The classes here have the methods inside the wrappers; numbers
and state are bit-identical.
"""

import inspect
from typing import TypeVar, cast

import torch

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


def plain(kind: type[Kind]) -> type[Kind]:
    """Return the optimizer class `kind` with its wrapped methods unwrapped."""
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return cast(type[Kind], type(kind.__name__, (kind,), methods))


SGD, Adam, AdamW = plain(torch.optim.SGD), plain(torch.optim.Adam), plain(torch.optim.AdamW)
