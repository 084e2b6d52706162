"""Train every task's tickets on one target task."""

from koopflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow import arrays
    from koopflow.data import load
    from koopflow.tickets.chain import load_chain
    from koopflow.tickets.study import train_transfers

    data, study = snakemake.params.data, {**snakemake.params.study, "checkpoints": ".checkpoints/training"}
    images = load(data["spec"], data_root=data["root"], seed=snakemake.params.seed, named=data["named"])
    chains = {task: load_chain(path) for task, path in zip(study["tasks"], snakemake.input.chains)}
    accuracies = train_transfers(snakemake.wildcards.task, images, study, chains)
    arrays.save(snakemake.output[0], "transferred tickets", 1, accuracies)
