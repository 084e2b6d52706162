"""Quantile forecasts of all series of a panel, from everything known at its last time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.forecast.panels import experts as known_experts
from koopflow.forecast.panels.gate import PanelGate, combined, weights
from koopflow.forecast.panels.intervals import quantiles
from koopflow.forecast.panels.panel import Floats, Panel, Scaled
from koopflow.forecast.registry import PANEL_EXPERTS

# Errors are remembered from this share of a season before and after the present phase.
SIMILAR = 0.17


@dataclass(frozen=True)
class PanelForecaster:
    """A gate over experts that forecast all series of a panel jointly.

    Parameters
    ----------
    experts : sequence of str
        Names in `koopflow.forecast.registry.PANEL_EXPERTS`, or "package.module:name"; persistence
        first, since losses are taken relative to it.
    power : float
        Of the scale (value / size) ** power on which experts work.
    gate : PanelGate
    seed : int
        Of the centres of radial basis functions.
    """

    experts: tuple[str, ...] = tuple(PANEL_EXPERTS)
    power: float = 0.5
    gate: PanelGate = field(default_factory=PanelGate)
    seed: int = 0

    def __post_init__(self) -> None:
        check_panel_experts(self.experts)

    def forecast(self, panel: Panel, horizon: int, levels: Sequence[float]) -> Floats:
        """Return quantiles (series, horizon, levels) in the units of each series.

        Step 1 follows the panel's last time. NaN for series whose last values are unknown.
        """
        return forecasts_of({"": self}, panel, horizon, levels)[""]


def forecasts_of(
    forecasters: dict[str, PanelForecaster], panel: Panel, horizon: int, levels: Sequence[float]
) -> dict[str, Floats]:
    """Return the quantiles of several forecasters; experts that they share are computed once."""
    asked = similar(panel)
    found: dict[tuple[str, float, int], Floats] = {}
    results = {}
    for name, each in forecasters.items():
        scaled = Scaled(panel, each.power)
        situation = known_experts.Situation(scaled, horizon, asked, each.seed)
        for expert in each.experts:
            key = (expert, each.power, each.seed)
            if key not in found:
                made = PANEL_EXPERTS.load(expert, "hub.models")(situation)
                found[key] = known_experts.trusted(scaled, made)
        stacked = np.stack([found[expert, each.power, each.seed] for expert in each.experts])
        changes = scaled.changes(horizon)
        learned = weights(scaled, stacked, changes, asked, each.gate)
        point = combined(stacked, learned, panel.groups)
        made = quantiles(scaled, point, stacked, changes, asked, np.asarray(levels, dtype=np.float64))
        results[name] = scaled.undo(made)
    return results


def similar(panel: Panel) -> NDArray[np.bool_]:
    """Return the times (time,) at a phase of the season similar to the present one."""
    apart = np.abs(panel.phase - panel.phase[-1])
    return np.asarray(np.minimum(apart, 1.0 - apart) <= SIMILAR)


def check_panel_experts(names: Sequence[str], key: str = "experts") -> None:
    """Raise a KoopflowError unless all names are known and persistence comes first."""
    for name in names:
        PANEL_EXPERTS.check(name, key)
    if not names or names[0] != "persistence":
        raise KoopflowError(f"{key}: must begin with persistence (got {', '.join(names) or 'none'})")
