"""The claims as text, for the opening page of the report."""

import math

import pandas as pd

from koopflow.core.versions import packages


def as_rst(claims: pd.DataFrame) -> str:
    """Return the table of claims (as `evaluate` makes it) as reStructuredText: statement, verdict, numbers."""
    lines = [_count(claims), "", ".. list-table::", "   :header-rows: 1", "   :widths: 44 14 42", ""]
    rows = [("Claim (paper)", "Verdict", "Statistic, interval, criterion")]
    rows += [(f"{claim.statement} ({claim.paper})", f"**{claim.verdict}**", _numbers(claim)) for claim in claims.itertuples()]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {_plain(cell)}" for i, cell in enumerate(row)]
    return "\n".join([*lines, "", f"Made with {packages()}."]) + "\n"


def _count(claims: pd.DataFrame) -> str:
    counts = claims["verdict"].value_counts()
    words = [f"{counts.get(word, 0)} {word}" for word in ("supported", "not supported", "inconclusive")]
    return f"Of {len(claims)} claims this run finds {words[0]}, {words[1]}, {words[2]}."


def _numbers(claim) -> str:
    if not math.isfinite(claim.value):
        return claim.reason
    told = f"{claim.statistic}: {claim.value:.3g} [{claim.ci_low:.3g}, {claim.ci_high:.3g}]"
    return f"{told}; {claim.criterion}; n = {claim.n} {claim.unit}"


def _plain(text: str) -> str:
    """Keep characters that mean something in reStructuredText as they are; bold verdicts pass."""
    if text.startswith("**"):
        return text
    return "".join("\\" + c if c in "*`_|\\" else c for c in text)
