"""What a ticket study must satisfy before anything is computed: in its config at once, and in its data as its first job."""

from collections.abc import Mapping

from koopflow.errors import KoopflowError


def check_config(study: Mapping, data: Mapping) -> Mapping:
    """Return the study; refuse tasks without data, rounds beyond the chain, and a rewind step beyond training."""
    for task in study["tasks"]:
        if task not in data:
            raise KoopflowError(f"tickets.tasks: found {task}, accepted are the names in data: {', '.join(data)}")
    if study["rewind_step"] >= study["steps"]:
        raise KoopflowError(
            f"tickets.rewind_step: found {study['rewind_step']}, accepted is 0 to {study['steps'] - 1} (training has {study['steps']} steps)"
        )
    for key in ("controls", "transfer"):
        beyond = [number for number in study[key]["rounds"] if number >= study["rounds"]]
        if beyond:
            raise KoopflowError(
                f"tickets.{key}.rounds: found {beyond[0]}, accepted is 0 to {study['rounds'] - 1} (the chain has {study['rounds']} rounds)"
            )
    return study


def check_data(study: Mapping, images: Mapping) -> list[str]:
    """Return what was found, line by line; refuse tasks that one network cannot learn, and rounds from elsewhere that cannot be read.

    Parameters
    ----------
    study : mapping
    images : mapping of str to koopflow.data Images
    """
    from koopflow.tickets.external import read_rounds

    first = next(iter(images))
    found = []
    for task, those in images.items():
        shape, classes = those.x_train.shape[1:], those.classes
        for what, here, there in (("images", shape, images[first].x_train.shape[1:]), ("classes", classes, images[first].classes)):
            if here != there:
                raise KoopflowError(
                    f"tickets.tasks: {task} has {what} {here}, but {first} has {there}; tickets move between equal networks only"
                )
        if study["batch_size"] > len(those.x_train):
            raise KoopflowError(
                f"tickets.batch_size: found {study['batch_size']}, but {task} has {len(those.x_train)} training images"
            )
        found.append(f"{task}: {len(those.x_train)} training and {len(those.x_test)} test images of {shape}, {classes} classes")
    for name, entry in study["external"].items():
        found.append(f"{name}: {len(read_rounds(entry['folder']))} rounds trained elsewhere")
    return found
