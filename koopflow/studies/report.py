"""Where figures and tables stand in the report."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from koopflow.core.errors import KoopflowError
from koopflow.studies.stage import Stage


class Place(NamedTuple):
    """Where something stands in the report: its section, and the label it has there."""

    section: str
    label: str


class Contents:
    """The report's table of contents.

    Parameters
    ----------
    stages : iterable of Stage
    folder : path
        The folder of captions.
    """

    def __init__(self, stages: Iterable[Stage[Any]], folder: Path):
        stages = list(stages)
        self.texts = {name: text for stage in stages for name, text in stage.texts.items()}
        self._folder = folder
        self._places: dict[str, tuple[str, int]] = {}
        sections = sorted((stage.section for stage in stages), key=lambda section: section.place)
        for number, section in enumerate(sections, 1):
            for place, caption in enumerate(section.captions, 1):
                self._places[caption] = f"{number} {section.title}", place

    def place(self, caption: str, of: str = "") -> Place:
        """Return the place of what has `caption`; `of` tells apart several with the same one.

        The label is the place in the section and the caption's title. One label only: Snakemake renders two-valued labels as
        toggles, which break when a combination is missing.
        """
        if caption not in self._places:
            raise KoopflowError(f"koopflow/studies: no stage lists the caption {caption} in its section")
        section, place = self._places[caption]
        title = self._text(caption).split("**")[1].rstrip(".")
        return Place(section, f"{place}. {title}" + (f": {of}" if of else ""))

    def file(self, caption: str, written: Path | None) -> str | None:
        """Return the file of a caption; a text that a stage gives is written to the folder `written`, or left out where it is None."""
        if caption not in self.texts:
            return str(self._folder / f"{caption}.rst")
        if written is None:
            return None
        written.mkdir(parents=True, exist_ok=True)
        (written / f"{caption}.rst").write_text(self.texts[caption], encoding="utf-8")
        return str((written / f"{caption}.rst").absolute())

    def _text(self, caption: str) -> str:
        return self.texts.get(caption) or (self._folder / f"{caption}.rst").read_text(encoding="utf-8")
