"""The block ``claims``: statements with a measure and a criterion set before the run."""

from typing import Annotated

from pydantic import Field

from koopflow.config.base import REPLACED_ON_REQUEST, Block, OpenSettings
from koopflow.config.common import Fraction, Name, NumberOrNull, Registered, Text, Whole


class ClaimSettings(OpenSettings):
    """One claim. Its other keys are the options of its measure."""

    paper: Text = Field(description="The paper that makes the claim.")
    statement: Text = Field(description="The claim in words.")
    measure: Annotated[Text, Registered("measure")] = Field(description="The measure that computes the statistic.")
    above: NumberOrNull = Field(default=None, description="Supported when the whole interval lies above this number.")
    below: NumberOrNull = Field(default=None, description="Supported when the whole interval lies below this number.")


class ClaimsSettings(Block):
    """All claims."""

    level: Fraction = Field(default=0.95, description="Level of the intervals.")
    minimum_units: Whole = Field(
        default=3, ge=2, description="Fewest units, such as seeds, for which a verdict is given."
    )
    replace: bool = Field(
        default=False,
        description="Whether the statements of a user's file replace those of the default study, or are added to them.",
    )
    statements: dict[Name, ClaimSettings] = Field(
        default_factory=dict, json_schema_extra=REPLACED_ON_REQUEST, description="Claims, by name."
    )
