"""A stage of a study: its settings, checks, figures, tables and place in the report, in one
object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from koopflow.config.study import Study
from koopflow.workflow.estimates import Estimate, small

P = TypeVar("P")
"""The plan of a stage: its studies, resolved and checked against one another, and how they are cut
into jobs."""


@dataclass(frozen=True)
class Section:
    """A section of the report: its title, its place among the sections, and its captions in reading
    order; others follow."""

    title: str
    place: int
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A figure of the report, ``figures/STEM_OF.pdf`` and ``.png`` under the results.

    Parameters
    ----------
    stem : str
        Name of the files, or its beginning if `of` is given.
    of : str
        What the figure shows if several share a caption: a study or a series.
    caption : str
        Name of the caption; the stem by default.
    text : str
        The caption as reStructuredText, beginning with a title in bold; by default the file
        report/CAPTION.rst.
    """

    stem: str
    of: str = ""
    caption: str = ""
    text: str = ""

    @property
    def name(self) -> str:
        """Name of the files, without folder and suffix."""
        return f"{self.stem}_{self.of}" if self.of else self.stem

    @property
    def captioned(self) -> str:
        """Name of the caption."""
        return self.caption or self.stem


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Parameters
    ----------
    caption : str
        Name of the caption.
    source : str
        The CSV file behind it, under the results.
    shown : str
        "package.module:function", which turns the frame of the CSV file into the frame that a
        reader sees.
    text : str
        The caption, as for `Figure`.
    """

    caption: str
    source: str
    shown: str
    text: str = ""

    @property
    def captioned(self) -> str:
        """Name of the caption."""
        return self.caption


def no_files(plan: Any) -> list[str]:
    """Return an empty list, for stages that read none of the user's files."""
    return []


@dataclass(frozen=True)
class Check(Generic[P]):
    """The check of a stage's data: the first job of the stage, run in its environment before
    anything is computed.

    Parameters
    ----------
    function : str
        "package.module:function". It takes the settings as keyword arguments, raises a
        KoopflowError if one is wrong, and returns what it found, as plain values.
    settings : function of the plan
        The keyword arguments, as plain values: Snakemake records and compares them.
    environment : function of the plan
        Name of the conda environment, envs/NAME.yaml.
    files : function of the plan
        The user's files that the check reads.
    trains : bool
        Whether jobs of the stage train networks. The function then also takes the study's device, as
        ``device``.
    estimate : function of the plan
        Memory and time of the check.
    """

    function: str
    settings: Callable[[P], dict[str, Any]]
    environment: Callable[[P], str]
    files: Callable[[P], list[str]] = no_files
    trains: bool = False
    estimate: Callable[[P], Estimate] = lambda plan: small()


@dataclass(frozen=True)
class Stage(Generic[P]):
    """A stage of a study.

    Parameters
    ----------
    name : str
        Its name, its target, and the name of its rule file, rules/NAME.smk.
    order : int
        Its place among the stages, in the order in which data flow.
    blocks : mapping of str to type
        Its blocks of the configuration: each a model of koopflow.config, or a dict of such models
        by name.
    plan : function of the study's settings
        Returns its plan, or raises a KoopflowError for settings that contradict one another. Runs
        while the Snakefile is parsed.
    section : Section
        Its section of the report.
    figures : function of the plan
        Its figures.
    tables : sequence of Table
        Its tables in the report.
    claimed : sequence of str
        Tables, under the results, from which claims are judged.
    check : Check, optional
        The check of its data.
    """

    name: str
    order: int
    blocks: Mapping[str, Any]
    plan: Callable[[Study], P]
    section: Section
    figures: Callable[[P], Sequence[Figure]]
    tables: tuple[Table, ...] = ()
    claimed: tuple[str, ...] = ()
    check: Check[P] | None = None
