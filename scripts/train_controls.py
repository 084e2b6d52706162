"""Train what one task's chain is compared with: controls, large steps and the same steps run again; write its tickets."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from koopflow.data.images import load
    from koopflow.io.columns import TICKET_ROUNDS
    from koopflow.io.tables import write_csv
    from koopflow.tickets import jobs as tickets
    from koopflow.tickets.chain import load_chain, write_tickets
    from koopflow.tickets.collection import save_composition

    task, data, seed = snakemake.wildcards.task, snakemake.params.data, snakemake.params.seed
    study = {**snakemake.params.study, "checkpoints": ".checkpoints/training"}
    images = load(data["spec"], data_root=data["root"], seed=seed, named=data["named"])
    chain = load_chain(snakemake.input.chain)
    rounds = tickets.train_controls(task, images, study, chain)
    composition = tickets.train_composition(task, images, study, seed, chain, ".checkpoints/tickets", log.info)
    save_composition(composition, snakemake.output.composition)
    write_tickets(chain, snakemake.output.tickets, tickets.ticket_rounds(study, chain))
    write_csv(rounds, snakemake.output.rounds, TICKET_ROUNDS)
