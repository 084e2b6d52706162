"""The check of ``own_figures``: every function can be imported and accepts its options."""

from typing import Any

from koopflow.config.own_figures import OwnFigure
from koopflow.core.registry import check_options, imported


def check(figures: dict[str, Any]) -> dict[str, str]:
    """Import every function.

    Raises
    ------
    KoopflowError
        For the first function that cannot be imported, or that lacks an option.
    """
    for name, settings in figures.items():
        figure = OwnFigure.load(settings, f"own_figures.{name}")
        function = imported(figure.draw, f"own_figures.{name}.draw", "figure")
        check_options(function, figure.options, f"own_figures.{name}.options", first=len(figure.tables))
    return dict.fromkeys(sorted(figures), "can be drawn")
