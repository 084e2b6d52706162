"""One record of a run, ``ro-crate-metadata.json`` in the results folder.

Every run writes it when it ends, whether it succeeds or fails: data sets with checksums, seed,
resolved configuration, code, packages, environment, BLAS, device, class of machine, every job with
its times, inputs and outputs. `koopflow.cli.crate` says which standard it follows.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from koopflow.cli import crate
from koopflow.cli.crate import Entity, reference
from koopflow.cli.history import Job, jobs_of
from koopflow.core import versions
from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write
from koopflow.io.checksums import checksum
from koopflow.workflow.host import ENVIRONMENTS

FOLDER = "workflow"
"""Folder, under the results, of the files that the record adds to them."""
CONFIGURATION = f"{FOLDER}/configuration.json"
LICENCE = "The licence of the results is their owner's to choose and is not stated here; koopflow has the MIT licence"


def write(
    results: str | Path, settings: Mapping[str, Any], snakefile: str | Path, started: float, *, failed: bool = False
) -> Path | None:
    """Write the record of a run into its results folder.

    Parameters
    ----------
    results : path
        The results folder, relative to the working directory.
    settings : mapping
        The resolved configuration. Absolute paths in it are cut to their last part.
    snakefile : path
        The workflow's file, of which the record keeps a copy.
    started : float
        Start of the run, in seconds since 1970.
    failed : bool
        Whether a job failed.

    Returns
    -------
    path or None
        The record; None if no job has made a file in the results folder.
    """
    results = Path(results)
    jobs = jobs_of(results)
    if not jobs:
        return None
    (results / FOLDER).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(snakefile, results / crate.SNAKEFILE)
    text = json.dumps(crate.anonymous(settings), indent=2, ensure_ascii=False) + "\n"
    (results / CONFIGURATION).write_text(text, encoding="utf-8")
    for digest in sorted({str(job.host["environment"]) for job in jobs if job.host}):
        _copy_environment(digest, results)
    graph = _graph(results, dict(settings), jobs, (started, time.time()), failed)
    path = results / crate.NAME
    with atomic_write(path) as partial:
        document = {"@context": crate.CONTEXT, "@graph": graph}
        partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read(results: str | Path) -> dict[str, Entity]:
    """Return the entities of the record in `results`, by their identifiers.

    Raises
    ------
    KoopflowError
        If there is no readable record.
    """
    path = Path(results) / crate.NAME
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))["@graph"]
        return {entity["@id"]: entity for entity in graph}
    except (FileNotFoundError, NotADirectoryError):
        raise KoopflowError(f"{path}: no such file; a run writes it when it ends") from None
    except (ValueError, KeyError, TypeError) as error:
        raise KoopflowError(f"{path}: not a readable record ({error}); run again to replace it") from None


def packed(graph: Mapping[str, Entity], present: set[str]) -> str:
    """Return the record of an archive that holds only the files `present` (identifiers): others are
    described, but are no parts of it."""
    entities = []
    for entity in graph.values():
        entity = dict(entity)
        if entity["@id"] == "./":
            entity["hasPart"] = [each for each in entity["hasPart"] if each["@id"] in present]
        elif entity["@type"] == "File" and entity["@id"] not in present:
            entity["@type"] = "CreativeWork"
            entity["@id"] = f"#left-out/{entity['@id']}"
        entities.append(entity)
    renamed = {e["@id"].removeprefix("#left-out/"): e["@id"] for e in entities if e["@id"].startswith("#left-out/")}
    document = {"@context": crate.CONTEXT, "@graph": [_renamed(entity, renamed) for entity in entities]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def summary(results: Path) -> list[str]:
    """Return the record of a results folder as lines for the terminal.

    Raises
    ------
    KoopflowError
        If there is no readable record.
    """
    graph = read(results)
    run, code = graph["#run"], graph[crate.SNAKEFILE]
    status = run["actionStatus"].rpartition("/")[2].removesuffix("ActionStatus").lower()
    lines = [
        f"{results / crate.NAME} (RO-Crate, Provenance Run Crate 0.5)",
        f"  run            {run['startTime']} to {run['endTime']}, {status}; {graph['./']['description']}",
        f"  settings       {run['description']}; all of them in {results / CONFIGURATION}",
        f"  code           koopflow {code['version']}",
    ]
    packages = [each for name, each in graph.items() if name.startswith("#software/")]
    lines.append(
        f"  packages       {', '.join(' '.join((each['name'], each['softwareVersion'])) for each in packages)}"
    )
    for name, entity in graph.items():
        if name.startswith("#data/"):
            lines.append(f"  data           {entity['name']}, sha256 {entity['sha256']} ({entity['description']})")
    hosts: dict[str, list[str]] = {}
    for name, entity in graph.items():
        if name.startswith("#host/"):
            hosts.setdefault(name.split("/")[1], []).append(f"{entity['name']} {entity['value']}")
    return [*lines, *(f"  host           {', '.join(values)}" for values in hosts.values())]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return an entity whose references follow `names`."""
    if isinstance(value, dict):
        if value.keys() == {"@id"}:
            return {"@id": names.get(value["@id"], value["@id"])}
        return {key: _renamed(inner, names) for key, inner in value.items()}
    return [_renamed(inner, names) for inner in value] if isinstance(value, list) else value


