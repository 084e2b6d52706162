"""The stage ``papers``: every published figure and table beside ours."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koopflow.config.base import plain
from koopflow.config.data import DataSet, Transform
from koopflow.config.equivalence import Setup, WindowStudy
from koopflow.config.setups import setups, window_studies
from koopflow.config.study import Study
from koopflow.papers.inventory import Paper
from koopflow.papers.parts import Part, variant_of
from koopflow.papers.reading import inventory
from koopflow.studies import grokking, pruning
from koopflow.studies.paper_jobs import with_jobs
from koopflow.studies.shared import is_measured
from koopflow.studies.stage import Figure, Section, Stage, Table

MEMORY = {
    "forecast": "synthetic series",
    "influenza": "weekly influenza counts",
    "bike_share": "bike-share counts",
}
"""Parts of the paper on episodic memory."""
CAPTIONS = (
    "table",
    "figure_1",
    "figure_2",
    "figure_3",
    "figure_4",
    "figure_5",
    "figure_s4",
    "figure_s5",
    "improvement",
)
MADE_HERE = "papers/"
"""Pictures of the inventory under this folder are drawn by this stage, the others by other
stages."""
GROKKING_TABLES = ("grokking/distances.csv", "grokking/curves.csv", "grokking/eigenvalues.csv")
PRETRAINED_TABLES = ("pruning/accuracy.csv", "pruning/overlap.csv")
TICKET_TABLES = ("tickets/common_exponents.csv", "tickets/depth.csv", "tickets/predictor_tests.csv")
TABLES = (
    "equivalence/optimizers/distances.csv",
    "equivalence/training/distances.csv",
    "equivalence/training/tests.csv",
    *GROKKING_TABLES,
    "forecast/skill.csv",
    *PRETRAINED_TABLES,
    *TICKET_TABLES,
)
"""Tables from which the published quantities are computed."""


@dataclass(frozen=True)
class Papers:
    """The papers, and the parts of them that this study computes."""

    papers: dict[str, Paper]
    parts: list[Part]

    def inventory(self) -> dict[str, Any]:
        """Return the papers as plain values."""
        return {name: paper.dump() for name, paper in self.papers.items()}

    def widths(self) -> dict[str, Part]:
        """Return the width studies by the variant of their pictures."""
        return {part.variant: part for part in self.parts if part.name == "widths"}

    def windows(self) -> dict[str, Part]:
        """Return the parts of windows along one training, by name."""
        return {part.name: part for part in self.parts if part.name in ("windows", "later_windows")}

    def grokking(self) -> dict[str, Part]:
        """Return the pairs of the grokking study by the variant of their pictures."""
        return {part.variant: part for part in self.parts if part.name == "grokking"}

    def memory(self) -> list[Part]:
        """Return the parts of the series that are forecast with episodic memory."""
        return [part for part in self.parts if part.name in MEMORY]

    def pretrained(self) -> list[str]:
        """Return the pruning studies of pre-trained networks."""
        return [name for part in self.parts if part.name == "pretrained" for name in part.names]

    def drawn(self, of: str | None = None) -> list[str]:
        """Return the pictures of this stage under the results, of all papers or of one."""
        return list(
            dict.fromkeys(
                variant_of(entry.picture, part.variant)
                for name, paper in self.papers.items()
                for entry in paper.entries
                for part in self.parts
                if part.name == entry.part and entry.picture.startswith(MADE_HERE) and of in (None, name)
            )
        )

    @property
    def tables(self) -> list[str]:
        """The tables from which the published quantities are computed."""
        left_out = {*(() if self.grokking() else GROKKING_TABLES), *(() if self.pretrained() else PRETRAINED_TABLES)}
        return [table for table in TABLES if table not in left_out]

    def of_others(self, paper: str, pictures: Mapping[str, str]) -> list[str]:
        """Return the pictures of `others` that one paper's entries name."""
        return list(dict.fromkeys(pictures[e.picture] for e in self.papers[paper].entries if e.picture in pictures))

    def others(self, figures: Iterable[Figure]) -> dict[str, str]:
        """Return the pictures that other stages draw: the first file of each, by the path that the
        inventory gives."""
        named = {entry.picture for paper in self.papers.values() for entry in paper.entries}
        found: dict[str, str] = {}
        for figure in figures:
            path = f"figures/{figure.stem}.png"
            if path in named:
                found.setdefault(path, f"figures/{figure.name}.png")
        return found


