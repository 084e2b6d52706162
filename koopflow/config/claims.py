"""The block ``claims``: statements of the papers, each with a measure and a criterion set before the run."""

from typing import Any

from pydantic import ConfigDict, Field

from koopflow.config.base import REPLACED, Block, Settings
from koopflow.config.common import Fraction, Name, NumberOrNull, Text, Whole


class ClaimSettings(Settings):
    """One claim. Its other keys are options of its measure."""

    model_config = ConfigDict(extra="allow")

    paper: Text = Field(description="The paper that makes the claim.")
    statement: Text = Field(description="The claim in words.")
    measure: Text = Field(description="The measure that computes the statistic.")
    above: NumberOrNull = Field(default=None, description="Supported when the whole interval lies above this number.")
    below: NumberOrNull = Field(default=None, description="Supported when the whole interval lies below this number.")

    @property
    def options(self) -> dict[str, Any]:
        """The options of the measure."""
        return dict(self.model_extra or {})


class ClaimsSettings(Block):
    """All claims."""

    level: Fraction = Field(default=0.95, description="Level of the intervals.")
    minimum_units: Whole = Field(default=3, ge=2, description="Fewest units, such as seeds, on which a verdict is given.")
    statements: dict[Name, ClaimSettings] = Field(default_factory=dict, json_schema_extra=REPLACED, description="Claims, by name.")
