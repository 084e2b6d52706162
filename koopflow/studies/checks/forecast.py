"""The check of ``forecast``: every series is long enough, and every forecaster can be used."""

from typing import Any

from koopflow.config.forecast import ForecastSettings
from koopflow.config.series import SeriesSettings
from koopflow.data.series.loading import load
from koopflow.forecast import choices
from koopflow.forecast.check import try_forecaster
from koopflow.forecast.protocol import all_named
from koopflow.forecast.registry import FORECASTERS


def check(series: dict[str, Any], forecast: dict[str, Any], seed: int) -> dict[str, Any]:
    """Load every series, and try the user's forecasters on the first; return length, period and
    horizon of each series.

    Raises
    ------
    KoopflowError
        For the first series that cannot be forecast, or the first forecaster that cannot be used.
    """
    study = ForecastSettings.load(forecast, "forecast")
    forecasters = all_named(study.methods, study.forecasters)
    own = {name: each for name, each in forecasters.items() if name not in FORECASTERS or name in study.forecasters}
    found = {}
    for name, spec in series.items():
        loaded = load(name, spec, seed)
        horizon = choices.check(loaded, SeriesSettings.load(spec, f"series.{name}"))
        found[name] = {"samples": len(loaded.values), "period": loaded.period, "horizon": horizon}
        while own:
            try_forecaster(*own.popitem(), loaded, horizon)
    return found
