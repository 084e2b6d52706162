"""Train tickets of other depths, stretched to the depth of one study, on one task."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.data.images import load
    from koopflow.io.columns import TICKET_ELASTIC
    from koopflow.io.tables import write_csv
    from koopflow.tickets.chain import load_chain
    from koopflow.tickets.checks import model_name
    from koopflow.tickets.jobs import train_stretched

    given, data = snakemake.params, snakemake.params.data
    study = {**given.study, "checkpoints": ".checkpoints/training"}
    images = load(data["spec"], data_root=data["root"], seed=given.seed, named=data["named"])
    chains = {name: load_chain(path) for name, path in zip(given.models, snakemake.input.chains)}
    target = chains.pop(snakemake.wildcards.study)
    sources = {model_name(given.models[name]): chain for name, chain in chains.items()}
    rows = train_stretched(snakemake.wildcards.elastic, images, study, target, sources, given.rounds)
    write_csv(rows, snakemake.output[0], TICKET_ELASTIC)
