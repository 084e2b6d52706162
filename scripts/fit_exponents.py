"""Turn chains of all tasks, and rounds trained elsewhere, into the tables of the study."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads) as log:
    from koopflow.tables import read_csv, write_csv
    from koopflow.tickets import report
    from koopflow.tickets.tables import ROUNDS

    study, tasks, files = snakemake.params.study, snakemake.params.tasks, snakemake.input
    trained = report.read_study(tasks, files.chains, files.large, files.rerun, files.transferred)
    rounds = [read_csv(path, ROUNDS) for path in files.rounds]
    for name, (frame, columns) in report.all_tables(study, trained, rounds, log.info).items():
        write_csv(frame, snakemake.output[name], columns)
