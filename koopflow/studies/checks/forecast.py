"""The check of ``forecast``: every series is long enough, and every forecaster can be used."""

from typing import Any

from koopflow.config.forecast import ForecastSettings
from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.groups import load_group
from koopflow.data.series.series import Series
from koopflow.forecast import choices
from koopflow.forecast.ahead import ahead_of
from koopflow.forecast.check import try_forecaster
from koopflow.forecast.protocol import Forecaster, all_named
from koopflow.forecast.registry import FORECASTERS


def check(series: dict[str, Any], forecast: dict[str, Any], seed: int) -> dict[str, Any]:
    """Load every series, and try the user's forecasters on the first; return length, period and
    horizon of each series.

    Raises
    ------
    KoopflowError
        For the first series that cannot be forecast, the first file of many without any that can,
        two series of one name, or the first forecaster that cannot be used.
    """
    study = ForecastSettings.load(forecast, "forecast")
    forecasters = all_named(study.methods, study.forecasters)
    own = {name: each for name, each in forecasters.items() if name not in FORECASTERS or name in study.forecasters}
    found = {}
    for name, spec in series.items():
        settings, several = SeriesSettings.load(spec, f"series.{name}"), load_group(name, spec, seed)
        reasons = dict(several.left_out)
        for each, loaded in several.series.items():
            try:
                horizon = choices.check(loaded, settings)
                ahead_of(loaded, horizon)
            except KoopflowError as error:
                if settings.id is None:
                    raise
                reasons[each] = str(error)
                continue
            if each in found:
                raise KoopflowError(f"series.{name}.id: {each!r} is the name of another series, too; rename one")
            found[each] = {"samples": len(loaded.values), "period": loaded.period, "horizon": horizon}
            while own:
                _try(*own.popitem(), loaded, horizon, study)
        if len(reasons) == len(several.series) + len(several.left_out):
            first = next(iter(reasons))
            raise KoopflowError(f"series.{name}: none of {len(reasons)} can be forecast; {first!r}: {reasons[first]}")
    return found


def _try(name: str, forecaster: Forecaster, loaded: Series, horizon: int, study: ForecastSettings) -> None:
    """Try a forecaster; errors begin with its key."""
    key = f"forecast.forecasters.{name}.options" if name in study.forecasters else "forecast.methods"
    try:
        try_forecaster(name, forecaster, loaded, horizon)
    except KoopflowError as error:
        raise KoopflowError(f"{key}: {error}") from None
