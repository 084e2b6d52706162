"""Train and prune one task's chain of rounds, from its last finished round."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from koopflow.config.tickets import External, TicketJob
    from koopflow.data.images import load
    from koopflow.tickets.chain import save_chain
    from koopflow.tickets.jobs import TaskJob

    data, seed = snakemake.params.data, snakemake.params.seed
    images = load(data["spec"], data_root=data["root"], seed=seed, named=data["named"])
    elsewhere = External.load(snakemake.params.elsewhere) if snakemake.params.elsewhere else None
    study = TicketJob.load(snakemake.params.study)
    task = TaskJob(snakemake.wildcards.task, images, study, seed, ".checkpoints", log.info, elsewhere)
    chain = task.chain(int(snakemake.wildcards.stop), previous=snakemake.input.previous or None)
    save_chain(chain, snakemake.output.chain)