def plan(study: Study) -> Papers:
    """Return the plan of the stage."""
    training = study.equivalence.training
    found = setups(training, study.data)
    parts = [Part.load({"name": "optimizers", "settings": study.equivalence.optimizers.dump()})]
    sources = {name: _source(name, data) for name, data in study.data.items()}
    ensemble = {"seeds": training.seeds, "copies": training.copies, "perturbation": training.perturbation}
    for comparison, names in training.comparisons.items():
        if widths := widths_of({name: found[name] for name in names}):
            variant = comparison if any(part.name == "widths" for part in parts) else ""
            settings = {**ensemble, "first_state": training.first_state} | _width_settings(found, widths, sources)
            parts.append(Part(name="widths", variant=variant, settings=settings, names=widths, within=comparison))
    parts += _windows(window_studies(study.equivalence, study.data), sources)
    data = Counter(sources[setup.data] for setup in found.values()).most_common(1)
    parts.append(Part(name="setups", settings={**ensemble, "data": ", ".join(name for name, _ in data)}))
    pruned = pruning.plan(study).studies.values()
    chosen = {
        "data": ", ".join(dict.fromkeys(sources.get(each.data, each.data) for each in pruned)),
        "model": ", ".join(dict.fromkeys(each.model.name for each in pruned)),
    }
    parts.append(Part(name="pruning", settings=chosen))
    parts += pretrained_parts(study, sources)
    parts.append(Part(name="tickets"))
    if study.tickets.elastic:
        parts.append(Part(name="elastic"))
    parts += memory_parts(study)
    return Papers(inventory(), with_jobs([*parts, *grokking_parts(study)], study))


def _source(name: str, data: DataSet) -> str:
    """Return where a data set comes from, and what makes it another one than its source."""
    source = f"{name} from a file" if data.path is not None else str(data.source)
    details = ["transformed"] if data.transform != Transform() else []
    details += [f"{data.train_size:,} images"] if data.train_size is not None else []
    return f"{source} ({', '.join(details)})" if details else source


def _windows(studies: Mapping[str, WindowStudy], sources: Mapping[str, str]) -> list[Part]:
    """Return the parts of the windows along one training: all, and those with later epochs."""
    later = {
        name: each
        for name, each in studies.items()
        if each.epoch is not None and each.steps >= each.epoch + each.window
    }
    return [
        Part(
            name=part,
            settings={
                "window": ", ".join(dict.fromkeys(str(each.window) for each in chosen.values())),
                "data": ", ".join(sources.get(each.data, each.data) for each in chosen.values()),
                "model": ", ".join(each.model.name for each in chosen.values()),
            },
            names={name: str(each.epoch) for name, each in chosen.items() if each.epoch is not None},
        )
        for part, chosen in (("windows", studies), ("later_windows", later))
        if chosen
    ]


def pretrained_parts(study: Study, sources: Mapping[str, str]) -> list[Part]:
    """Return the part of the pruning studies whose networks start from a checkpoint, if there are
    any."""
    found = {name: each for name, each in pruning.plan(study).studies.items() if each.model.initial_weights is not None}
    settings = {
        "data": ", ".join(sources.get(each.data, each.data) for each in found.values()),
        "model": ", ".join(each.model.name for each in found.values()),
    }
    return [Part(name="pretrained", settings=settings, names={name: name for name in found})] if found else []