def _copy_environment(digest: str, results: Path) -> None:
    source = ENVIRONMENTS / f"environment-{digest}.txt"
    if source.is_file():
        shutil.copyfile(source, results / FOLDER / source.name)


def _graph(
    results: Path, settings: dict[str, Any], jobs: list[Job], times: tuple[float, float], failed: bool
) -> list[Entity]:
    """Return all entities of the crate, each once."""
    checksums = {path: sum_ for job in jobs for path, sum_ in job.checksums.items()}
    own = sorted(path for path in (results / FOLDER).iterdir() if path.is_file())
    checksums |= {str(path): checksum(path) for path in own}
    files = {
        str(path): crate.file_entity(path, results, checksums)
        for path in [*own, *sorted({Path(output) for job in jobs for output in job.outputs})]
    }
    data = _data(jobs)
    steps = list(_steps(jobs, files, checksums))
    actions = [entity for entity in steps if entity["@type"] in ("CreateAction", "ControlAction")]
    rules = list(dict.fromkeys(job.rule for job in jobs))
    run = _run(settings, jobs, files, data, times, failed)
    controls = [each["@id"] for each in actions if each["@type"] == "ControlAction"]
    organized = _engine_run(controls, run, times)
    packages = _packages(jobs)
    main = files[str(results / crate.SNAKEFILE)]
    main |= {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "koopflow",
        "version": versions.code().removeprefix("koopflow "),
        "programmingLanguage": {"@id": crate.LANGUAGE},
        "hasPart": reference(f"#rule/{rule}" for rule in rules),
        "step": reference(f"#step/{rule}" for rule in rules),
        "softwareRequirements": reference(each["@id"] for each in packages),
        "input": [{"@id": "#parameter/seed"}],
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": "Results of a koopflow study",
        "description": f"{len(jobs)} jobs of {len(rules)} rules and the {len(files)} files that they made",
        "datePublished": crate.moment(times[1]),
        "license": LICENCE,
        "conformsTo": reference(crate.PROFILES),
        "mainEntity": {"@id": main["@id"]},
        "hasPart": reference(each["@id"] for each in files.values() if each["@type"] != "CreativeWork"),
        "mentions": reference([run["@id"], organized["@id"], *(each["@id"] for each in actions)]),
    }
    entities = [*crate.profiles(), root, *files.values(), *_tools(jobs, rules), *data, *packages]
    entities += [run, organized, *_seed(settings), *steps]
    return [crate.single(entity) for entity in {entity["@id"]: entity for entity in entities}.values()]


