"""The check of ``forecast``: every series is loaded and long enough."""

from typing import Any

from koopflow.config.series import SeriesSettings
from koopflow.data.series.registry import load
from koopflow.forecast import choices


def check(series: dict[str, Any], seed: int) -> dict[str, Any]:
    """Load every series; return its length, period and horizon.

    Raises
    ------
    KoopflowError
        For the first series that cannot be forecast.
    """
    found = {}
    for name, spec in series.items():
        loaded = load(name, spec, seed)
        horizon = choices.check(loaded, SeriesSettings.load(spec, f"series.{name}"))
        found[name] = {"samples": len(loaded.values), "period": loaded.period, "horizon": horizon}
    return found
