"""Write the tables of the report as web pages."""

from koopflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from pathlib import Path

    from koopflow.report import page
    from koopflow.tables import read_csv

    for name, source, target in zip(snakemake.params.names, snakemake.input.tables, snakemake.output):
        Path(target).write_text(page(name, source, read_csv(source)), encoding="utf-8")
