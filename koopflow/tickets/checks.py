"""Checks of the data of ticket studies, before anything is trained."""

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from koopflow.config.tickets import CheckedStudy, Elastic, External
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import is_target
from koopflow.data.images.sets import Images
from koopflow.tickets.adopted import check_adopted, network_shapes
from koopflow.tickets.elastic import counterparts
from koopflow.tickets.external import read_seeds
from koopflow.tickets.predictors.declared import Candidates, load_predictor
from koopflow.tickets.training import Rows, Setup, initialize, prunable
from koopflow.training.replicas import Replicas


def check_data(
    studies: Mapping[str, CheckedStudy],
    elastic: Mapping[str, Elastic],
    external: Mapping[str, External],
    images: Mapping[str, Images],
) -> list[str]:
    """Check the studies against their images, and rounds trained elsewhere against their files.

    Parameters
    ----------
    studies : mapping of str to CheckedStudy
    elastic : mapping of str to Elastic
    external : mapping of str to External
    images : mapping of str to Images
        Images of every task.

    Returns
    -------
    list of str
        What was found, line by line.

    Raises
    ------
    KoopflowError
        For tasks that one network cannot learn, depths to which no ticket can be stretched, and
        rounds that cannot be read.
    """
    for name, study in studies.items():
        _check_tasks(f"tickets.studies.{name}", study, images)
        _check_chains(f"tickets.studies.{name}", study, external, images)
        _check_predictors(f"tickets.studies.{name}.predictors", study, images[study.tasks[0]])
    lines = [
        f"{task}: {len(found.x_train)} training and {len(found.x_test)} test images of {found.shape}, "
        f"{found.classes} classes"
        for task, found in images.items()
    ]
    for name, comparison in elastic.items():
        _check_depths(f"tickets.elastic.{name}", [studies[study] for study in comparison.studies], images)
    lines += [
        f"{name}: {_check_external(name, entry, external)} rounds trained elsewhere" for name, entry in external.items()
    ]
    return lines


def _check_external(name: str, entry: External, others: Mapping[str, External]) -> int:
    """Return the number of rounds of an entry; refuse one that its comparison cannot take."""
    read = read_seeds(entry)
    for other, given in others.items() if entry.compared else ():
        if given.compared != entry.compared or other == name:
            continue
        if given.grouping != entry.grouping:
            raise KoopflowError(
                f"tickets.external.{name}.grouping must be {given.grouping}, as that of {other}, with which it is "
                f"compared (got {entry.grouping})"
            )
        theirs = list(read_seeds(given).layers[0][0])
        if theirs != list(read.layers[0][0]):
            raise KoopflowError(
                f"tickets.external.{name}: its layers must be those of {other}, with which it is compared"
            )
    return len(read.densities)


def _check_chains(
    key: str, study: CheckedStudy, external: Mapping[str, External], images: Mapping[str, Images]
) -> None:
    """Refuse rounds pruned elsewhere that do not fit the network, or the other tasks' chains."""
    setup = Setup(study.model, study.optimizer, study.batch_size, 1, "cpu")
    pruned = {}
    for task, name in study.chains.items():
        pruned[task] = check_adopted(f"{key}.chains.{task}", external[name], setup, images[task], study.seeds)
    if len(study.chains) < len(study.tasks) and study.chains:
        shapes = network_shapes(setup, images[study.tasks[0]])
        pruned["the tasks pruned here"] = sorted(layer for layer, shape in shapes.items() if len(shape) >= 2)
    for task, layers in pruned.items():
        first = next(iter(pruned))
        if layers != pruned[first]:
            odd = sorted(set(layers) ^ set(pruned[first]))[0]
            raise KoopflowError(f"{key}.chains: {odd} is pruned in one of {first} and {task} only")


def _check_tasks(key: str, study: CheckedStudy, images: Mapping[str, Images]) -> None:
    first = study.tasks[0]
    for task in study.tasks:
        sizes = (
            ("images", images[task].shape, images[first].shape),
            ("classes", images[task].classes, images[first].classes),
        )
        for what, here, there in sizes:
            if here != there:
                raise KoopflowError(
                    f"{key}.tasks: {task} has {what} {here}, but {first} has {there}; tickets move between equal "
                    "networks only"
                )
        count = len(images[task].x_train)
        if study.batch_size > count:
            raise KoopflowError(
                f"{key}.batch_size must be at most {count}, the training images of {task} (got {study.batch_size})"
            )


def _check_predictors(key: str, study: CheckedStudy, images: Images) -> None:
    """Try the user's own predictors on one dense ticket; those that need rounds are only
    imported."""
    setup = Setup(study.model, study.optimizer, study.batch_size, 1, "cpu")
    for name in filter(is_target, study.predictors.names):
        found = load_predictor(name, key)
        if found.needs:
            continue
        weights = initialize(setup, images, 0, [0])
        masks = {layer: np.ones(weights[layer].shape, dtype=bool) for layer in prunable(weights)}
        try:
            scores = found.scores(Candidates(setup, images, Rows(weights, masks, [0]), [""]))
        except KoopflowError as error:
            raise KoopflowError(f"{key}: {error}") from None
        except Exception as error:  # whatever the user's function raises
            raise KoopflowError(f"{key}: {name} raised {type(error).__name__}: {error}") from None
        if not np.isfinite(scores).all():
            raise KoopflowError(f"{key}: {name} must return finite numbers (got {scores[0]})")


def _check_depths(key: str, compared: list[CheckedStudy], images: Mapping[str, Images]) -> None:
    """Stretch the shapes of every network to every other, without any weights."""
    sizes = images[compared[0].tasks[0]]
    shapes = []
    for study in compared:
        net = Replicas(study.model, sizes.shape, sizes.classes, 1, device="cpu")
        shapes.append(
            {
                name: shape
                for layout in (net.layout, net.buffer_layout)
                for name, shape in zip(layout.names, layout.shapes)
            }
        )
    for source, target in permutations(shapes, 2):
        try:
            counterparts(source, target)
        except KoopflowError as error:
            raise KoopflowError(f"{key}: {error}") from None
