"""Join the tables of all networks of the pruning studies, and compare methods over seeds."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from koopflow.io.columns import NETWORK_TABLES, PRUNING_SUMMARIES
    from koopflow.io.tables import read_csv, write_csv
    from koopflow.pruning import summary

    joined = {
        name: summary.joined([read_csv(file, columns) for file in snakemake.input[name]])
        for name, columns in NETWORK_TABLES.items()
    }
    made = {
        "differences": summary.differences(joined["accuracy"], joined["overlap"]),
        "best": summary.best(joined["accuracy"]),
        "onset": summary.onset(joined["overlap"], joined["spectrum"]),
        "predictors": summary.predictors(joined["overlap"], joined["spectrum"]),
        "wins": summary.wins(joined["accuracy"]),
    }
    for study in sorted(set(joined["exclusions"]["study"]) - set(joined["accuracy"]["study"])):
        log.warning("pruning.studies.%s: every network diverged; lower optimizer.learning_rate", study)
    for name, frame in summary.counted({**joined, **made}).items():
        write_csv(frame, snakemake.output[name], {**NETWORK_TABLES, **PRUNING_SUMMARIES}[name])
