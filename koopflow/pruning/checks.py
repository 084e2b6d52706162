"""What a pruning study must satisfy before anything is trained."""

from collections.abc import Mapping

from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.pruning import evaluation, schedules, scoring, selection, training, trial
from koopflow.pruning.mask import Parameters
from koopflow.pruning.methods import longest_window, methods_of
from koopflow.pruning.registry import SCORES, UNRECORDED
from koopflow.training.optimizers import optimizer_settings
from koopflow.trajectory import Trajectory


def check_study(name: str, study: PruningStudy, methods: Mapping[str, PruningMethod], images: Images) -> None:
    """Check a study against its data, its network and its methods.

    Raises
    ------
    KoopflowError
        If the study asks for something impossible; the message names its key.
    """
    try:
        parameters, _ = evaluation.layouts(study.model, images)
        prunable = selection.prunable_names(parameters, study.exclude, evaluation.classifier_of(study.model, images))
        for compression in study.compressions:
            selection.kept_at(parameters, prunable, compression, study.counted)
        for method_name, method in methods_of(study, methods).items():
            try:
                _check_method(method_name, method, study, parameters, images)
            except KoopflowError as error:
                raise KoopflowError(f"method {method_name}: {error}") from None
        if any(each.window is None and each.score not in UNRECORDED for each in methods_of(study, methods).values()):
            training.check_window(study.window, study, images)
        optimizer_settings(study.optimizer)
        if study.trajectory:
            with Trajectory(study.trajectory) as trajectory:
                check_trajectory(trajectory, study, methods, images)
    except KoopflowError as error:
        raise KoopflowError(f"pruning.studies.{name}: {error}") from None


def _check_method(
    name: str, method: PruningMethod, study: PruningStudy, parameters: Parameters, images: Images
) -> None:
    scoring.check_score(method.score, method.options)
    if method.window is not None and method.score not in UNRECORDED:
        try:
            training.check_window(method.window, study, images)
        except KoopflowError as error:  # the method may be one of the default study's
            raise KoopflowError(
                f"{error}; set pruning.methods.{name}.window, or methods and pairs of the study without {name}"
            ) from None
    schedules.densities(0.5, method.schedule, method.rounds)
    if method.round_epochs and scoring.needs_of(method.score) & scoring.RECORDED:
        raise KoopflowError(
            f"round_epochs must be 0, since score {method.score} reads the recorded training, which the rounds do not "
            f"continue (got {method.round_epochs:g})"
        )
    if method.score not in SCORES:
        trial.check_own_score(method.score, method.options, parameters)


def check_trajectory(
    trajectory: Trajectory, study: PruningStudy, methods: Mapping[str, PruningMethod], images: Images
) -> None:
    """Raise a KoopflowError if `trajectory` lacks what `study` prunes.

    It must hold the study's network, and every step of its windows.
    """
    parameters, buffers = evaluation.layouts(study.model, images)
    held = {parameter.name: parameter.shape for parameter in trajectory.parameters}
    for name, shape in parameters:
        if name not in held:
            raise KoopflowError(
                f"{trajectory.path}: lacks the parameter {name} of the network; it holds {', '.join(held)}"
            )
        if held[name] != shape:
            raise KoopflowError(f"{trajectory.path}: {name} has shape {held[name]}; the network's is {shape}")
    if tuple(held) != tuple(name for name, _ in parameters):
        raise KoopflowError(
            f"{trajectory.path}: holds {', '.join(held)}; the network has {', '.join(n for n, _ in parameters)}"
        )
    if study.trajectory and buffers.size:
        raise KoopflowError(
            f"{trajectory.path}: holds weights alone, but testing the network takes its running statistics "
            f"({buffers.names[0]}, ...); use a network without them, or let this study train it"
        )
    for step in recorded_steps(trajectory, study, images).values():
        trajectory.window(step - longest_window(study, methods), step, spacing=1)


def recorded_steps(trajectory: Trajectory, study: PruningStudy, images: Images) -> dict[float, int]:
    """Return the step in `trajectory` of each epoch of pruning.

    A user's loop that calls its first update step 0 is one step behind this count.
    """
    steps = training.pruning_steps(study, images)
    behind = 1 if study.trajectory and max(steps.values()) == trajectory.steps[-1] + 1 else 0
    return {epoch: step - behind for epoch, step in steps.items()}
