"""Train every task's tickets on one target task."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.tickets import TicketJob
    from koopflow.data.images import load
    from koopflow.io import npz
    from koopflow.tickets.chain import load_chain
    from koopflow.tickets.jobs import TaskJob, train_transfers

    data, study = snakemake.params.data, TicketJob.load(snakemake.params.study)
    images = load(data["spec"], data_root=data["root"], seed=snakemake.params.seed, named=data["named"])
    chains = {task: load_chain(path) for task, path in zip(study.tasks, snakemake.input.chains)}
    target = TaskJob(snakemake.wildcards.task, images, study, snakemake.params.seed, ".checkpoints")
    npz.save(snakemake.output[0], "transferred tickets", 1, train_transfers(target, chains))
