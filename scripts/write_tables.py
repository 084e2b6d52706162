"""Write the tables of the report as web pages."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from pathlib import Path

    from koopflow.cli.report_tables import page
    from koopflow.core.registry import imported
    from koopflow.io.tables import read_csv

    for target, source, path in zip(snakemake.params.shown, snakemake.input.tables, snakemake.output):
        shown = imported(target, path, "table")
        Path(path).write_text(page(shown, source, read_csv(source)), encoding="utf-8")