def _engine_run(controls: list[str], run: Entity, times: tuple[float, float]) -> Entity:
    """Return the latest execution of the workflow engine, with the steps that it organized."""
    return {
        "@id": "#snakemake-run",
        "@type": "OrganizeAction",
        "name": "The latest run of Snakemake",
        "instrument": {"@id": crate.SNAKEMAKE},
        "object": reference(controls),
        "result": {"@id": run["@id"]},
        "startTime": crate.moment(times[0]),
        "endTime": crate.moment(times[1]),
    }


def _run(
    settings: dict[str, Any],
    jobs: list[Job],
    files: Mapping[str, Entity],
    data: list[Entity],
    times: tuple[float, float],
    failed: bool,
) -> Entity:
    """Return the execution of the workflow: from the first job whose results exist to the end
    of this run."""
    made = [files[output]["@id"] for job in jobs for output in job.outputs]
    found: Entity = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "Run of koopflow",
        "description": f"{len(jobs)} jobs; seed {settings.get('seed', 0)}; device {settings.get('device', 'auto')}",
        "instrument": {"@id": crate.SNAKEFILE},
        "object": reference([CONFIGURATION, "#seed", *(each["@id"] for each in data)]),
        "result": reference(made),
        "startTime": crate.moment(min(times[0], *(job.start for job in jobs))),
        "endTime": crate.moment(times[1]),
        "actionStatus": f"http://schema.org/{'Failed' if failed else 'Completed'}ActionStatus",
    }
    return found | ({"error": "at least one job failed; the log of the run names it"} if failed else {})


def _seed(settings: Mapping[str, Any]) -> list[Entity]:
    """Return the seed of the run, and the parameter of the workflow that it is."""
    value = {"@id": "#seed", "@type": "PropertyValue", "name": "seed", "value": settings.get("seed", 0)}
    parameter = {"@id": "#parameter/seed", "@type": "FormalParameter", "name": "seed", "additionalType": "Integer"}
    return [
        value | {"exampleOfWork": {"@id": "#parameter/seed"}},
        parameter | {"description": "All randomness derives from it and from names", "workExample": {"@id": "#seed"}},
    ]


def _tools(jobs: list[Job], rules: list[str]) -> Iterator[Entity]:
    """Yield the workflow engine and its language, and the tool and step of each rule."""
    yield {"@id": crate.LANGUAGE, "@type": "ComputerLanguage", "name": "Snakemake", "url": crate.SNAKEMAKE}
    version = next((part.split()[-1] for job in jobs for part in job.software.split(", ") if "snakemake " in part), "")
    yield {"@id": crate.SNAKEMAKE, "@type": "SoftwareApplication", "name": "Snakemake", "softwareVersion": version}
    for rule in rules:
        yield crate.tool_entity(rule, next(job for job in jobs if job.rule == rule))
        yield crate.step_entity(rule)


def _data(jobs: list[Job]) -> list[Entity]:
    """Return the data sets that the jobs read, each once."""
    published = {str(fact["name"]): fact["files"] for job in jobs for fact in job.published}
    found = [crate.data_entity(fact, published) for job in jobs for fact in job.data]
    return list({entity["@id"]: entity for entity in found}.values())


def _packages(jobs: list[Job]) -> list[Entity]:
    """Return the packages that the jobs used, each version once."""
    found = [entity for job in jobs for entity in crate.package_entities(job.software.partition("; ")[2])]
    return list({entity["@id"]: entity for entity in found}.values())


def _steps(jobs: list[Job], files: Mapping[str, Entity], checksums: Mapping[str, str]) -> Iterator[Entity]:
    """Yield the execution of every job, and the files that they read from outside the results."""
    for number, job in enumerate(jobs, 1):
        read = [files[name]["@id"] for name in job.inputs if name in files]
        for name in job.inputs:
            if name not in files and Path(name).exists():
                entity = crate.outside_entity(name, checksums)
                read.append(entity["@id"])
                yield entity
        read += [crate.data_entity(fact, {})["@id"] for fact in job.data]
        yield from crate.action_entities(number, job, read, [files[output]["@id"] for output in job.outputs])
