"""PyTorch's optimizers without its compiler, which koopflow never uses: importing it takes two seconds of every training job.

The optimizers' methods are wrapped so that ``torch.compile`` treats them well, and the wrappers import ``torch._dynamo`` when first called.
The classes here are the same ones with the methods inside the wrappers; numbers and state are the same to the bit.
"""

import inspect

import torch


def plain(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return the optimizer class `kind` with its methods unwrapped, where they are wrapped at all."""
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)


SGD, Adam, AdamW = plain(torch.optim.SGD), plain(torch.optim.Adam), plain(torch.optim.AdamW)
