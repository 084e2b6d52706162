"""Run the optimizer problem; compare the Koopman spectra of its three methods."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.equivalence import OptimizersStudy
    from koopflow.equivalence.optimizers import losses, trajectories
    from koopflow.equivalence.spectra import optimizer_tables
    from koopflow.io import npz
    from koopflow.io.columns import OPTIMIZER_DISTANCES, OPTIMIZER_EIGENVALUES
    from koopflow.io.tables import write_csv

    study = OptimizersStudy.load(snakemake.params.study, "equivalence.optimizers")
    runs = trajectories(study.dimension, study.step_length, study.states, study.grid)
    eigenvalues, distances = optimizer_tables(runs, study.delays, study.shuffles, snakemake.params.seed, study.draws)
    losses = {f"loss_{name}": values for name, values in losses(runs).items()}
    npz.save(snakemake.output.trajectories, "runs of optimizers", 1, {**runs, **losses})
    write_csv(eigenvalues, snakemake.output.eigenvalues, OPTIMIZER_EIGENVALUES)
    write_csv(distances, snakemake.output.distances, OPTIMIZER_DISTANCES)
