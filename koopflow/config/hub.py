"""The block ``hub``: forecasts for a hub, from weekly vintages of its data."""

from typing import Annotated

from pydantic import Field, field_validator

from koopflow.config.base import Block, Settings
from koopflow.config.common import (
    Count,
    DistinctItems,
    Fraction,
    Items,
    Name,
    Natural,
    Omittable,
    PathText,
    Positive,
    Registered,
    Text,
    Whole,
)

PANEL_EXPERT = Registered("panel expert")
Levels = Annotated[DistinctItems[Fraction], Field(min_length=3)]


class PanelSettings(Settings):
    """A forecaster of all series of a hub at once."""

    experts: DistinctItems[Annotated[Text, PANEL_EXPERT]] = Field(
        default=("persistence", "damped", "linear", "seasonal", "universal", "recall"),
        min_length=1,
        description="Experts that the gate weights, persistence first: registered names or package.module:name.",
    )
    power: Positive = Field(
        default=0.5,
        le=1,
        description="Experts work on (value / size of the series) ** power; small powers are relative.",
    )
    revisions: bool = Field(
        default=False,
        description="Whether the newest values of a vintage are corrected by how those of earlier vintages were "
        "revised.",
    )

    @field_validator("experts")
    @classmethod
    def _persistence_first(cls, experts: tuple[str, ...]) -> tuple[str, ...]:
        if experts[0] != "persistence":
            raise ValueError(f"must begin with persistence (got {experts[0]!r})")
        return experts


class HubSettings(Settings):
    """The data of one hub: a table of final values, vintages, and submissions if there are any."""

    folder: PathText = Field(
        description="Folder with NAME_truth, NAME_vintages* and, if any, NAME_submissions* (.parquet or .csv), where "
        "NAME is the hub's name. A relative folder is looked for in data_root."
    )
    reference: Omittable[Text] = Field(
        default=None, description="Submitted model against which errors are reported; the first one by default."
    )
    maximum: Omittable[Positive] = Field(default=None, description="Largest possible value, such as 100 for percent.")
    renamed: dict[str, str] = Field(
        default_factory=dict,
        description="Locations whose name in the truth differs from that in the vintages: {name in the truth: name}.",
    )
    backtest: Items[Whole] = Field(
        default=(),
        description="Earlier seasons, by the year in which they began, to forecast as well from the final table cut at "
        "each date.",
    )


class HubStudySettings(Block):
    """Hubs to forecast for, and with what."""

    hubs: dict[Name, HubSettings] = Field(default_factory=dict, description="Hubs, by name.")
    team: Name = Field(default="koopflow", description="Name of the team in the files.")
    models: dict[Name, PanelSettings] = Field(
        default_factory=lambda: {
            "panel": PanelSettings(),
            "panel_without_recall": PanelSettings(experts=("persistence", "damped", "linear", "seasonal", "universal")),
            "persistence": PanelSettings(experts=("persistence",)),
        },
        min_length=1,
        description="Forecasters, by the names under which they submit.",
    )
    horizons: DistinctItems[Natural] = Field(
        default=(0, 1, 2, 3), min_length=1, description="Weeks ahead; 0 is the week that ends on the reference date."
    )
    levels: Levels = Field(
        default=(0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975),
        description="Quantile levels that are written, increasing.",
    )
    scored_levels: Levels = Field(
        default=(0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975),
        description="Quantile levels over which the weighted interval score is the mean.",
    )
    season_starts: Count = Field(default=9, le=12, description="Month in which a season begins.")
    every: Count = Field(default=4, description="Forecast every n-th week of an earlier season.")
    draws: Whole = Field(default=1000, ge=100, description="Draws of the block bootstrap over reference dates.")

    @field_validator("levels", "scored_levels")
    @classmethod
    def _increasing(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if list(levels) != sorted(levels) or 0.5 not in levels:
            raise ValueError("must increase and include 0.5")
        return levels
