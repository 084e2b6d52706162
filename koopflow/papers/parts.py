"""What a run computes of the papers: the parts of the inventory, with the settings of this run."""

from typing import Any

from pydantic import Field

from koopflow.config.base import Settings
from koopflow.config.common import Items, Text


class Part(Settings):
    """One part of a run that regenerates published figures."""

    name: Text = Field(description="The part, as entries of the inventory name it.")
    variant: str = Field(default="", description="Which of several, such as a comparison; empty for the first.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Settings of this run, by the inventory's keys.")
    names: dict[str, str] = Field(default_factory=dict, description="Names in this run's tables, by published name.")
    within: str = Field(default="", description="The comparison, study or series whose rows are meant.")
    jobs: Items[str] = Field(default=(), description="Its jobs, see `koopflow.papers.times.took`.")


def label_of(part: Part) -> str:
    """Return what tells a part from others of its name, in words; empty if nothing does.

    >>> label_of(Part(name="widths", within="width"))
    'Comparison width'
    >>> label_of(Part(name="grokking", names={"grokking": "decay", "constrained": "held"}))
    'Settings decay and held'
    """
    if part.name == "grokking":
        return f"Settings {' and '.join(part.names.values())}"
    return f"Comparison {part.within}" if part.within else ""


def variant_of(picture: str, variant: str) -> str:
    """Return the path of a variant's picture.

    >>> variant_of("papers/equivalence/figure-3.png", "width_fixed")
    'papers/equivalence/figure-3-width_fixed.png'
    """
    stem, dot, suffix = picture.rpartition(".")
    return f"{stem}-{variant}{dot}{suffix}" if variant else picture


def differences(published: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Return each published setting that this run does not have, in words.

    >>> differences({"data": "mnist", "seeds": 25}, {"data": "digits", "seeds": 25})
    ['data: digits (published: mnist)']
    """
    return [
        f"{key.replace('_', ' ')}: {_shown(ours.get(key, 'none'))} (published: {_shown(value)})"
        for key, value in published.items()
        if _shown(ours.get(key, "none")) != _shown(value)
    ]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