def memory_parts(study: Study) -> list[Part]:
    """Return the parts of the series that are forecast with episodic memory, by kind: synthetic
    ones, influenza, bike share."""
    kinds: dict[str, dict[str, str]] = {name: {} for name in MEMORY}
    if "episodic" in study.forecast.methods:
        for name, spec in study.series.items():
            source = spec.source or "csv"
            kind = "bike_share" if source.startswith("bike_share") else source if source in MEMORY else "forecast"
            if kind != "forecast" or not is_measured(spec):
                kinds[kind][name] = name
    return [
        Part(name=kind, names=names, settings={"series": ", ".join(names)}) for kind, names in kinds.items() if names
    ]


def grokking_parts(study: Study) -> list[Part]:
    """Return a part for each pair of settings of which one holds the weight norm."""
    found = grokking.plan(study)
    parts: list[Part] = []
    for pair in found.block.pairs:
        free, held = sorted(pair, key=lambda name: found.settings[name].held_norm is not None)
        one, other = found.settings[free], found.settings[held]
        if one.held_norm is not None or other.held_norm is None:
            continue
        settings = {
            "prime": one.prime,
            "share": one.share,
            "networks": min(found.seeds(free), found.seeds(held)),
            "pooled": one.copies,
            "perturbation": one.perturbation if one.copies > 1 else "none",
            "first_state": one.first_state,
            "centred": one.centred,
            "width": one.model.width or 128,
            "hidden": one.model.arguments.get("hidden", 512),
            "outputs": one.prime + bool(one.model.arguments.get("unembed_equals")),
            "optimizer": one.optimizer.name,
            "learning_rate": one.optimizer.learning_rate,
            "weight_decay": one.optimizer.weight_decay,
            "held_norm": other.held_norm,
            "steps": min(one.steps, other.steps),
            "first_steps": found.block.first_steps,
            "states": found.spectrum_states(free),
            "constrained_states": found.spectrum_states(held),
            "directions": found.block.directions,
            "delays": found.block.delays,
            "rank": found.block.rank,
        }
        names = {"grokking": free, "constrained": held}
        variant = "" if not parts else free if free not in {part.variant for part in parts} else f"{free}-{held}"
        parts.append(Part(name="grokking", variant=variant, settings=settings, names=names))
    return parts


def widths_of(setups: Mapping[str, Setup]) -> dict[str, str]:
    """Return the set-ups by width, from narrow to wide, if they are a width study; otherwise an
    empty dict.

    A width study compares perceptrons of one hidden layer that differ in its width and in the
    delays alone.
    """
    widths, others = {}, []
    for name, setup in setups.items():
        rest: dict[str, Any] = plain(setup)
        hidden = rest["model"].pop("widths", None)
        rest["koopman"].pop("delays")
        others.append(rest)
        if setup.model.name != "mlp" or hidden is None or len(hidden) != 1:
            return {}
        widths[hidden[0]] = name
    if len(widths) < max(2, len(setups)) or any(other != others[0] for other in others):
        return {}
    return {str(width): widths[width] for width in sorted(widths)}


def _width_settings(
    found: Mapping[str, Setup], widths: Mapping[str, str], sources: Mapping[str, str]
) -> dict[str, Any]:
    """Return the settings of a width study, by the keys of the inventory."""
    chosen: Sequence[Setup] = [found[name] for name in widths.values()]
    one = chosen[0]
    return {
        "data": sources.get(one.data, one.data),
        "widths": ", ".join(widths),
        "batch_size": one.batch_size,
        "steps": one.steps,
        "optimizer": one.optimizer.name,
        "learning_rate": one.optimizer.learning_rate,
        "activation": one.model.activation or "relu",
        "bias": bool(one.model.bias),
        "batch_order": one.batch_order,
        "observables": ", ".join(one.koopman.observables),
        "delays": ", ".join(str(setup.koopman.delays) for setup in chosen),
        "rank": one.koopman.rank,
    }


STAGE = Stage(
    name="papers",
    order=93,
    blocks={},
    plan=plan,
    section=Section(
        "The papers, figure by figure",
        place=15,
        captions=tuple(f"papers_{kind}" for kind in CAPTIONS),
    ),
    figures=lambda plan: [],
    tables=(Table("papers_table", "papers/figures.csv", "koopflow.cli.report_tables:published"),),
)
