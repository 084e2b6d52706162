"""The stage ``claims``: which of the papers' claims does this run support? Verdicts come from the
tables of all stages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koopflow.claims.registry import stage_of
from koopflow.config.claims import ClaimsSettings
from koopflow.config.study import Study
from koopflow.core.registry import is_target
from koopflow.studies.shared import is_measured
from koopflow.studies.stage import Check, Figure, Section, Stage, Table


@dataclass(frozen=True)
class Claims:
    """The claims of a study."""

    study: Study

    def claims(self) -> dict[str, Any]:
        """Return the block ``claims``, with ``series: real`` and ``series: synthetic`` replaced by
        the names of such series in the study."""
        real = sorted(name for name, spec in self.study.series.items() if is_measured(spec))
        kinds = {"real": real, "synthetic": sorted({*self.study.series} - {*real})}
        claims = self.study.claims.dump()
        for claim in claims["statements"].values():
            chosen = claim.get("series")
            if isinstance(chosen, str) and chosen in kinds:
                claim["series"] = kinds[chosen]
        return claims

    @property
    def own_measures(self) -> list[str]:
        """The user's own measures, as package.module:function."""
        measures = (claim.measure for claim in self.study.claims.statements.values())
        return list(dict.fromkeys(measure for measure in measures if is_target(measure)))

    @property
    def code(self) -> list[str]:
        """The files of the user's own measures that lie in the working folder."""
        files = (Path(*measure.partition(":")[0].split(".")).with_suffix(".py") for measure in self.own_measures)
        return sorted({str(file) for file in files if file.is_file()})

    def tables(self, claimed: Mapping[str, Iterable[str]], made: Iterable[str]) -> list[str]:
        """Return the tables from which claims are judged, so that a study of some stages' claims
        runs no other stage.

        Parameters
        ----------
        claimed : mapping of str to iterable of str
            Tables that the registered measures of each stage read.
        made : iterable of str
            All tables of the run, which a user's own measure may read.
        """
        stages = {stage_of(claim.measure) for claim in self.study.claims.statements.values()}
        needed = [table for stage, tables in claimed.items() if stage in stages for table in tables]
        return list(dict.fromkeys([*needed, *(sorted(made) if self.own_measures else ())]))


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
        files=lambda plan: plan.code,
    ),
)
