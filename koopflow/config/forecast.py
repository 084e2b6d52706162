"""The block ``forecast``: methods and how they are evaluated."""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from koopflow.config.base import Block, Settings
from koopflow.config.common import Count, DistinctItems, Fraction, Including, Name, Registered, Text, Whole

FORECASTER = Registered("forecaster")


class ForecasterSettings(Settings):
    """A forecaster with options."""

    forecaster: Annotated[Text, FORECASTER] = Field(description="Name of a forecaster, or package.module:name.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the forecaster.")


class ForecastSettings(Block):
    """Methods that forecast every series, and the intervals of their skill."""

    forecasters: dict[Name, ForecasterSettings] = Field(
        default_factory=dict, description="Forecasters with options, by the names that methods and tables use."
    )
    methods: Annotated[DistinctItems[Text], Including("sliding")] = Field(
        default=("persistence", "sliding"),
        min_length=2,
        description="Forecasters: registered names, package.module:name, or names under `forecasters`. They must "
        "include "
        "sliding, the method without memory.",
    )
    coverage: Fraction = Field(default=0.9, description="Nominal coverage of the prediction intervals.")
    quantiles: bool = Field(
        default=False,
        description="Whether forecast/quantiles.parquet is written: the quantiles of the forecasts from all earlier "
        "origins, at least nine for each.",
    )
    estimates: Count = Field(
        default=3, description="How often ets, theta, arima and auto_arima estimate their parameters along a series."
    )
    draws: Whole = Field(
        default=1000, ge=100, description="Draws of the block bootstrap behind the intervals of skill."
    )

    @field_validator("methods")
    @classmethod
    def _known(cls, methods: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for name in methods:
            if name not in info.data.get("forecasters", {}):
                FORECASTER.check(name, info)
        return methods
