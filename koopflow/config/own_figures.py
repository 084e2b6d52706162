"""The block ``own_figures``: the user's own figures, drawn from the tables of a run."""

from typing import Any

from pydantic import Field

from koopflow.config.base import Settings
from koopflow.config.common import Items, Text


class OwnFigure(Settings):
    """One figure."""

    draw: Text = Field(
        description="package.module:function, which takes the tables as data frames, in their order, and returns "
        "a matplotlib figure."
    )
    tables: Items[Text] = Field(min_length=1, description="Tables of the run, such as pruning/accuracy.csv.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the function.")
    caption: Text = Field(
        description="Caption in the report: a title that ends with a full stop, then what to conclude."
    )
