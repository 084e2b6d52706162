"""Check the data of a stage before its jobs run, and write the findings."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import json
    from pathlib import Path

    from koopflow.core.registry import imported

    check = imported(snakemake.params.function, snakemake.wildcards.stage, "check")
    found = check(**snakemake.params.settings)
    for line in found if isinstance(found, list) else ():
        log.info(line)
    Path(snakemake.output[0]).write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
