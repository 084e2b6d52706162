"""Checks of the data of ticket studies, before anything is trained."""

from collections.abc import Mapping
from itertools import permutations

from koopflow.config.tickets import CheckedStudy, Elastic, External
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.tickets.elastic import counterparts
from koopflow.tickets.external import read_rounds
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
    lines = [
        f"{task}: {len(found.x_train)} training and {len(found.x_test)} test images of {found.shape}, "
        f"{found.classes} classes"
        for task, found in images.items()
    ]
    for name, comparison in elastic.items():
        _check_depths(f"tickets.elastic.{name}", [studies[study] for study in comparison.studies], images)
    lines += [
        f"{name}: {len(read_rounds(folder, entry.include, entry.exclude))} rounds trained elsewhere"
        for name, entry in external.items()
        for folder in entry.folders
    ]
    return lines


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
