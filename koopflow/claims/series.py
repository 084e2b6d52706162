"""Measures over series: a claim on forecasts of many series, of which each counts once."""

import numpy as np

from koopflow.claims.estimate import Estimate, Undecided
from koopflow.claims.forecast import rows_of
from koopflow.claims.measures import measure
from koopflow.claims.tables import Tables
from koopflow.core.intervals import sign_flip
from koopflow.forecast.over_series import FEWEST, paired


@measure("error taken off the reference's forecast, as a share: 1 - geometric mean over series of the ratio of errors")
def skill_over_series(
    tables: Tables,
    level: float,
    series: str | list[str],
    method: str = "gated",
    against: str | list[str] = "sliding",
    horizon: int | list[int] | None = None,
) -> Estimate:
    """Return 1 - the geometric mean over series of the method's mean absolute error over that of
    the best of `against`, with the interval of the sign-flip test over series.

    Series of one group count as one, and n counts the groups. Of several references, the best on
    each series counts, which favours them.
    """
    references = [against] if isinstance(against, str) else against
    rows = rows_of(tables, series, horizon)
    found = paired(rows, method, references)
    groups = len(found.ratios)
    if groups < FEWEST:
        raise Undecided(f"{groups} independent series forecast by {method} and a reference; a test needs {FEWEST}")
    mean, low, high, _ = sign_flip(np.log(found.ratios.to_numpy()), level)
    if not np.isfinite([low, high]).all():
        raise Undecided(f"{groups} independent series cannot give an interval of {100 * level:g} %")
    unit = "series" if groups == found.series else f"groups of {found.series} series"
    value, least, most = (float(-np.expm1(log)) for log in (mean, high, low))
    return Estimate(value, least, most, groups, unit)
