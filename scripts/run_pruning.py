"""Train one network of a pruning study, decompose its steps, prune it in every way, and write what it is then worth."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads) as log:
    import warnings

    from koopflow.data import load
    from koopflow.pruning import study
    from koopflow.pruning.columns import TABLES
    from koopflow.tables import write_csv

    params, wildcards = snakemake.params, snakemake.wildcards
    study.threads(snakemake.threads)
    images = load(params.data["spec"], data_root=params.data["root"], seed=params.seed, named=params.data["named"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tables = study.run(wildcards.study, params.study, params.methods, images, params.seed, int(wildcards.seed))
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        log.warning(message)
    for name, columns in TABLES.items():
        write_csv(tables[name], snakemake.output[name], columns)
