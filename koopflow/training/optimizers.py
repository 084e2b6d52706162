"""Optimizers and learning-rate schedules for a whole ensemble.

The weights of all replicas are one flat tensor, and every optimizer here works element by element,
so PyTorch's fused optimizers update the ensemble in one call, with the numbers that each replica
alone would get. Schedules are functions of the step, so a training may begin or resume at any step.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from koopflow.config.training import OptimizerSettings, ScheduleSettings
from koopflow.core.errors import KoopflowError
from koopflow.training import eager

OptimizerSpec = OptimizerSettings | Mapping[str, Any]
"""An optimizer's settings, as a model or as YAML holds them."""

OPTIMIZERS = {
    "sgd": ("learning_rate", "momentum", "nesterov", "weight_decay"),
    "adam": ("learning_rate", "betas", "epsilon", "weight_decay"),
    "adamw": ("learning_rate", "betas", "epsilon", "weight_decay"),
}
"""The options of each algorithm, besides ``schedule``."""

SCHEDULES = {
    "constant": ("warmup",),
    "step": ("warmup", "milestones", "factor"),
    "cosine": ("warmup", "final"),
}
"""The options of each schedule."""


def optimizer_settings(spec: OptimizerSpec) -> OptimizerSettings:
    """Return the settings of an optimizer, after checking its options and those of its schedule.

    Raises
    ------
    KoopflowError
        If a value is wrong, or an option belongs to another algorithm or schedule.
    """
    optimizer = OptimizerSettings.load(spec, "optimizer")
    _check_options("optimizer", optimizer, (*OPTIMIZERS[optimizer.algorithm], "schedule"))
    if optimizer.schedule is not None:
        _check_options("optimizer.schedule", optimizer.schedule, SCHEDULES[optimizer.schedule.name])
        if optimizer.schedule.name == "step" and "milestones" not in optimizer.schedule.model_fields_set:
            raise KoopflowError("optimizer.schedule.milestones: the schedule step needs a list of steps")
    return optimizer


def _check_options(key: str, settings: OptimizerSettings | ScheduleSettings, accepted: tuple[str, ...]) -> None:
    for option in settings.model_fields_set - {"name", *accepted}:
        raise KoopflowError(f"{key}.{option}: {settings.name} has no such option; accepted: {', '.join(accepted)}")


def build(spec: OptimizerSpec, flat: torch.Tensor) -> torch.optim.Optimizer:
    """Return the PyTorch optimizer that `spec` describes, over the flat weights of all replicas."""
    optimizer = optimizer_settings(spec)
    rate, decay = optimizer.learning_rate, optimizer.weight_decay
    if optimizer.algorithm == "sgd":
        momentum, nesterov = optimizer.momentum, optimizer.nesterov
        return eager.SGD([flat], lr=rate, momentum=momentum, weight_decay=decay, nesterov=nesterov, fused=True)
    kind = eager.Adam if optimizer.algorithm == "adam" else eager.AdamW
    betas = (optimizer.betas[0], optimizer.betas[1])
    return kind([flat], lr=rate, betas=betas, eps=optimizer.epsilon, weight_decay=decay, fused=True)


def is_plain_descent(optimizer: OptimizerSettings) -> bool:
    """Return whether the update is w ← (1 − rate·decay)·w − rate·gradient, so that it can be fused
    with a matrix product."""
    return optimizer.algorithm == "sgd" and not optimizer.momentum


def schedule(spec: OptimizerSpec, steps: int) -> Callable[[int], float]:
    """Return the function from step (0 ... steps − 1) to learning rate.

    ``constant``; ``step``: times `factor` at each of `milestones`; ``cosine``: from the full rate
    to the share `final` of it along half a cosine (Loshchilov and Hutter 2017, without restarts).
    With `warmup` steps the rate first rises linearly from rate / warmup; the cosine then covers the
    remaining steps.
    """
    optimizer = optimizer_settings(spec)
    options = optimizer.schedule or ScheduleSettings(name="constant")
    rate, warmup, factor, final = (
        float(optimizer.learning_rate),
        options.warmup,
        float(options.factor),
        float(options.final),
    )
    milestones, span = sorted(options.milestones), max(1, steps - warmup)

    def at(step: int) -> float:
        if step < warmup:
            return rate * (step + 1) / warmup
        if options.name == "step":
            reached = sum(milestone <= step for milestone in milestones)
            return float(rate * factor**reached)
        if options.name == "cosine":
            return rate * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(step - warmup, span) / span)))
        return rate

    return at
