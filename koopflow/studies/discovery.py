"""Finds the stages: all modules of koopflow.studies that define a `STAGE`."""

import importlib
import pkgutil
from typing import Annotated, Any, get_origin

from pydantic import Field, create_model

import koopflow.studies
from koopflow.config.study import Study
from koopflow.core.errors import KoopflowError
from koopflow.studies.stage import Figure, Stage, Table


def discover() -> dict[str, Stage[Any]]:
    """Return all stages by name, in the order in which data flow.

    Raises
    ------
    KoopflowError
        If two stages have the same name, or claim the same block of the configuration.
    """
    folder = koopflow.studies
    modules = (
        importlib.import_module(f"{folder.__name__}.{found.name}") for found in pkgutil.iter_modules(folder.__path__)
    )
    stages = [module.STAGE for module in modules if isinstance(getattr(module, "STAGE", None), Stage)]
    owners: dict[str, str] = {}
    for stage in stages:
        for block in stage.blocks:
            if owners.setdefault(block, stage.name) != stage.name:
                raise KoopflowError(
                    f"koopflow/studies: the block {block} belongs to {owners[block]} and to {stage.name}"
                )
    found = {stage.name: stage for stage in sorted(stages, key=lambda stage: (stage.order, stage.name))}
    if len(found) < len(stages):
        raise KoopflowError(
            f"koopflow/studies: two stages have the same name; found {', '.join(stage.name for stage in stages)}"
        )
    return found


def settings_model(stages: dict[str, Stage[Any]]) -> type[Study]:
    """Return the model of the whole configuration: the keys that all stages share, and the blocks
    of each stage."""
    blocks = {
        name: block
        for stage in stages.values()
        for name, block in stage.blocks.items()
        if name not in Study.model_fields
    }
    fields: dict[str, Any] = {
        name: block
        if get_origin(block) is Annotated
        else (block, Field(default_factory=block, description=f"Settings of the stage {name}."))
        for name, block in blocks.items()
    }
    return create_model("Study", __base__=Study, **fields) if fields else Study


def figures_of(stages: dict[str, Stage[Any]], plans: dict[str, Any]) -> list[Figure]:
    """Return the figures of all stages."""
    return [figure for name, stage in stages.items() for figure in stage.figures(plans[name])]


def tables_of(stages: dict[str, Stage[Any]]) -> list[Table]:
    """Return the report tables of all stages."""
    return [table for stage in stages.values() for table in stage.tables]


def claimed_tables(stages: dict[str, Stage[Any]]) -> dict[str, tuple[str, ...]]:
    """Return the tables from which claims are judged, by stage."""
    return {name: stage.claimed for name, stage in stages.items()}
