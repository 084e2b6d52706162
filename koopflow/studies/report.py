"""Places of figures and tables in the report."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from koopflow.core.errors import KoopflowError
from koopflow.core.markup import unpatterned
from koopflow.studies.stage import Figure, Stage, Table


class Place(NamedTuple):
    """The place of a figure or table in the report: its section, and its label there."""

    section: str
    label: str


class Contents:
    """The report's table of contents.

    Parameters
    ----------
    stages : mapping of str to Stage
    plans : mapping of str to plan
        Plan of each stage.
    folder : path
        The folder of captions.

    Attributes
    ----------
    texts : dict of str to str
        Captions whose text a stage gives, by name.
    """

    def __init__(self, stages: Mapping[str, Stage[Any]], plans: Mapping[str, Any], folder: Path):
        self.texts: dict[str, str] = {}
        self._folder = folder
        self._places: dict[str, tuple[str, int]] = {}
        self._shown: list[tuple[tuple[int, int, int], dict[str, str]]] = []
        content: dict[str, list[Figure | Table]] = {
            name: [*stage.figures(plans[name]), *stage.tables] for name, stage in stages.items()
        }
        # Sections with nothing to show come last, so that the others are numbered without gaps.
        ordered = sorted(stages.values(), key=lambda stage: (not content[stage.name], stage.section.place))
        for number, stage in enumerate(ordered, 1):
            shown = content[stage.name]
            self.texts |= {each.captioned: each.text for each in shown if each.text}
            captions = dict.fromkeys([*stage.section.captions, *(each.captioned for each in shown)])
            self._places |= {
                caption: (f"{number} {stage.section.title}", place) for place, caption in enumerate(captions, 1)
            }

    def place(self, caption: str, of: str = "") -> Place:
        """Return the place of the figure or table with `caption`; `of` distinguishes several that
        share one.

        The label is the place in the section and the caption's title. One label only: Snakemake
        renders two-valued labels as toggles, which break when a combination is missing.
        """
        if caption not in self._places:
            raise KoopflowError(f"koopflow/studies: no stage has the caption {caption}")
        section, place = self._places[caption]
        title = re.sub(r"\\(.)", r"\1", self._text(caption).split("**")[1].replace("{{ '{' }}", "{")).rstrip(".")
        return Place(section, unpatterned(f"{place}. {title}" + (f" ({of})" if of else "")))

    def reading_order(self, figure: Figure) -> tuple[int, int]:
        """Return a sort key of a figure: its section, and its place there."""
        section, place = self._places[figure.captioned]
        return int(section.split()[0]), place

    def show(self, path: str, caption: str, of: str = "") -> None:
        """Note that a file under the results is shown with `caption`."""
        if any(each["path"] == path for _, each in self._shown):
            return  # several rules name a figure
        section, place = self._places[caption]
        order = (int(section.partition(" ")[0]), place, len(self._shown))
        each = {"path": path, "section": section.partition(" ")[2], "caption": caption, "of": of}
        self._shown.append((order, each))

    @property
    def shown(self) -> list[dict[str, str]]:
        """All files that were noted, in reading order: path, section, caption, and what it is of."""
        return [each for _, each in sorted(self._shown, key=lambda pair: pair[0])]

    def file(self, caption: str, written: Path | None) -> str | None:
        """Return the file of a caption. A text that a stage gives is written to the folder
        `written`; return None if that is None."""
        if caption not in self.texts:
            return str(self._folder / f"{caption}.rst")
        if written is None:
            return None
        written.mkdir(parents=True, exist_ok=True)
        (written / f"{caption}.rst").write_text(self.texts[caption], encoding="utf-8")
        return str((written / f"{caption}.rst").absolute())

    def _text(self, caption: str) -> str:
        return self.texts.get(caption) or (self._folder / f"{caption}.rst").read_text(encoding="utf-8")
