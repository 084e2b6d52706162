"""The claims as reStructuredText, for the opening page of the report."""

import math

import pandas as pd

from koopflow.core.markup import rst
from koopflow.core.versions import packages


def as_rst(claims: pd.DataFrame) -> str:
    """Return the table of claims as reStructuredText: statement, verdict, numbers.

    Parameters
    ----------
    claims : DataFrame
        As `koopflow.claims.verdicts.judge` returns it. Its texts come from the user and are shown
        literally.
    """
    lines = [_count(claims), "", ".. list-table::", "   :header-rows: 1", "   :widths: 44 14 42", ""]
    rows = [("Claim (paper)", "Verdict", "Statistic, interval, criterion")]
    rows += [
        (rst(f"{claim['statement']} ({claim['paper']})"), f"**{claim['verdict']}**", rst(_numbers(claim)))
        for _, claim in claims.iterrows()
    ]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join([*lines, "", f"Made with {packages()}."]) + "\n"


def _count(claims: pd.DataFrame) -> str:
    counts = claims["verdict"].value_counts()
    words = [f"{counts.get(word, 0)} {word}" for word in ("supported", "not supported", "inconclusive")]
    return f"Of {len(claims)} claims this run finds {words[0]}, {words[1]}, {words[2]}."


def _numbers(claim: pd.Series) -> str:
    """Return the statistic with its interval, criterion and n; the reason if there is no
    statistic."""
    if not math.isfinite(claim["value"]):
        return str(claim["reason"])
    told = f"{claim['statistic']}: {claim['value']:.3g} [{claim['ci_low']:.3g}, {claim['ci_high']:.3g}]"
    beside = f"; {claim['sensitivity']}" if str(claim.get("sensitivity") or "") not in ("", "nan") else ""
    return f"{told}; {claim['criterion']}; n = {claim['n']} {claim['unit']}{beside}"
