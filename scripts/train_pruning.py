"""Train the networks of a pruning study as one ensemble, and record every step of its windows."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import time

    from tqdm import tqdm

    from koopflow.config.pruning import PrunedTraining
    from koopflow.data.images import load
    from koopflow.io.columns import TRAINING_COST
    from koopflow.io.rows import write_rows
    from koopflow.pruning import training
    from koopflow.training.checkpoint import Checkpoint

    given, name = snakemake.params, snakemake.wildcards.study
    images = load(given.data["spec"], data_root=given.data["root"], seed=given.seed, named=given.data["named"])
    begun, steps = time.perf_counter(), []
    with tqdm(desc=f"training {name}", unit="step", disable=None) as bar:

        def progress(done, total):
            steps.append(done)  # steps of this process only: an interrupted training resumes in another
            bar.total = total
            bar.update(done - bar.n)

        networks = training.train(
            PrunedTraining.load(given.study),
            images,
            training.Members(name, given.seed, range(*given.networks)),
            snakemake.output.trajectories,
            given.window,
            checkpoint=Checkpoint(".checkpoints/pruning", every_steps=given.checkpoint_interval),
            device=given.device,
            progress=progress,
        )
    seconds = (time.perf_counter() - begun) / len(steps) / len(networks.seeds)
    networks.save(snakemake.output.networks)
    for seed, step in networks.diverged.items():
        log.warning("%s: network %s diverged at step %d and is left out", name, seed, step)
    write_rows([[seconds]], snakemake.output.cost, TRAINING_COST)
