"""Fit a Koopman operator to each window of iterations of one study of windows."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from koopflow.config.equivalence import KoopmanSettings
    from koopflow.equivalence.windows import seeds_of, window_eigenvalues
    from koopflow.io.columns import REPLICAS, WINDOW_EIGENVALUES
    from koopflow.io.tables import read_csv, write_csv
    from koopflow.koopman.fitted_runs import FitOptions
    from koopflow.trajectory import Trajectory

    given, name = snakemake.params, snakemake.wildcards.setup
    koopman = KoopmanSettings.load(given.koopman, f"equivalence.windows.{name}.koopman")
    replicas = read_csv(snakemake.input.replicas, REPLICAS, dtype={"replica": str})
    diverged = replicas["replica"][replicas["diverged_at"].notna()].tolist()
    with Trajectory(snakemake.input.trajectories) as trajectory:
        runs = seeds_of(trajectory, given.copies, diverged, replicas["replica"].tolist())
        options = FitOptions(svd_rank=koopman.rank, delays=koopman.delays)
        found = window_eigenvalues(name, runs, given.window, options)
    count = len(found[["seed", "window"]].drop_duplicates())
    log.info("%s: %d windows fitted, %d replicas left out as diverged", name, count, len(diverged))
    write_csv(found, snakemake.output[0], WINDOW_EIGENVALUES)
