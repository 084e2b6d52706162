"""Train tickets of other depths, stretched to the depth of one study, on one task."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.tickets import TicketJob
    from koopflow.config.training import ModelSettings
    from koopflow.data.images import load
    from koopflow.io.columns import TICKET_ELASTIC
    from koopflow.io.tables import write_csv
    from koopflow.tickets.chain import load_chain
    from koopflow.tickets.jobs import TaskJob, train_stretched

    given, data, place = snakemake.params, snakemake.params.data, snakemake.wildcards
    images = load(data["spec"], data_root=data["root"], seed=given.seed, named=data["named"])
    chains = {name: load_chain(path) for name, path in zip(given.models, snakemake.input.chains)}
    target = chains.pop(place.study)
    sources = {ModelSettings.load(given.models[name]).label: chain for name, chain in chains.items()}
    task = TaskJob(place.task, images, TicketJob.load(given.study), given.seed, ".checkpoints")
    write_csv(train_stretched(task, place.elastic, target, sources, given.rounds), snakemake.output[0], TICKET_ELASTIC)
