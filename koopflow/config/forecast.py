"""The block ``forecast``: methods and how they are evaluated."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from koopflow.config.base import Block
from koopflow.config.common import Count, DistinctItems, Fraction, Registered, Whole


def _with_sliding(methods: tuple[str, ...]) -> tuple[str, ...]:
    if "sliding" not in methods:
        raise PydanticCustomError("contains", "{what}", {"what": "sliding"})
    return methods


class ForecastSettings(Block):
    """Methods that forecast every series, and the intervals of their skill."""

    methods: Annotated[DistinctItems[Annotated[str, Registered("forecaster")]], AfterValidator(_with_sliding)] = Field(
        default=("persistence", "sliding"),
        min_length=2,
        description="Forecasters; sliding, the method without memory, must be among them.",
    )
    coverage: Fraction = Field(default=0.9, description="Nominal coverage of the prediction intervals.")
    estimates: Count = Field(default=3, description="Times that ets and arima estimate their parameters along a series.")
    draws: Whole = Field(default=1000, ge=100, description="Draws of the block bootstrap behind the intervals of skill.")
