"""What one part of the configuration asks of another, or of the disk: checked while the workflow is read, before any job is planned.

The schema sees one key at a time. Here stand the checks that need two: names that must exist elsewhere, keys that a study must have from
its own block or from its base, files that must be there. Whatever needs the data themselves is left to each stage's first job.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from koopflow.config.resolution import merge
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name
from koopflow.io.paths import existing

PRUNING_KEYS = (
    *("data", "model", "optimizer", "batch_size", "epochs", "seeds", "prune_epochs", "window", "rank", "compressions", "counted"),
    *("exclude", "methods", "pairs", "gradient_images", "finetune", "save_masks"),
)
MODEL_KEYS, OPTIMIZER_KEYS = ("name",), ("name", "learning_rate")


def data_sets(data: Mapping, sources: Sequence[str]) -> Mapping:
    """Return the block ``data``; refuse a ``like`` that names neither a set nor a source, or comes back to itself."""
    for name in data:
        trail = [name]
        while (target := data.get(trail[-1], {}).get("like")) is not None:
            key = f"data.{trail[-1]}.like"
            if target not in data and target not in sources:
                raise unknown_name(key, target, [*data, *sources], "data set or source")
            if target in trail:
                raise KoopflowError(f"{key}: {' → '.join([*trail, target])} comes back to itself")
            trail.append(target)
    return data


def pruning_studies(pruning: Mapping, data: Mapping) -> dict[str, dict]:
    """Return every study of ``pruning``, merged over the base; refuse keys that neither has, and unknown data sets and methods, absent files."""
    studies, methods = {}, pruning["methods"]
    for name, own in pruning["studies"].items():
        study, key = merge(pruning.get("base", {}), own), f"pruning.studies.{name}"
        require(study, PRUNING_KEYS, key, "pruning.base")
        for part, needed in (
            ("model", MODEL_KEYS),
            ("optimizer", OPTIMIZER_KEYS),
            ("finetune", ("epochs", "at")),
            ("save_masks", ("at",)),
        ):
            require(study[part], needed, f"{key}.{part}", f"pruning.base.{part}")
        if study["data"] not in data:
            raise unknown_name(f"{key}.data", study["data"], data, "data set")
        for place, names in (("methods", study["methods"]), *(("pairs", pair) for pair in study["pairs"])):
            for method in names:
                if method not in methods:
                    raise unknown_name(f"{key}.{place}", method, methods, "method")
        if max(study["prune_epochs"]) > study["epochs"]:
            raise KoopflowError(
                f"{key}.prune_epochs: found {max(study['prune_epochs'])}, but training has {study['epochs']} epochs; accepted are 1 to that"
            )
        for part in ("finetune", "save_masks"):
            absent = sorted(set(study[part]["at"]) - set(study["prune_epochs"]))
            if absent and (part == "finetune" or part in own):  # the base's masks are saved where a study prunes then
                raise KoopflowError(f"{key}.{part}.at: found {absent[0]:g}; accepted are its prune_epochs {study['prune_epochs']}")
        if study.get("trajectory") and not Path(study["trajectory"]).is_file():
            raise KoopflowError(f"{key}.trajectory: {study['trajectory']} does not exist")
        studies[name] = study
    return studies


def check(config: Mapping, schema: Mapping) -> None:
    """Check what no stage owns: data sets that refer to others, and the user's files."""
    data_sets(config["data"], schema["$defs"]["data_set"]["properties"]["source"]["enum"])
    existing(config["trajectories"])
    for name, entry in config["tickets"]["external"].items():
        if not Path(entry["folder"]).is_dir():
            raise KoopflowError(f"tickets.external.{name}.folder: {entry['folder']} is no folder here")


def require(block: Mapping, needed: Sequence[str], key: str, base: str = "") -> None:
    """Refuse a block without one of the keys `needed`."""
    for name in needed:
        if name not in block:
            raise KoopflowError(f"{key}.{name}: this key is missing{f', here and in {base}' if base else ''}")
