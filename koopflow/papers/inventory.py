"""Models of the inventory of published figures and tables, see `koopflow.papers.reading`."""

from typing import Any, Literal

from pydantic import Field

from koopflow.config.base import Settings
from koopflow.config.common import Count, Items, NonNegative, Number, Omittable, Text

Source = Literal["code", "text", "third party", "inferred"]
"""How an entry is known: the authors' scripts and arrays, a caption or the text, others'
descriptions of the paper, or an inference."""


class Published(Settings):
    """One published number."""

    quantity: Text = Field(description="What it measures, in words.")
    value: Number = Field(description="The published value.")
    spread: Omittable[NonNegative] = Field(default=None, description="Its published standard deviation.")
    half: Omittable[NonNegative] = Field(default=None, description="Half-width of its 95 % interval, if known.")
    n: Omittable[Count] = Field(default=None, description="Number of units behind the standard deviation.")
    measure: Omittable[Text] = Field(default=None, description="The measure of koopflow.papers.measures.")
    of: Items[str] = Field(default=(), description="Names that the measure takes.")
    within: Omittable[NonNegative] = Field(
        default=None, description="Largest difference that counts as the same; by default, intervals decide."
    )
    judged: bool = Field(default=True, description="Whether the number bears on the verdict.")
    source: Text = Field(description="Where the value comes from.")


class Entry(Settings):
    """One figure, panel or table."""

    figure: Text = Field(description="Its number in the paper.")
    shows: Text = Field(description="What it plots.")
    source: Source = Field(description="How this is known.")
    part: str = Field(default="", description="The part of a run that regenerates it.")
    picture: Text = Field(default="-", description="Our picture, relative to the results folder.")
    numbers: Items[Published] = Field(default=(), description="Its published numbers.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Published settings, by key of the part.")
    differences: Items[str] = Field(default=(), description="Differences that no setting of ours removes.")
    missing: str = Field(default="", description="Why it cannot be regenerated; empty if it can.")
    found: Omittable[Text] = Field(default=None, description="Table of koopflow.papers.found shown below the numbers.")
    two_cores: str = Field(default="", description="Configuration for two cores, and how long it takes.")
    cluster: str = Field(default="", description="Configuration with the paper's setting, for a cluster.")


class Paper(Settings):
    """A paper with its figures and tables in order."""

    letter: Text = Field(description="Its letter in the documentation.")
    title: Text = Field(description="Its title.")
    reference: Text = Field(description="Where it was published.")
    note: str = Field(default="", description="What holds for all its figures.")
    entries: Items[Entry] = Field(min_length=1, description="Figures and tables, in order.")
