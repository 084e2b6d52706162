"""The verdict on each claim.

A criterion is a range of the statistic: above a number, below a number, or both. A claim is
supported if its whole interval lies inside the range, and not supported if the whole interval lies
outside. Everything else is inconclusive, including a missing table, too few units, or the opposite
verdict under a neighbouring choice such as another rank; the table gives the reason.
"""

import pandas as pd

from koopflow.claims.estimate import Estimate, Undecided
from koopflow.claims.measures import Measure, load_measure
from koopflow.claims.tables import Tables
from koopflow.config.claims import ClaimSettings, ClaimsSettings
from koopflow.core.errors import KoopflowError
from koopflow.io.columns import CLAIMS

SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "supported", "not supported", "inconclusive"


def check_claims(claims: ClaimsSettings) -> dict[str, Measure]:
    """Return the measure of each claim, by name.

    Raises
    ------
    KoopflowError
        For an unknown measure, a wrong or missing option, or a criterion that is missing or accepts
        no number.
    """
    measures = {}
    for name, claim in claims.statements.items():
        key = f"claims.statements.{name}"
        measures[name] = load_measure(claim.measure, f"{key}.measure")
        measures[name].options(claim.options, key)
        if claim.above is None and claim.below is None:
            raise KoopflowError(f"{key}: the criterion is missing; set above, below, or both")
        if claim.above is not None and claim.below is not None and claim.above >= claim.below:
            raise KoopflowError(f"{key}: above must be smaller than below (got {claim.above} and {claim.below})")
    return measures


def verdict(estimate: Estimate, above: float | None, below: float | None) -> str:
    """Return the verdict on the criterion `above` < statistic < `below`, from the interval
    alone."""
    return _word(estimate.low, estimate.high, above, below)


def _word(low: float, high: float, above: float | None, below: float | None) -> str:
    floor = float("-inf") if above is None else above
    ceiling = float("inf") if below is None else below
    if floor < low and high < ceiling:
        return SUPPORTED
    if high < floor or low > ceiling:
        return NOT_SUPPORTED
    return INCONCLUSIVE


def criterion(level: float, above: float | None, below: float | None) -> str:
    """Return the criterion as text."""
    parts = [f"above {above:g}" if above is not None else "", f"below {below:g}" if below is not None else ""]
    return f"{100 * level:g} % interval {' and '.join(part for part in parts if part)}"


def judge(claims: ClaimsSettings, tables: Tables) -> pd.DataFrame:
    """Return the table of claims: one row per claim, with the columns `koopflow.io.columns.CLAIMS`.

    Parameters
    ----------
    claims : ClaimsSettings
    tables : Tables
        The run's tables.
    """
    measures = check_claims(claims)
    rows = [_row(name, claim, measures[name], claims, tables) for name, claim in claims.statements.items()]
    return pd.DataFrame(rows, columns=list(CLAIMS))


def _row(
    name: str, claim: ClaimSettings, measure: Measure, claims: ClaimsSettings, tables: Tables
) -> dict[str, object]:
    """Return one claim's row of the table."""
    options = measure.options(claim.options, f"claims.statements.{name}")
    estimate, reason = None, ""
    tables.used.clear()
    try:
        estimate = measure.function(tables, claims.level, **options)
    except Undecided as undecided:
        reason = str(undecided)
    word = INCONCLUSIVE if estimate is None else verdict(estimate, claim.above, claim.below)
    if estimate is not None and estimate.n < claims.minimum_units and estimate.unit == "seeds":
        word = INCONCLUSIVE
        reason = f"{estimate.n} {estimate.unit}; a verdict needs at least {claims.minimum_units} (claims.minimum_units)"
    elif estimate is not None and word == INCONCLUSIVE:
        reason = "the interval crosses the criterion"
        if estimate.unit != "seeds":
            reason += f"; it is over {estimate.unit}: more of them narrow it, more seeds hardly do"
    beside = _beside(estimate, claim)
    opposite = [name for name, other in beside.items() if {word, other} == {SUPPORTED, NOT_SUPPORTED}]
    if opposite:
        reason, word = f"{word} here, but {beside[opposite[0]]} at {opposite[0]}", INCONCLUSIVE
    nan = float("nan")
    return {
        "claim": name,
        "paper": claim.paper,
        "statement": claim.statement,
        "statistic": measure.statistic,
        "value": estimate.value if estimate else nan,
        "ci_low": estimate.low if estimate else nan,
        "ci_high": estimate.high if estimate else nan,
        "criterion": criterion(claims.level, claim.above, claim.below),
        "verdict": word,
        "n": estimate.n if estimate else 0,
        "unit": estimate.unit if estimate else "",
        "above": nan if claim.above is None else claim.above,
        "below": nan if claim.below is None else claim.below,
        "reason": reason,
        "excluded": (estimate.excluded if estimate else 0) + tables.excluded(options),
        "sensitivity": "; ".join(f"{other} at {name}" for name, other in beside.items()),
    }


def _beside(estimate: Estimate | None, claim: ClaimSettings) -> dict[str, str]:
    """Return the verdicts under neighbouring choices, by their names."""
    if estimate is None:
        return {}
    return {name: _word(*ends, claim.above, claim.below) for name, ends in estimate.alternatives.items()}
