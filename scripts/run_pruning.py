"""Prune the networks of a study by every method, and write the tables."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import warnings
    from pathlib import Path

    from koopflow.config.pruning import PruningMethod, PruningStudy
    from koopflow.data.images import load
    from koopflow.io.columns import NETWORK_TABLES
    from koopflow.io.tables import read_csv, write_csv
    from koopflow.pruning.job import Job
    from koopflow.pruning.study import run
    from koopflow.pruning.training import Networks
    from koopflow.training.checkpoint import Checkpoint
    from koopflow.trajectory import Trajectory

    given, name, files = snakemake.params, snakemake.wildcards.study, snakemake.input
    images = load(given.data["spec"], data_root=given.data["root"], seed=given.seed, named=given.data["named"])
    own = files.get("networks") is not None
    masks = Path(snakemake.output.masks)
    masks.mkdir(parents=True, exist_ok=True)
    with Trajectory(files.trajectories) as trajectory, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        job_of_part = Job(
            name,
            PruningStudy.load(given.study),
            {method: PruningMethod.load(settings) for method, settings in given.methods.items()},
            images,
            trajectory,
            Networks.load(files.networks) if own else Networks.recorded(trajectory.replicas),
            seed=given.seed,
            seconds_per_step=float(read_csv(files.training).seconds_per_step[0]) if own else float("nan"),
            device=given.device,
        )
        tables = run(job_of_part, Checkpoint(".checkpoints/pruning"), masks)
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        log.warning(message)
    for table, columns in NETWORK_TABLES.items():
        write_csv(tables[table], snakemake.output[table], columns)
