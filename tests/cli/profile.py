"""What RO-Crate 1.1, Workflow RO-Crate 1.0 and the Run Crate profiles 0.5 require of a crate.

Each line of a specification that says MUST, as far as it can concern a crate of koopflow. Sources:
https://w3id.org/ro/crate/1.1, https://w3id.org/workflowhub/workflow-ro-crate/1.0,
https://w3id.org/ro/wfrun/provenance/0.5 and the two profiles that it extends.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Entity = dict[str, Any]
RUN_CRATES = [f"https://w3id.org/ro/wfrun/{name}/0.5" for name in ("process", "workflow", "provenance")]


def types(entity: Entity) -> set[str]:
    found = entity["@type"]
    return set(found) if isinstance(found, list) else {found}


def ids(value: Any) -> list[str]:
    return [each["@id"] for each in (value if isinstance(value, list) else [value] if value else [])]


def violations(folder: Path) -> list[str]:
    """Return what the crate in `folder` lacks, one line each."""
    document = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    graph: dict[str, Entity] = {entity["@id"]: entity for entity in document["@graph"]}
    return [*_crate(document, graph, folder), *_workflow(graph, folder), *_run(graph), *_steps(graph)]


def _crate(document: Any, graph: dict[str, Entity], folder: Path) -> Iterator[str]:
    if document["@context"][0] != "https://w3id.org/ro/crate/1.1/context":
        yield "the context is not RO-Crate's"
    if len(graph) != len(document["@graph"]):
        yield "two entities have the same identifier"
    descriptor, root = graph["ro-crate-metadata.json"], graph["./"]
    if ids(descriptor["about"]) != ["./"] or types(descriptor) != {"CreativeWork"}:
        yield "the descriptor does not describe the root"
    if "https://w3id.org/ro/crate/1.1" not in ids(descriptor["conformsTo"]):
        yield "the descriptor names no version of RO-Crate"
    if "Dataset" not in types(root):
        yield "the root is no Dataset"
    yield from (f"the root has no {key}" for key in ("name", "description", "license") if not root.get(key))
    datetime.fromisoformat(root["datePublished"])
    for part in ids(root["hasPart"]):
        if not types(graph[part]) & {"File", "Dataset"}:
            yield f"{part}: a part that is neither file nor folder"
        if not (folder / unquote(part)).exists():
            yield f"{part}: no such file"
    for entity in graph.values():
        if not entity.get("@type"):
            yield f"{entity['@id']}: no type"
        if types(entity) & {"File"} and entity["@id"] not in ids(root["hasPart"]):
            yield f"{entity['@id']}: a file that is no part of the root"
        for key, value in entity.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and set(each) != {"@id"}:
                    yield f"{entity['@id']}: {key} is nested"
                elif isinstance(each, dict) and each["@id"] not in graph and not each["@id"].startswith("http"):
                    yield f"{entity['@id']}: {key} refers to {each['@id']}, which is not described"


def _workflow(graph: dict[str, Entity], folder: Path) -> Iterator[str]:
    main = graph[ids(graph["./"]["mainEntity"])[0]]
    if not {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} <= types(main):
        yield "the main entity is no workflow with steps"
    if not (folder / unquote(main["@id"])).is_file():
        yield "the workflow's file is missing"
    if "ComputerLanguage" not in types(graph[ids(main["programmingLanguage"])[0]]):
        yield "the workflow has no language"
    for name in ids(main.get("input")):
        parameter = graph[name]
        if "FormalParameter" not in types(parameter) or not parameter.get("additionalType"):
            yield f"{name}: no formal parameter with a type"
        if not ids(parameter.get("workExample")):
            yield f"{name}: no value"


def _run(graph: dict[str, Entity]) -> Iterator[str]:
    root, main = graph["./"], ids(graph["./"]["mainEntity"])[0]
    for profile in RUN_CRATES:
        if profile not in ids(root["conformsTo"]) or types(graph.get(profile, {"@type": ""})) != {"CreativeWork"}:
            yield f"the root does not follow {profile}"
    actions = [entity for entity in graph.values() if "CreateAction" in types(entity)]
    if not any(main in ids(action["instrument"]) for action in actions):
        yield "no action is a run of the workflow"
    used = {each for action in actions for each in ids(action["instrument"])}
    yield from (f"{tool}: a tool that no action uses" for tool in ids(graph[main]["hasPart"]) if tool not in used)
    for action in actions:
        instruments = [graph[each] for each in ids(action["instrument"])]
        if not all(types(each) & {"SoftwareApplication", "SoftwareSourceCode"} for each in instruments):
            yield f"{action['@id']}: an instrument that is no tool"
        if action["@id"] not in ids(root["mentions"]):
            yield f"{action['@id']}: not mentioned by the root"
        for name in ids(action.get("resourceUsage")):
            if "PropertyValue" not in types(graph[name]) or not graph[name].get("propertyID"):
                yield f"{name}: no quantity"


def _steps(graph: dict[str, Entity]) -> Iterator[str]:
    main = graph[ids(graph["./"]["mainEntity"])[0]]
    for name, entity in graph.items():
        if "HowToStep" in types(entity):
            if name not in ids(main["step"]):
                yield f"{name}: not a step of the workflow"
            if not set(ids(entity["workExample"])) <= set(ids(main["hasPart"])):
                yield f"{name}: no tool of the workflow"
        if "ControlAction" in types(entity):
            if "HowToStep" not in types(graph[ids(entity["instrument"])[0]]):
                yield f"{name}: its instrument is no step"
            if "CreateAction" not in types(graph[ids(entity["object"])[0]]):
                yield f"{name}: its object is no action"
    organized = [entity for entity in graph.values() if "OrganizeAction" in types(entity)]
    if len(organized) != 1:
        yield "not exactly one run of the engine"
    for entity in organized:
        if "SoftwareApplication" not in types(graph[ids(entity["instrument"])[0]]):
            yield "the engine is no software"
        if not all("ControlAction" in types(graph[each]) for each in ids(entity["object"])):
            yield "the engine organizes something that is no step"
        if "CreateAction" not in types(graph[ids(entity["result"])[0]]):
            yield "the engine's result is no action"
