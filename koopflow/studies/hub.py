"""The stage ``hub``: quantile forecasts for forecasting hubs, from vintages, scored beside other
teams' submissions."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koopflow.config.hub import HubSettings, HubStudySettings
from koopflow.studies.stage import Check, Figure, Section, Stage
from koopflow.workflow.estimates import LIBRARIES_MB, START_SECONDS, Estimate, small

SECONDS = 120  # of one hub: some fifty series, twelve years, thirty dates


@dataclass(frozen=True)
class Hub:
    """The hubs of a study."""

    settings: HubStudySettings
    data_root: str
    seed: int

    @property
    def hubs(self) -> dict[str, HubSettings]:
        """The hubs, by name."""
        return self.settings.hubs

    def folder(self, name: str) -> str:
        """Return the folder of a hub's tables; a relative one is in the folder of data sets."""
        return os.path.join(self.data_root, self.hubs[name].folder)

    def files(self, name: str) -> list[str]:
        """Return the tables of a hub; the stage's check reports missing ones."""
        found = sorted(Path(self.folder(name)).glob(f"{name}_*"))
        return [str(path) for path in found if path.suffix in (".parquet", ".csv")]

    def given(self, *names: str) -> dict[str, Any]:
        """Return the settings of the stage with these hubs only, as plain values."""
        plain = self.settings.dump()
        return plain | {"hubs": {name: plain["hubs"][name] for name in names}}

    def estimate(self, name: str) -> Estimate:
        """Return the estimate of forecasting for a hub."""
        seasons = len(self.hubs[name].backtest)
        return Estimate(LIBRARIES_MB + 1500, START_SECONDS + SECONDS * (1 + 0.3 * seasons))


STAGE = Stage(
    name="hub",
    order=45,
    blocks={"hub": HubStudySettings},
    plan=lambda study: Hub(study.hub, study.data_root, study.seed),
    section=Section("Forecasts for hubs", place=55, captions=("hub_leaderboard", "hub_fans")),
    figures=lambda plan: [Figure(stem, name) for stem in ("hub_leaderboard", "hub_fans") for name in plan.hubs],
    check=Check(
        "koopflow.studies.checks.hub:check",
        settings=lambda plan: {
            "hub": plan.given(*plan.hubs),
            "folders": {name: plan.folder(name) for name in plan.hubs},
        },
        environment=lambda plan: "forecast",
        files=lambda plan: [file for name in plan.hubs for file in plan.files(name)],
        estimate=lambda plan: small(60, 1500),
    ),
)
