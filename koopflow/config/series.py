"""The block ``series``: series to forecast, by name."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from koopflow.config.base import Settings
from koopflow.config.common import (
    Count,
    DistinctItems,
    Items,
    Needs,
    NonNegative,
    Number,
    Omittable,
    PathText,
    Registered,
    Text,
    one_or_several,
)

Season = Annotated[Count, Field(ge=2)]
Recalled = Literal["later", "following", "same", "events"]
TransformName = Literal["none", "root", "log", "boxcox", "difference", "seasonal"]
OneTransform = Literal["auto", "all", "none", "root", "log", "boxcox", "difference", "seasonal"]
Transforms = Annotated[
    Annotated[OneTransform, Tag("(one)")] | Annotated[Items[TransformName], Field(min_length=1), Tag("(several)")],
    Discriminator(one_or_several),
    Needs("string", "array"),
]
TimeColumns = Annotated[
    Annotated[Text, Tag("(one)")] | Annotated[Items[str], Field(min_length=2, max_length=2), Tag("(several)")],
    Discriminator(one_or_several),
    Needs("string", "array"),
]


class SeriesSettings(Settings):
    """A series to forecast. Omitted settings are chosen on its first 40 %, which is not scored."""

    source: Omittable[Annotated[str, Registered("series source")]] = Field(
        default=None, description="Where the series comes from; csv where `path` is given."
    )
    path: Omittable[PathText] = Field(
        default=None,
        description="CSV file of your own series; a relative path is looked for in data_root as well.",
    )
    time: Omittable[TimeColumns] = Field(
        default=None,
        description="Column of time stamps in the CSV file, or two columns (year and period) that make one.",
    )
    value: Omittable[Text] = Field(default=None, description="Column of values in the CSV file.")
    beside: Omittable[Annotated[DistinctItems[Text], Field(min_length=1)]] = Field(
        default=None,
        description="Other columns of the CSV file that sliding and episodic observe beside the value, as one state; "
        "the value alone is forecast and scored.",
    )
    id: Omittable[Text] = Field(
        default=None,
        description="Column of identifiers in the CSV file, if it holds many series; those that cannot be forecast "
        "are listed and left out.",
    )
    step: Omittable[Text] = Field(
        default=None,
        description="Step of the regular grid: hour, day, business day, week, half-month, month, quarter, year, "
        "a number of days or "
        "weeks or months (28 days), a number, or rows (each row is a step); detected from the early "
        "stretch by default.",
    )
    separator: Omittable[Annotated[str, Field(min_length=1, max_length=1)]] = Field(
        default=None, description="Column separator of the CSV file; detected by default."
    )
    decimal: Omittable[Literal[".", ","]] = Field(
        default=None, description="Decimal mark of the values; detected by default."
    )
    thousands: Omittable[Literal[".", ",", " ", "'", "_"]] = Field(
        default=None, description="Mark that groups the digits of the values; detected by default."
    )
    missing: Omittable[Items[Number]] = Field(
        default=None, description="Numbers that mean a missing value, such as -999; an empty list means none."
    )
    length: Omittable[Count] = Field(
        default=None, ge=100, description="Samples of a synthetic series; of a measured one, the first so many."
    )
    noise: NonNegative = Field(default=0.0, description="Standard deviation of noise added to a synthetic series.")
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Options of package.module:function, by the names of its parameters."
    )
    data_root: Omittable[PathText] = Field(
        default=None, description="Folder of a series that is downloaded; the study's data_root by default."
    )
    fill: Literal["interpolate", "hold"] = Field(
        default="interpolate",
        description="How missing values are filled: by interpolation, or by holding the last value.",
    )
    period: Omittable[Count] = Field(
        default=None, description="Samples per season; detected from the autocorrelation by default."
    )
    seasons: Omittable[Annotated[DistinctItems[Season], Field(min_length=1)]] = Field(
        default=None,
        description="Samples of each season, if there are several, such as [24, 168] for hours; detected by default. "
        "The method `combined` uses all of them.",
    )
    holidays: Omittable[Text] = Field(
        default=None,
        description="Country whose public holidays matter, as ISO code, such as US, or of a part, such as US-CA; the "
        "method `combined` uses them.",
    )
    regressors: Omittable[Annotated[DistinctItems[Text], Field(min_length=1)]] = Field(
        default=None,
        description="Further columns of the CSV file that are known ahead, such as prices or a planned promotion; "
        "rows after the last value give their future. The method `combined` uses them.",
    )
    horizon: Omittable[Count] = Field(
        default=None, description="Samples ahead to forecast; by default it suits the season."
    )
    window: Omittable[Count] = Field(
        default=None, ge=4, description="Samples to which each local Koopman model is fitted."
    )
    delays: Omittable[Count] = Field(default=None, description="Time delays of the Koopman models.")
    rank: Omittable[Count] = Field(default=None, description="Rank of the Koopman models.")
    recalled: Omittable[Recalled] = Field(
        default=None,
        description="Which past model a match recalls: a later one, the following one, or the one of the same time; "
        "events recalls what followed instead of a model.",
    )
    matches: Omittable[Count] = Field(default=None, description="Number of past times recalled and averaged.")
    exclusion: NonNegative = Field(
        default=0.0,
        description="Shortest time between recalled times, and between them and the present, in lengths of a window; "
        "with 1 each match is a separate episode.",
    )
    every: Count = Field(default=1, description="Forecast from every n-th origin.")
    transform: Transforms = Field(
        default="auto",
        description="Transforms before fitting, one or a list; auto chooses among none, root and log on the "
        "early stretch, all also among boxcox and first and seasonal differences of each.",
    )

    group: Omittable[Text] = Field(
        default=None,
        description="Name shared by related series, such as the same counts by day and by hour; they count as one "
        "where methods are compared over series.",
    )

    @property
    def kind(self) -> str | None:
        """The name of the source: `source`, or csv where only a path is given."""
        return self.source or ("csv" if self.path else None)
