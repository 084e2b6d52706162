"""The stage ``own_figures``: the user's own figures, drawn from the tables of all stages."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from koopflow.config.base import REPLACED
from koopflow.config.common import Name
from koopflow.config.own_figures import OwnFigure
from koopflow.config.study import Study
from koopflow.core.errors import KoopflowError
from koopflow.core.markup import inline_rst, one_line, without_templates
from koopflow.core.registry import is_target
from koopflow.core.suggest import unknown_name
from koopflow.studies.stage import Check, Figure, Section, Stage


@dataclass(frozen=True)
class OwnFigures:
    """The figures, by name."""

    figures: dict[str, OwnFigure]

    @property
    def tables(self) -> list[str]:
        """The tables from which the figures are drawn, each once."""
        return list(dict.fromkeys(table for figure in self.figures.values() for table in figure.tables))

    @property
    def code(self) -> list[str]:
        """The files of the drawing functions that lie in the working folder."""
        modules = {figure.draw.partition(":")[0] for figure in self.figures.values()}
        files = [Path(*module.split(".")).with_suffix(".py") for module in sorted(modules)]
        return [str(file) for file in files if file.is_file()]

    def plain(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {name: figure.dump() for name, figure in self.figures.items()}

    def check_tables(self, known: Iterable[str]) -> None:
        """Refuse a table that no stage makes."""
        known = sorted(known)
        for name, figure in self.figures.items():
            for table in figure.tables:
                if table not in known:
                    raise unknown_name(f"own_figures.{name}.tables", table, known, "table")


def plan(study: Study) -> OwnFigures:
    """Return the plan of the stage; refuse a function that is not of the form
    package.module:function."""
    figures: dict[str, OwnFigure] = getattr(study, "own_figures", {})
    for name, figure in figures.items():
        if not is_target(figure.draw):
            raise KoopflowError(
                f"own_figures.{name}.draw must have the form package.module:function (got {figure.draw!r})"
            )
    return OwnFigures(figures)


def figures(plan: OwnFigures) -> list[Figure]:
    """Return the figures, with the first sentence of the caption as the title."""
    found = []
    for name, figure in plan.figures.items():
        found.append(Figure("own", name, f"own_{name}", caption_of(figure.caption)))
    return found


def caption_of(text: str) -> str:
    """Return a user's caption as reStructuredText: the first sentence is bold, and all but
    "*Read:*" and "*Conclude:*" is literal."""
    title, _, rest = one_line(text).partition(". ")
    bold = inline_rst(title.rstrip(".") or "Untitled")
    words = re.sub(r"\\\*(Read|Conclude)(?:\\)?:\\\*", r"*\1:*", inline_rst(rest))
    return without_templates(f"**{bold}.** {words}".rstrip())


STAGE = Stage(
    name="own_figures",
    order=95,
    blocks={
        "own_figures": Annotated[
            dict[Name, OwnFigure],
            Field(default_factory=dict, json_schema_extra=REPLACED, description="Figures of one's own, by name."),
        ]
    },
    plan=plan,
    section=Section("Figures of one's own", place=6),
    figures=figures,
    check=Check(
        "koopflow.studies.checks.own_figures:check",
        settings=lambda plan: {"figures": plan.plain()},
        environment=lambda plan: "figures",
        files=lambda plan: plan.code,
    ),
)
