"""The claims: each has a paper, a statement, a statistic with its interval, a criterion set in the config before the
run, a verdict.

A criterion is a range of the statistic, above and/or below a number. The whole interval inside the range: supported.
The whole interval
outside: not supported. Anything else, a missing table or too few units included: inconclusive, with the reason beside it.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from koopflow.claims import forecast, pruning, tickets, training  # noqa: F401  (they register their measures)
from koopflow.claims.estimate import Estimate, Tables, Undecided
from koopflow.claims.measures import MEASURES
from koopflow.core.errors import KoopflowError
from koopflow.io.columns import CLAIMS

SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "supported", "not supported", "inconclusive"
OWN = {"paper", "statement", "measure", "above", "below"}


def check(claims: Mapping) -> None:
    """Refuse claims that cannot be computed from their words: an unknown measure or option, no criterion, an empty range.

    Parameters
    ----------
    claims : mapping
        The config's ``claims``: ``level``, ``minimum_units`` and ``statements`` (name → paper, statement, measure,
        above, below and
        the options of the measure).
    """
    for name, claim in claims["statements"].items():
        where = f"claims.statements.{name}"
        for key in ("paper", "statement", "measure"):
            if not claim.get(key):
                raise KoopflowError(f"{where}: {key} is missing")
        measure = MEASURES.get(claim["measure"])
        if measure is None:
            raise KoopflowError(f"{where}.measure: unknown {claim['measure']!r}; accepted are {', '.join(sorted(MEASURES))}")
        for option in claim:
            if option not in OWN | measure.options:
                known = ", ".join(sorted(measure.options)) or "none"
                raise KoopflowError(f"{where}.{option}: measure {claim['measure']!r} has no such option; it has {known}")
        for option in sorted(measure.required):
            if option not in claim:
                raise KoopflowError(f"{where}: measure {claim['measure']!r} needs the option {option!r}")
        above, below = claim.get("above"), claim.get("below")
        if above is None and below is None:
            raise KoopflowError(f"{where}: a criterion is missing; give above and/or below")
        if above is not None and below is not None and not above < below:
            raise KoopflowError(f"{where}: above ({above}) must be smaller than below ({below})")


def verdict(estimate: Estimate, above: float | None, below: float | None) -> str:
    """Return the verdict on the criterion `above` < statistic < `below`, from the interval alone."""
    floor = float("-inf") if above is None else above
    ceiling = float("inf") if below is None else below
    if floor < estimate.low and estimate.high < ceiling:
        return SUPPORTED
    if estimate.high < floor or estimate.low > ceiling:
        return NOT_SUPPORTED
    return INCONCLUSIVE


def criterion(level: float, above: float | None, below: float | None) -> str:
    """Return the criterion in words."""
    parts = [f"above {above:g}" if above is not None else "", f"below {below:g}" if below is not None else ""]
    return f"{100 * level:g} % interval {' and '.join(part for part in parts if part)}"


def evaluate(claims: Mapping, tables: Tables | str | Path) -> pd.DataFrame:
    """Return one row per claim: `koopflow.io.columns.CLAIMS`; `reason` says why nothing could be computed.

    Parameters
    ----------
    claims : mapping
        The config's ``claims``, as in `check`.
    tables : Tables or path
        The run's tables, or the results folder they stand in.
    """
    check(claims)
    tables = tables if isinstance(tables, Tables) else Tables(Path(tables))
    level, minimum = float(claims["level"]), int(claims["minimum_units"])
    rows = []
    for name, claim in claims["statements"].items():
        measure = MEASURES[claim["measure"]]
        above, below = claim.get("above"), claim.get("below")
        options = {key: value for key, value in claim.items() if key not in OWN}
        estimate, reason = None, ""
        tables.used.clear()
        try:
            estimate = measure.function(tables, level, **options)
        except Undecided as undecided:
            reason = str(undecided)
        word = INCONCLUSIVE if estimate is None else verdict(estimate, above, below)
        if estimate is not None and estimate.n < minimum and estimate.unit == "seeds":
            word = INCONCLUSIVE
            reason = f"{estimate.n} {estimate.unit}; a verdict takes at least {minimum} (claims.minimum_units)"
        elif estimate is not None and word == INCONCLUSIVE:
            reason = "the interval crosses the criterion"
        nan = float("nan")
        value, low, high = (estimate.value, estimate.low, estimate.high) if estimate else (nan, nan, nan)
        rows.append(
            {
                "claim": name,
                "paper": claim["paper"],
                "statement": claim["statement"],
                "statistic": measure.statistic,
                "value": value,
                "ci_low": low,
                "ci_high": high,
                "criterion": criterion(level, above, below),
                "verdict": word,
                "n": estimate.n if estimate else 0,
                "unit": estimate.unit if estimate else "",
                "above": nan if above is None else above,
                "below": nan if below is None else below,
                "reason": reason,
                "excluded": (estimate.excluded if estimate else 0) + tables.excluded(options),
            }
        )
    return pd.DataFrame(rows, columns=CLAIMS)
