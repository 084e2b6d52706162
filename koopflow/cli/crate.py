"""A run as an RO-Crate: one JSON-LD document that follows the Provenance Run Crate profile.

The profile (https://w3id.org/ro/wfrun/provenance/0.5) extends Workflow Run Crate and Process Run
Crate, which describe a workflow, its steps, their executions, and the files they read and made. The
functions here turn jobs into its entities. The root of the crate is the results folder; what lies
outside it, such as a user's data, is named without its folder, so that the record holds no personal
path.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any
from urllib.parse import quote

from koopflow.cli.history import Job

Entity = dict[str, Any]
NAME = "ro-crate-metadata.json"
"""The file's name, which RO-Crate prescribes."""
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    WORKFLOW_CRATE: "Workflow RO-Crate",
}
SNAKEFILE = "workflow/Snakefile"
SNAKEMAKE = "https://snakemake.github.io"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
KINDS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".html": "text/html",
    ".rst": "text/x-rst",
    ".txt": "text/plain",
    ".h5": "application/x-hdf5",
    ".parquet": "application/vnd.apache.parquet",
}
USAGE = {"s": ("seconds", "SEC"), "max_rss": ("memory", "MegaBYTE"), "cpu_time": ("processor time", "SEC")}
"""Columns of Snakemake's benchmark files, by name and QUDT unit."""


def reference(ids: Iterable[str]) -> list[Entity]:
    """Return references to entities, each once."""
    return [{"@id": each} for each in dict.fromkeys(ids)]


def single(entity: Entity) -> Entity:
    """Return the entity with each list of one item as that item, as RO-Crate recommends."""
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 and key not in ("@type", "hasPart") else value
        for key, value in entity.items()
        if value != []
    }


def moment(seconds: float) -> str:
    """Return a time as ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def anonymous(value: Any) -> Any:
    """Return plain values with every absolute path cut to its last part."""
    if isinstance(value, Mapping):
        return {key: anonymous(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [anonymous(inner) for inner in value]
    if isinstance(value, str) and (value.startswith(("/", "~", "..")) or PureWindowsPath(value).is_absolute()):
        return f".../{PureWindowsPath(value).name}"
    return value


def profiles() -> list[Entity]:
    """Return the metadata descriptor and the profiles that the crate follows."""
    descriptor = {
        "@id": NAME,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": reference(["https://w3id.org/ro/crate/1.1", WORKFLOW_CRATE]),
    }
    return [
        descriptor,
        *(
            {"@id": each, "@type": "CreativeWork", "name": name, "version": each.rpartition("/")[2]}
            for each, name in PROFILES.items()
        ),
    ]


def file_entity(path: Path, results: Path, checksums: Mapping[str, str]) -> Entity:
    """Return a file or folder of the crate, with its size and, as far as one was recorded, its
    SHA-256."""
    inside = path.relative_to(results).as_posix()
    if not path.exists():  # dropped after its last use
        gone: Entity = {"@id": f"#dropped/{quote(inside)}", "@type": "CreativeWork", "name": inside}
        return gone | ({"sha256": checksums[str(path)].removeprefix("sha256:")} if str(path) in checksums else {})
    if path.is_dir():
        return {"@id": f"{quote(inside)}/", "@type": "Dataset", "name": inside}
    found: Entity = {"@id": quote(inside), "@type": "File", "name": inside, "contentSize": str(path.stat().st_size)}
    if path.suffix in KINDS:
        found["encodingFormat"] = KINDS[path.suffix]
    if str(path) in checksums:
        found["sha256"] = checksums[str(path)].removeprefix("sha256:")
    return found


def outside_entity(path: str, checksums: Mapping[str, str]) -> Entity:
    """Return a file that lies outside the results folder, named without its folder if that is
    absolute."""
    pure = PurePath(path)
    shown = pure.name if pure.is_absolute() or ".." in pure.parts else pure.as_posix()
    found: Entity = {"@id": f"#input/{quote(shown)}", "@type": "CreativeWork", "name": shown}
    return found | ({"sha256": checksums[path].removeprefix("sha256:")} if path in checksums else {})


def data_entity(fact: Mapping[str, Any], published: Mapping[str, Mapping[str, str]]) -> Entity:
    """Return a data set: its name, the checksum of its arrays, and how its files compare with the
    published ones."""
    sizes = ", ".join(f"{key} {fact[key]}" for key in ("source", "train", "test", "samples") if fact.get(key))
    transforms = f"; transforms {json.dumps(fact['transforms'])}" if fact.get("transforms") else ""
    name = str(fact["name"])
    found: Entity = {
        "@id": f"#data/{quote(name)}/{fact['sha256'][:12]}",
        "@type": "CreativeWork",
        "name": name,
        "description": f"{sizes}{transforms}",
        "sha256": fact["sha256"],
    }
    if name in published:
        told = "; ".join(f"{file}: {verdict}" for file, verdict in sorted(published[name].items()))
        found["description"] += f"; files compared by MD5: {told}"
    return found


def host_entities(host: Mapping[str, Any]) -> list[Entity]:
    """Return what a job ran on, a value each: processor, cores, device, BLAS, digest of the
    environment.

    An action refers to them as resources that it used, since its instruments must be software.
    """
    values = {key: value for key, value in host.items() if value not in (None, "")}
    name = f"#host/{hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]}"
    return [
        {
            "@id": f"{name}/{key}",
            "@type": "PropertyValue",
            "name": key,
            "propertyID": f"koopflow:host/{key}",
            "value": value,
        }
        for key, value in values.items()
    ]


def package_entities(software: str) -> list[Entity]:
    """Return the packages that a job's log states: "Python 3.11.7, numpy 2.4.6, ..."."""
    pairs = [each.rpartition(" ") for each in software.split(", ") if " " in each]
    return [
        {
            "@id": f"#software/{quote(name)}/{version}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
        }
        for name, _, version in pairs
    ]


