"""Compute the verdict of each claim from the tables of the run."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads) as log:
    from koopflow.claims import COLUMNS, evaluate
    from koopflow.claims.estimate import Tables
    from koopflow.tables import read_csv, write_csv

    given = {name: read_csv(path) for name, path in zip(snakemake.params.tables, snakemake.input.tables)}
    claims = evaluate(snakemake.params.claims, Tables(given=given))
    for word, count in claims["verdict"].value_counts().items():
        log.info("%d claims %s", count, word)
    write_csv(claims, snakemake.output[0], COLUMNS)
