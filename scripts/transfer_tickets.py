"""Train every task's tickets on one target task."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.data.images import load
    from koopflow.io import npz
    from koopflow.tickets.chain import load_chain
    from koopflow.tickets.jobs import train_transfers

    data, study = snakemake.params.data, {**snakemake.params.study, "checkpoints": ".checkpoints/training"}
    images = load(data["spec"], data_root=data["root"], seed=snakemake.params.seed, named=data["named"])
    chains = {task: load_chain(path) for task, path in zip(study["tasks"], snakemake.input.chains)}
    accuracies = train_transfers(snakemake.wildcards.task, images, study, chains)
    npz.save(snakemake.output[0], "transferred tickets", 1, accuracies)
