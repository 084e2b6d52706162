"""Exponents in one window common to all tasks: how they differ between tasks and over depth, and
where the flow rests."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import student
from koopflow.io.columns import (
    TICKET_COMMON,
    TICKET_DEPTH,
    TICKET_FIXED_POINTS,
    TICKET_INITIALIZATIONS,
    TICKET_VERDICTS,
)
from koopflow.rg.between_tasks import between_tasks
from koopflow.rg.exponents import Exponents, WindowRule, fit_exponents
from koopflow.rg.flows import straight_line
from koopflow.rg.linearization import linearize
from koopflow.tickets.common_window import FEWEST, Compared, common_window


def common_tables(
    chains: Mapping[str, Compared], model: str, rule: WindowRule, coupling: str = "share", grouping: str = "layer"
) -> dict[str, pd.DataFrame]:
    """Return the tables of exponents that are compared between tasks.

    Returns
    -------
    dict of str to DataFrame
        ``common_exponents``: exponent and R² of each task and layer in the common window.
        ``initialization_exponents``: the same for each initialization (seed).
        ``exponent_verdicts``: for each layer, the spread between tasks beside that between seeds.
        ``depth``: for each task, the standard deviation of the exponents over layers; 0 is uniform.
        ``fixed_points``: the shares at which the linearized flow of each task rests.
    """
    first, last = common_window(chains, rule, coupling, grouping)
    scaled = chains if last - first >= FEWEST - 1 else {}
    fits = {task: _fit(chain, coupling, grouping, (first, last)) for task, chain in scaled.items()}
    common = [
        (task, model, layer, fit.sigma[i], fit.ci_low[i], fit.ci_high[i], fit.r2[i], first, last, len(fit.per_seed))
        for task, fit in fits.items()
        for i, layer in enumerate(fit.groups)
    ]
    depth = [
        (task, model, *student(fit.per_seed.std(axis=1, ddof=1)), len(fit.groups), len(fit.per_seed))
        for task, fit in fits.items()
        if len(fit.groups) > 1
    ]
    rows = {
        "common_exponents": pd.DataFrame(common, columns=list(TICKET_COMMON)),
        "initialization_exponents": _by_initialization(scaled, model, coupling, grouping, (first, last)),
        "exponent_verdicts": _verdicts(scaled, fits, model, (first, last)),
        "depth": pd.DataFrame(depth, columns=list(TICKET_DEPTH)),
        "fixed_points": _fixed_points(chains, model, grouping),
    }
    return rows


def _fit(chain: Compared, coupling: str, grouping: str, window: tuple[int, int]) -> Exponents:
    flow = chain.flow(grouping)
    return fit_exponents(flow.couplings(coupling), flow.scale, flow.groups, window=window)


def _by_initialization(
    chains: Mapping[str, Compared], model: str, coupling: str, grouping: str, window: tuple[int, int]
) -> pd.DataFrame:
    """Return one row per task, layer and seed: the slope of its own line, and how much of the log
    coupling's variance it explains."""
    inside, rows = slice(window[0], window[1] + 1), []
    for task, chain in chains.items():
        flow = chain.flow(grouping)
        with np.errstate(divide="ignore"):
            logs = np.log(flow.couplings(coupling)[:, inside]).transpose(2, 0, 1)
        slopes, residuals = straight_line(logs, flow.scale[inside])
        spread = ((logs - logs.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
        explained = 1 - (residuals**2).sum(axis=-1) / np.where(spread > 0, spread, np.nan)
        rows += [
            (task, model, layer, seed, slopes[i, j], explained[i, j], *window)
            for i, layer in enumerate(flow.groups)
            for j, seed in enumerate(chain.seeds)
        ]
    return pd.DataFrame(rows, columns=list(TICKET_INITIALIZATIONS))


def _verdicts(
    chains: Mapping[str, Compared], fits: Mapping[str, Exponents], model: str, window: tuple[int, int]
) -> pd.DataFrame:
    """Return one row per layer, over the seeds that no chain lost; none for a single task or
    seed."""
    seeds = sorted(set.intersection(*(set(chain.seeds) for chain in chains.values()))) if len(chains) > 1 else []
    rows = []
    for i, layer in enumerate(next(iter(fits.values())).groups if len(seeds) > 1 else ()):
        values = [fit.per_seed[[chains[task].seeds.index(seed) for seed in seeds], i] for task, fit in fits.items()]
        exponents = np.array(values)
        if not np.isfinite(exponents).all():
            continue
        found = between_tasks(exponents)
        lowest = min(float(fit.r2[i]) for fit in fits.values())
        numbers = (found.between, found.within, found.ratio, found.ci_low, found.ci_high, found.verdict)
        rows.append((model, layer, *numbers, len(chains), len(seeds), lowest, *window))
    return pd.DataFrame(rows, columns=list(TICKET_VERDICTS))


def _fixed_points(chains: Mapping[str, Compared], model: str, grouping: str) -> pd.DataFrame:
    """Return the fixed point of each task's linearized flow; none where the map is not
    determined."""
    rows = []
    for task, chain in chains.items():
        flow = chain.flow(grouping)
        try:
            found = linearize(flow.couplings("share"), chain.step)
        except KoopflowError:
            continue
        rows += [(task, model, layer, share, found.r2) for layer, share in zip(flow.groups, found.fixed_point)]
    return pd.DataFrame(rows, columns=list(TICKET_FIXED_POINTS))
