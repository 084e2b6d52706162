"""Take the example weights of published figures from trajectories."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import pandas as pd

    from koopflow.io.columns import EXAMPLE_WEIGHTS
    from koopflow.io.tables import write_csv
    from koopflow.papers.examples import example_weights
    from koopflow.trajectory import Trajectory

    rows = []
    for setup, path in zip(snakemake.params.setups, snakemake.input.trajectories):
        with Trajectory(path) as trajectory:
            rows.append(example_weights(setup, trajectory))
    write_csv(pd.concat(rows), snakemake.output[0], EXAMPLE_WEIGHTS)
