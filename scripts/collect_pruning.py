"""Join the tables of all networks of the pruning studies, and compare methods over seeds."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads):
    import pandas as pd

    from koopflow.pruning import summary
    from koopflow.pruning.columns import TABLES
    from koopflow.tables import read_csv, write_csv

    joined = {name: pd.concat([read_csv(file, columns) for file in snakemake.input[name]]) for name, columns in TABLES.items()}
    for name, columns in TABLES.items():
        write_csv(joined[name], snakemake.output[name], columns)
    differences = summary.differences(joined["accuracy"], joined["overlap"])
    write_csv(differences, snakemake.output.differences, summary.DIFFERENCES)
    write_csv(summary.best(joined["accuracy"]), snakemake.output.best, summary.BEST)
    write_csv(summary.onset(joined["overlap"], joined["spectrum"]), snakemake.output.onset, summary.ONSET)
    write_csv(summary.predictors(joined["overlap"], joined["spectrum"]), snakemake.output.predictors, summary.PREDICTORS)
