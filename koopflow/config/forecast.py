"""The block ``forecast``: methods and how they are evaluated."""

from typing import Annotated

from pydantic import Field

from koopflow.config.base import Block
from koopflow.config.common import Count, DistinctItems, Fraction, Including, Registered, Whole


class ForecastSettings(Block):
    """Methods that forecast every series, and the intervals of their skill."""

    methods: Annotated[DistinctItems[Annotated[str, Registered("forecaster")]], Including("sliding")] = Field(
        default=("persistence", "sliding"),
        min_length=2,
        description="Forecasters; sliding, the method without memory, must be among them.",
    )
    coverage: Fraction = Field(default=0.9, description="Nominal coverage of the prediction intervals.")
    estimates: Count = Field(default=3, description="Times that ets and arima estimate their parameters along a series.")
    draws: Whole = Field(default=1000, ge=100, description="Draws of the block bootstrap behind the intervals of skill.")