def tool_entity(rule: str, job: Job) -> Entity:
    """Return the tool of a rule: its script and modules, with one digest of their content."""
    content = sorted((name, job.checksums.get(name, "")) for name in job.code)
    return {
        "@id": f"#rule/{rule}",
        "@type": "SoftwareApplication",
        "name": rule,
        "description": f"The rule {rule}: {len(job.code)} code files",
        "softwareVersion": hashlib.sha256(repr(content).encode()).hexdigest()[:12],
    }


def step_entity(rule: str) -> Entity:
    """Return the step of the workflow that a rule is."""
    return {"@id": f"#step/{rule}", "@type": "HowToStep", "name": rule, "workExample": {"@id": f"#rule/{rule}"}}


def action_entities(number: int, job: Job, read: Iterable[str], made: Iterable[str]) -> list[Entity]:
    """Return the execution of a step: its control action, its action, and what it used and ran
    on."""
    name = f"#job/{number}"
    usage = host_entities(job.host) if job.host else []
    usage += [
        {
            "@id": f"{name}/{column}",
            "@type": "PropertyValue",
            "name": USAGE[column][0],
            "propertyID": f"https://snakemake.readthedocs.io/en/stable/snakefiles/rules.html#{column}",
            "unitCode": f"https://qudt.org/vocab/unit/{USAGE[column][1]}",
            "value": str(value),
        }
        for column, value in job.usage.items()
    ]
    action: Entity = {
        "@id": name,
        "@type": "CreateAction",
        "name": f"Run of {job.rule}",
        "instrument": {"@id": f"#rule/{job.rule}"},
        "object": reference(read),
        "result": reference(made),
        "startTime": moment(job.start),
        "endTime": moment(job.end),
    }
    if usage:
        action["resourceUsage"] = reference(each["@id"] for each in usage)
    control = {
        "@id": f"#control/{number}",
        "@type": "ControlAction",
        "name": f"Step {job.rule}",
        "instrument": {"@id": f"#step/{job.rule}"},
        "object": {"@id": name},
    }
    return [control, action, *usage]
