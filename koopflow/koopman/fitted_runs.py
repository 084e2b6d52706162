"""Fits of the runs of one trajectory, together and each alone; runs that cannot be fitted are left
out by name."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from koopflow.core.errors import UnfitError
from koopflow.koopman.dmd import Koopman, fit, fit_reduced
from koopflow.koopman.rank import RankError
from koopflow.koopman.source import Columns
from koopflow.trajectory import Trajectory

Run = tuple[Trajectory, int]
"""A run: its file, and its replica in the file."""


@dataclass(frozen=True)
class FitOptions:
    """Options of `koopflow.koopman.fit` that all runs of one trajectory share."""

    columns: Columns | None = None
    svd_rank: float = 0
    delays: int = 0
    variant: str = "standard"

    def fit(self, data: Trajectory | Sequence[Trajectory], replicas: Sequence[int] | None = None) -> Koopman:
        """Fit an operator with these options."""
        return fit(
            data,
            svd_rank=self.svd_rank,
            delays=self.delays,
            variant=self.variant,
            columns=self.columns,
            replicas=replicas,
        )


@dataclass(frozen=True)
class FittedRuns:
    """The operator fitted to the runs of a trajectory.

    Attributes
    ----------
    fitted : Koopman
    runs : dict of int to (Trajectory, int)
        The runs that were fitted, by their number in the trajectory.
    left_out : dict of int to str
        The reason why another run cannot be fitted.
    """

    fitted: Koopman
    runs: dict[int, Run]
    left_out: dict[int, str] = field(default_factory=dict)


def fit_runs(files: Sequence[Trajectory], options: FitOptions) -> FittedRuns:
    """Fit all runs of `files` together; runs with values that cannot be fitted are left out.

    Raises
    ------
    UnfitError
        If no run can be fitted, or the requested rank exceeds that of the data.
    """
    runs = dict(enumerate((file, replica) for file in files for replica in range(file.replicas)))
    try:
        return FittedRuns(options.fit(files if len(files) > 1 else files[0]), runs)
    except RankError:
        raise
    except UnfitError:
        left_out = _reasons(runs, options)
        kept = {number: run for number, run in runs.items() if number not in left_out}
        if not kept or not left_out:
            raise
    return FittedRuns(options.fit(files if len(files) > 1 else files[0], list(kept)), kept, left_out)


def _reasons(runs: dict[int, Run], options: FitOptions) -> dict[int, str]:
    """Return why runs cannot be fitted alone, by number; a run of lower rank can."""
    found = {}
    for number, (file, replica) in runs.items():
        try:
            options.fit(file, [replica])
        except RankError:
            continue
        except UnfitError as error:
            found[number] = str(error)
    return found


def fit_alone(file: Trajectory, options: FitOptions, replica: int) -> Koopman:
    """Return the operator of one run, at full rank if the requested rank exceeds it."""
    try:
        return options.fit(file, [replica])
    except RankError:
        return replace(options, svd_rank=-1).fit(file, [replica])


def truncated(fitted: Koopman, rank: int) -> Koopman:
    """Return the fit of a lower rank to the same data, from their coordinates in the leading singular
    directions; the data are not read again.
    """
    reduced = fitted.reduced
    basis = None if reduced.basis is None else reduced.basis[:, :rank]
    coefficients = None if reduced.coefficients is None else reduced.coefficients[:, :rank]
    states = [part[:rank] for part in reduced.states]
    kept = replace(reduced, states=states, basis=basis, coefficients=coefficients)
    return fit_reduced(replace(kept, singular_values=reduced.singular_values[:rank]), fitted.runs, fitted.variant)
