"""The jobs behind the parts of the papers, as their benchmark files are named."""

from collections.abc import Collection, Iterable, Sequence

from koopflow.config.study import Study
from koopflow.papers.parts import Part
from koopflow.studies import equivalence, pruning


def with_jobs(parts: Sequence[Part], study: Study) -> list[Part]:
    """Return parts with the jobs that compute what their figures show; drawing is left out."""
    together = set(equivalence.plan(study).together)
    return [part.model_copy(update={"jobs": tuple(_jobs(part, study, together))}) for part in parts]


def _jobs(part: Part, study: Study, together: Collection[str]) -> Iterable[str]:
    names = list(part.names)
    match part.name:
        case "optimizers":
            return ["run_optimizers"]
        case "widths":
            return _of_setups(part.names.values(), together)
        case "setups":
            return [*_of_setups(study.equivalence.training.setups, together), "compare_setups"]
        case "windows":
            return _of(("train_windows/{}", "fit_windows/{}"), study.equivalence.windows)
        case "later_windows":
            return _of(("train_windows/{}", "fit_windows/{}"), names)
        case "grokking":
            return _of(("train_grokking/{}",), part.names.values())
        case "pruning" | "pretrained":
            studies = pruning.plan(study).studies.items()
            fresh = [name for name, each in studies if each.model.initial_weights is None]
            return _of(("train_pruning/{}-*", "run_pruning/{}-*"), fresh if part.name == "pruning" else names)
        case "tickets":
            rules = ("train_rounds/{}/*", "train_controls/{}/*", "transfer_tickets/{}/*")
            return [*_of(rules, study.tickets.studies), "fit_exponents"]
        case "elastic":
            return _of(("stretch_tickets/{}/*/*",), study.tickets.elastic)
    return _of(("forecast_series/{}",), names)


def _of_setups(names: Iterable[str], together: Collection[str]) -> list[str]:
    """Return the jobs of set-ups; the short ones share two, whose time is that of all of them."""
    alone = [name for name in names if name not in together]
    shared = ["train_short_setups", "fit_short_setups"] if len(alone) < len(list(names)) else []
    return [*_of(("train_ensemble/{}-*", "fit_spectra/{}"), alone), *shared]


def _of(rules: tuple[str, ...], names: Iterable[str]) -> list[str]:
    return [rule.format(name) for name in names for rule in rules]
