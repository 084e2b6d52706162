"""Check the data of the ticket studies before anything is trained."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import json
    from pathlib import Path

    from koopflow.data.images.outline import look
    from koopflow.tickets.checks import check_data

    params = snakemake.params
    images = {
        task: look(data["spec"], data_root=data["root"], seed=params.seed, named=data["named"])
        for task, data in params.data.items()
    }
    found = check_data(params.tickets, params.studies, images)
    for line in found:
        log.info(line)
    Path(snakemake.output[0]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
