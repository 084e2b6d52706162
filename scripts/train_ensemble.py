"""Train the ensembles of set-ups (or this job's part of one), or the networks of windows, and record their
trajectories."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from tqdm import tqdm

    from koopflow.config.data import DataSelection
    from koopflow.config.equivalence import Setup
    from koopflow.data.images.loading import load_selection
    from koopflow.io.columns import REPLICAS
    from koopflow.io.rows import write_rows
    from koopflow.training.capture import Capture
    from koopflow.training.checkpoint import Checkpoint
    from koopflow.training.ensemble import Ensemble, train
    from koopflow.training.hooks import Progress

    given, files, data = snakemake.params, snakemake.output, None
    for (name, settings), path, table in zip(given.setups.items(), files.trajectories, files.replicas):
        setup = Setup.load(settings)
        if given.data[name] != data:
            data = given.data[name]
            images = load_selection(DataSelection.load(data), given.seed)
        ensemble = Ensemble(
            range(*given.seeds),
            given.seed,
            ("equivalence", name),
            given.copies,
            given.perturbation,
            shuffled=setup.batch_order == "shuffled",
        )
        with tqdm(total=setup.steps, desc=f"training {name}", unit="step", disable=None) as bar:
            trained = train(
                setup,
                images,
                ensemble,
                hooks=[
                    Capture(path, setup.koopman.observables, given.capture_every, given.first_state),
                    Progress(lambda done, total, bar=bar: bar.update(done - bar.n)),
                ],
                checkpoint=Checkpoint(".checkpoints/equivalence", every_steps=given.checkpoint_interval),
                device=given.device,
            )
        diverged = [trained.diverged.get(replica) for replica in trained.replicas]
        replicas = zip(trained.replicas, trained.accuracy[setup.steps], trained.loss[:, -1], diverged)
        for replica, step in trained.diverged.items():
            log.warning("%s: replica %s diverged at step %d and is left out", name, replica, step)
        write_rows(replicas, table, REPLICAS)
