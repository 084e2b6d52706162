"""The check of ``claims``: every claim names a measure, its options and a criterion."""

from typing import Any

from koopflow.claims.verdicts import check_claims
from koopflow.config.claims import ClaimsSettings


def check(claims: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Check every claim; return the criteria.

    Raises
    ------
    KoopflowError
        For the first claim that cannot be judged.
    """
    settings = ClaimsSettings.load(claims, "claims")
    check_claims(settings)
    return {name: {"above": claim.above, "below": claim.below} for name, claim in settings.statements.items()}
