"""Test a user's forecaster on the early stretch of a series before any job computes."""

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.data.series.series import Series
from koopflow.forecast.choices import early_stretch
from koopflow.forecast.protocol import Configured, Floats, Forecaster, Situation, settled


def try_forecaster(name: str, forecaster: Forecaster, series: Series, horizon: int) -> None:
    """Check that a forecaster runs, returns the right shape, and ignores values after the origin.

    Parameters
    ----------
    name : str
        Name of the forecaster in errors.
    forecaster : Forecaster
    series : Series
    horizon : int
        Steps ahead.

    Raises
    ------
    KoopflowError
        If the forecaster raises, returns a shape other than (1, horizon), or depends on values
        after the origin.
    """
    stretch = early_stretch(series, horizon)
    if isinstance(forecaster, Configured):
        sizes = stretch.candidates(None, None, None)[0]
        forecaster = settled(
            forecaster,
            Situation(
                period=series.period,
                window=sizes.window,
                delays=sizes.delays,
                rank=sizes.rank,
                recalled="later",
                matches=1,
                first=len(stretch.past) // 2,
                sizes=lambda window, delays, rank: stretch.candidates(window, delays, rank)[0],
            ),
        )
    values = stretch.past[:, 0].copy()
    origin = max(len(values) // 2, len(values) - horizon - 1)
    changed = np.concatenate([values[: origin + 1], values[origin + 1 :][::-1] + np.ptp(values)])
    first, second = (_called(name, forecaster, each, origin, horizon) for each in (values, changed))
    if not np.array_equal(first, second, equal_nan=True):
        raise KoopflowError(
            f"forecaster {name}: forecast must not depend on values after the origin; use values[: origin "
            "+ 1] only, and "
            "fix the seed of random numbers"
        )


def _called(name: str, forecaster: Forecaster, values: Floats, origin: int, horizon: int) -> Floats:
    try:
        found = np.asarray(forecaster.forecast(values.copy(), np.array([origin]), horizon), dtype=np.float64)
    except KoopflowError:
        raise
    except Exception as error:  # a user's code may raise anything
        raise KoopflowError(
            f"forecaster {name} fails on a series of {len(values)} values: {type(error).__name__}: {error}"
        ) from error
    if found.shape != (1, horizon):
        raise KoopflowError(
            f"forecaster {name} must return an array of shape (origins, horizon) = {(1, horizon)} (got {found.shape})"
        )
    return found
