"""Write the tables of the report as web pages."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from pathlib import Path

    from koopflow.cli.report import page
    from koopflow.io.tables import read_csv

    for name, source, target in zip(snakemake.params.names, snakemake.input.tables, snakemake.output):
        Path(target).write_text(page(name, source, read_csv(source)), encoding="utf-8")
