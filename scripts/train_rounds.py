"""Train and prune one task's chain of rounds, from where it stands."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from koopflow.data.images import load
    from koopflow.tickets.chain import save_chain
    from koopflow.tickets.jobs import train_rounds

    data, seed = snakemake.params.data, snakemake.params.seed
    images = load(data["spec"], data_root=data["root"], seed=seed, named=data["named"])
    chain = train_rounds(
        snakemake.wildcards.task,
        images,
        {**snakemake.params.study, "checkpoints": ".checkpoints/training"},
        seed,
        int(snakemake.wildcards.stop),
        checkpoints=".checkpoints/tickets",
        previous=snakemake.input.previous or None,
        say=log.info,
    )
    save_chain(chain, snakemake.output.chain)
