"""Compute the verdict on each claim from the tables of the run."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from pathlib import Path

    from koopflow.claims.page import as_rst
    from koopflow.claims.tables import Tables
    from koopflow.claims.verdicts import judge
    from koopflow.config.claims import ClaimsSettings
    from koopflow.io.columns import CLAIMS
    from koopflow.io.tables import read_csv, write_csv

    given = {name: read_csv(path) for name, path in zip(snakemake.params.tables, snakemake.input.tables)}
    claims = judge(ClaimsSettings.load(snakemake.params.claims, "claims"), Tables(given=given))
    for word, count in claims["verdict"].value_counts().items():
        log.info("%d claims %s", count, word)
    write_csv(claims, snakemake.output.table, CLAIMS)
    Path(snakemake.output.page).write_text(as_rst(claims), encoding="utf-8")
