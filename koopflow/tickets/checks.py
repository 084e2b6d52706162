"""What ticket studies ask of their data, checked by the stage's first job."""

from collections.abc import Mapping
from itertools import permutations

from koopflow.core.errors import KoopflowError


def model_name(model: Mapping) -> str:
    """Return the model as tables name it.

    >>> model_name({"name": "mlp", "widths": [300, 100]}), model_name({"name": "resnet20"}), model_name({"name": "resnet14", "width": 4})
    ('mlp-300-100', 'resnet20', 'resnet14-4')
    """
    return "-".join(map(str, [model.get("name", "mlp"), *model.get("widths", []), *([model["width"]] if "width" in model else [])]))


def check_data(tickets: Mapping, found: Mapping[str, Mapping], images: Mapping) -> list[str]:
    """Return what was found, line by line; refuse tasks that one network cannot learn, depths that one ticket cannot be stretched to,
    and rounds from elsewhere that cannot be read.

    Parameters
    ----------
    tickets : mapping
        The config's block, for ``elastic`` and ``external``.
    found : mapping of str to mapping
        The studies, merged over their base.
    images : mapping of str to koopflow.data Images
        Of every task.
    """
    from koopflow.tickets.external import read_rounds

    lines = []
    for name, study in found.items():
        first = study["tasks"][0]
        for task in study["tasks"]:
            shape, classes = images[task].shape, images[task].classes
            for what, here, there in (("images", shape, images[first].shape), ("classes", classes, images[first].classes)):
                if here != there:
                    raise KoopflowError(
                        f"tickets.studies.{name}.tasks: {task} has {what} {here}, but {first} has {there}; "
                        "tickets move between equal networks only"
                    )
            if study["batch_size"] > len(images[task].x_train):
                raise KoopflowError(
                    f"tickets.studies.{name}.batch_size: found {study['batch_size']}, but {task} has "
                    f"{len(images[task].x_train)} training images"
                )
    for task, those in images.items():
        lines.append(
            f"{task}: {len(those.x_train)} training and {len(those.x_test)} test images of {those.shape}, {those.classes} classes"
        )
    for name, elastic in tickets["elastic"].items():
        _check_depths(f"tickets.elastic.{name}", [found[study] for study in elastic["studies"]], images)
    for name, entry in tickets["external"].items():
        lines.append(f"{name}: {len(read_rounds(entry['folder']))} rounds trained elsewhere")
    return lines


def _check_depths(key: str, compared: list[Mapping], images: Mapping) -> None:
    """Stretch every network's shapes to every other, without any weights."""
    from koopflow.tickets.elastic import counterparts
    from koopflow.training.replicas import Replicas

    those = images[compared[0]["tasks"][0]]
    shapes = []
    for study in compared:
        net = Replicas(study["model"], those.shape, those.classes, 1, device="cpu")
        shapes.append(
            {name: shape for layout in (net.layout, net.buffer_layout) for name, shape in zip(layout.names, layout.shapes)}
        )
    for source, target in permutations(shapes, 2):
        try:
            counterparts(source, target)
        except KoopflowError as error:
            raise KoopflowError(f"{key}: {error}") from None
