"""Train the controls of one task's chain, and write its tickets."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from koopflow.config.tickets import TicketJob
    from koopflow.data.images import load
    from koopflow.io.columns import TICKET_ROUNDS
    from koopflow.io.tables import write_csv
    from koopflow.tickets import jobs
    from koopflow.tickets.chain import load_chain, write_tickets
    from koopflow.tickets.trained import save_composition

    data, seed = snakemake.params.data, snakemake.params.seed
    images = load(data["spec"], data_root=data["root"], seed=seed, named=data["named"])
    study = TicketJob.load(snakemake.params.study)
    task = jobs.TaskJob(snakemake.wildcards.task, images, study, seed, ".checkpoints", log.info)
    chain = load_chain(snakemake.input.chain)
    rounds = jobs.train_controls(task, chain)
    save_composition(jobs.train_composition(task, chain), snakemake.output.composition)
    write_tickets(chain, snakemake.output.tickets, jobs.ticket_rounds(study, chain))
    write_csv(rounds, snakemake.output.rounds, TICKET_ROUNDS)
