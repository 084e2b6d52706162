"""Decompose the training of a study's networks, prune them in every way, and write what they are then worth."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import warnings
    from pathlib import Path

    from koopflow.data.images import load
    from koopflow.io.columns import NETWORK_TABLES
    from koopflow.io.tables import read_csv, write_csv
    from koopflow.pruning import study
    from koopflow.pruning.training import Networks
    from koopflow.training.checkpoint import Checkpoint

    given, name, files = snakemake.params, snakemake.wildcards.study, snakemake.input
    images = load(given.data["spec"], data_root=given.data["root"], seed=given.seed, named=given.data["named"])
    own = files.get("networks") is not None
    masks = Path(snakemake.output.masks)
    masks.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tables = study.run(
            name,
            given.study,
            given.methods,
            images,
            files.trajectories,
            Networks.load(files.networks) if own else None,
            seed=given.seed,
            seconds_per_step=float(read_csv(files.training).seconds_per_step[0]) if own else float("nan"),
            checkpoint=Checkpoint(".checkpoints/pruning"),
            device=given.device,
            masks=masks,
        )
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        log.warning(message)
    for table, columns in NETWORK_TABLES.items():
        write_csv(tables[table], snakemake.output[table], columns)
