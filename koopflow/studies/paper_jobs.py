"""The jobs behind the parts of the papers, as their benchmark files are named."""

from collections.abc import Iterable

from koopflow.config.study import Study
from koopflow.papers.parts import Part
from koopflow.studies import pruning


def with_jobs(part: Part, study: Study) -> Part:
    """Return a part with the jobs that compute what its figures show; drawing is left out."""
    return part.model_copy(update={"jobs": tuple(_jobs(part, study))})


def _jobs(part: Part, study: Study) -> Iterable[str]:
    names = list(part.names)
    match part.name:
        case "optimizers":
            return ["run_optimizers"]
        case "widths":
            return _of_setups(part.names.values())
        case "setups":
            return [*_of_setups(study.equivalence.training.setups), "compare_setups"]
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


def _of_setups(names: Iterable[str]) -> list[str]:
    return _of(("train_ensemble/{}-*", "fit_spectra/{}"), names)


def _of(rules: tuple[str, ...], names: Iterable[str]) -> list[str]:
    return [rule.format(name) for name in names for rule in rules]
