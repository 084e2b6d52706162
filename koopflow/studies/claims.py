"""The stage ``claims``: which of the papers' claims does this run support? Verdicts are computed from the tables of all stages."""

from dataclasses import dataclass
from typing import Any

from koopflow.config.claims import ClaimsSettings
from koopflow.config.study import Study
from koopflow.studies.stage import Check, Figure, Section, Stage, Table

REAL = ("csv", "sunspots", "co2", "elnino")
"""Sources of measured series; all others are synthetic."""


@dataclass(frozen=True)
class Claims:
    """The claims of a study."""

    study: Study

    def claims(self) -> dict[str, Any]:
        """Return the block ``claims``; ``series: real`` and ``series: synthetic`` become the names of the study's series of that kind."""
        real = sorted(name for name, spec in self.study.series.items() if (spec.source or "csv") in REAL)
        kinds = {"real": real, "synthetic": sorted({*self.study.series} - {*real})}
        claims = self.study.claims.dump()
        for claim in claims["statements"].values():
            chosen = claim.get("series")
            if isinstance(chosen, str) and chosen in kinds:
                claim["series"] = kinds[chosen]
        return claims


STAGE = Stage(
    name="claims",
    order=90,
    blocks={"claims": ClaimsSettings},
    plan=Claims,
    section=Section("Claims", place=10, captions=("claims", "claims_table")),
    figures=lambda plan: [Figure("claims")],
    tables=(Table("claims_table", "claims.csv", "koopflow.cli.report_tables:claims"),),
    check=Check(
        "koopflow.studies.checks.claims:check",
        settings=lambda plan: {"claims": plan.claims()},
        environment=lambda plan: "claims",
    ),
)
