"""The block ``figures``: how figures look."""

from pydantic import Field

from koopflow.config.base import Block
from koopflow.config.common import Colour, Number, Positive


class StyleSettings(Block):
    """Sizes and colours of all figures."""

    font_size: Positive = Field(default=8, description="Size of text on the printed page, in points.")
    line_width: Positive = Field(default=1.2, description="Width of lines, in points.")
    png_dpi: Number = Field(default=200, ge=50, description="Resolution of PNG files, in dots per inch.")
    colours: dict[str, Colour] = Field(
        default_factory=dict, description="Colour of a set-up, task or method, by its name."
    )


class FiguresSettings(Block):
    """All figures."""

    style: StyleSettings = Field(default=StyleSettings(), description="Sizes and colours.")
