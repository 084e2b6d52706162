"""Optimizers and learning-rate schedules for a whole ensemble.

The weights of all replicas are one flat tensor, and every optimizer here works element by element, so PyTorch's own
fused optimizers
update the ensemble in one call, with the numbers that each replica alone would get. Schedules are functions of the
step, not of what
was called before, so a run may begin or resume anywhere.
"""

import math
from collections.abc import Callable, Mapping

import torch

from koopflow.core.errors import KoopflowError
from koopflow.training import eager

OPTIMIZERS = {
    "sgd": ("learning_rate", "momentum", "nesterov", "weight_decay"),
    "adam": ("learning_rate", "betas", "epsilon", "weight_decay"),
    "adamw": ("learning_rate", "betas", "epsilon", "weight_decay"),
}
SCHEDULES = {
    "constant": ("warmup",),
    "step": ("warmup", "milestones", "factor"),
    "cosine": ("warmup", "final"),
}


def check(spec: Mapping) -> dict:
    """Return `spec` as a dict if name, options and numbers are sound; else raise a KoopflowError naming the key."""
    spec = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = spec.get("name")
    if name == "momentum":  # the papers' word for SGD with momentum
        spec = {"momentum": 0.9, **spec, "name": "sgd"}
        name = "sgd"
    if name not in OPTIMIZERS:
        raise KoopflowError(f"optimizer: unknown name {name!r}; known are {', '.join(OPTIMIZERS)}")
    for key in spec:
        if key not in ("name", "schedule", *OPTIMIZERS[name]):
            raise KoopflowError(f"optimizer {name} has no option {key!r}; accepted are {', '.join(OPTIMIZERS[name])}, schedule")
    for key, low, high in (("learning_rate", 0.0, math.inf), ("momentum", 0.0, 1.0), ("weight_decay", 0.0, math.inf)):
        value = spec.get(key, 0.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < high:
            raise KoopflowError(f"optimizer {name}: {key}: {value!r} is no number from {low:g} up to {high:g}")
    if not spec.get("learning_rate", 0.0) > 0:
        raise KoopflowError(f"optimizer {name}: learning_rate is needed, a number above 0")
    schedule(spec, 1)
    return spec


def build(spec: Mapping, flat: torch.Tensor) -> torch.optim.Optimizer:
    """Return the PyTorch optimizer that `spec` describes, over the flat weights of all replicas."""
    spec = check(spec)
    rate, decay = spec["learning_rate"], spec.get("weight_decay", 0.0)
    if spec["name"] == "sgd":
        momentum = spec.get("momentum", 0.0)
        nesterov = spec.get("nesterov", False)
        return eager.SGD([flat], lr=rate, momentum=momentum, weight_decay=decay, nesterov=nesterov, fused=True)
    kind = eager.Adam if spec["name"] == "adam" else eager.AdamW
    betas, epsilon = tuple(spec.get("betas", (0.9, 0.999))), spec.get("epsilon", 1e-8)
    return kind([flat], lr=rate, betas=betas, eps=epsilon, weight_decay=decay, fused=True)


def is_plain_descent(spec: Mapping) -> bool:
    """Return whether the update is w ← (1 − rate·decay)·w − rate·gradient, without memory, so that it can be part of a
    matrix product."""
    spec = check(spec)
    return spec["name"] == "sgd" and not spec.get("momentum", 0.0)


def schedule(spec: Mapping, steps: int) -> Callable[[int], float]:
    """Return the function from step (0 … steps − 1) to learning rate.

    ``constant``; ``step``: times `factor` at each of `milestones` (steps); ``cosine``: from 1 to `final` (a share of
    the rate, 0 by
    default) along half a cosine over all steps (Loshchilov and Hutter 2017, without restarts). With `warmup` steps the rate first
    rises linearly from rate / warmup; the cosine then covers what is left.
    """
    options = dict(spec.get("schedule") or {"name": "constant"})
    name = options.pop("name", None)
    if name not in SCHEDULES:
        raise KoopflowError(f"optimizer: unknown schedule {name!r}; known are {', '.join(SCHEDULES)}")
    for key in options:
        if key not in SCHEDULES[name]:
            raise KoopflowError(f"optimizer: schedule {name} has no option {key!r}; accepted are {', '.join(SCHEDULES[name])}")
    if name == "step" and "milestones" not in options:
        raise KoopflowError("optimizer: schedule step needs milestones, a list of steps")
    rate, warmup = float(spec["learning_rate"]), int(options.get("warmup", 0))
    milestones, factor = sorted(options.get("milestones", ())), float(options.get("factor", 0.1))
    final, span = float(options.get("final", 0.0)), max(1, steps - warmup)

    def at(step: int) -> float:
        if step < warmup:
            return rate * (step + 1) / warmup
        if name == "step":
            return rate * factor ** sum(milestone <= step for milestone in milestones)
        if name == "cosine":
            return rate * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(step - warmup, span) / span)))
        return rate

    return at
