"""What ticket studies must satisfy before anything is computed: in the config at once, and in their data as the first job."""

from collections.abc import Mapping
from itertools import permutations

from koopflow.config.references import MODEL_KEYS, OPTIMIZER_KEYS, require
from koopflow.config.resolution import merge
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name

REQUIRED = (
    *("tasks", "model", "optimizer", "batch_size", "steps", "seeds", "rounds", "rounds_per_job", "fraction", "scope", "grouping"),
    *("rewind_step", "controls", "transfer", "composition"),
)


def studies(tickets: Mapping, data: Mapping) -> dict[str, dict]:
    """Return every study of ``tickets``, merged over the base and checked.

    Raises
    ------
    KoopflowError
        A study lacks a key or names no known data set, its rounds lie beyond the chain, its rewind step beyond training, or two studies
        would share their rows in the tables; an elastic comparison names no study, or studies that cannot be compared.
    """
    found, owners = {}, {}
    for name, overrides in tickets["studies"].items():
        key, study = f"tickets.studies.{name}", merge(tickets["base"], overrides)
        require(study, REQUIRED, key, "tickets.base")
        for part, needed in (
            ("model", MODEL_KEYS),
            ("optimizer", OPTIMIZER_KEYS),
            *((part, ("rounds",)) for part in ("controls", "transfer")),
        ):
            require(study[part], needed, f"{key}.{part}", f"tickets.base.{part}")
        require(study["composition"], ("seeds",), f"{key}.composition", "tickets.base.composition")
        for task in study["tasks"]:
            if task not in data:
                raise unknown_name(f"{key}.tasks", task, data, "data set")
            other = owners.setdefault((task, model_name(study["model"])), name)
            if other != name:
                raise KoopflowError(
                    f"{key}: {task} with the model {model_name(study['model'])} is in the study {other} too; tables tell chains apart by "
                    "these two: list the same data under another name, or give the model another size"
                )
        if len(study["tasks"]) == 1:
            study["transfer"] = {"rounds": []}  # there is nowhere to go
        _check_rounds(key, study)
        found[name] = study
    for name in tickets["external"]:
        if name in found:
            raise KoopflowError(f"tickets.external.{name}: a study has this name too; figures are named after both")
    for name, elastic in tickets["elastic"].items():
        _check_elastic(f"tickets.elastic.{name}", elastic, found)
    return found


def model_name(model: Mapping) -> str:
    """Return the model as tables name it.

    >>> model_name({"name": "mlp", "widths": [300, 100]}), model_name({"name": "resnet20"}), model_name({"name": "resnet14", "width": 4})
    ('mlp-300-100', 'resnet20', 'resnet14-4')
    """
    return "-".join(map(str, [model.get("name", "mlp"), *model.get("widths", []), *([model["width"]] if "width" in model else [])]))


def _check_rounds(key: str, study: Mapping) -> None:
    if study["rewind_step"] >= study["steps"]:
        raise KoopflowError(
            f"{key}.rewind_step: found {study['rewind_step']}, accepted is 0 to {study['steps'] - 1} (training has {study['steps']} steps)"
        )
    for part in ("controls", "transfer"):
        beyond = [number for number in study[part]["rounds"] if number >= study["rounds"]]
        if beyond:
            raise KoopflowError(
                f"{key}.{part}.rounds: found {beyond[0]}, accepted is 0 to {study['rounds'] - 1} (the chain has {study['rounds']} rounds)"
            )


def _check_elastic(key: str, elastic: Mapping, found: Mapping) -> None:
    names = elastic["studies"]
    for name in names:
        if name not in found:
            raise unknown_name(f"{key}.studies", name, found, "study")
    if len(set(names)) < 2:
        raise KoopflowError(f"{key}.studies: found {', '.join(names)}, accepted are at least two different studies")
    if not shared_tasks(elastic, found):
        raise KoopflowError(f"{key}.studies: {', '.join(names)} have no task in common")
    shortest = min(found[name]["rounds"] for name in names)
    for number in elastic["rounds"]:
        if number >= shortest:
            raise KoopflowError(
                f"{key}.rounds: found {number}, accepted is 1 to {shortest - 1} (the shortest chain has {shortest} rounds)"
            )


def shared_tasks(elastic: Mapping, found: Mapping) -> list[str]:
    """Return the tasks on which all studies of an elastic comparison prune."""
    first, *others = (found[name]["tasks"] for name in elastic["studies"])
    return [task for task in first if all(task in tasks for tasks in others)]


def check_data(tickets: Mapping, found: Mapping[str, Mapping], images: Mapping) -> list[str]:
    """Return what was found, line by line; refuse tasks that one network cannot learn, depths that one ticket cannot be stretched to,
    and rounds from elsewhere that cannot be read.

    Parameters
    ----------
    tickets : mapping
        The config's block, for ``elastic`` and ``external``.
    found : mapping of str to mapping
        The studies, as `studies` returns them.
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
