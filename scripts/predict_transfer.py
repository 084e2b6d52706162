"""Score all predictors of transfer for the tickets that are tried on one target task."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.tickets import TicketJob, WindowSettings
    from koopflow.data.images import load
    from koopflow.io.columns import TICKET_SCORES
    from koopflow.io.tables import write_csv
    from koopflow.rg.exponents import WindowRule
    from koopflow.tickets.chain import load_chain
    from koopflow.tickets.jobs import TaskJob
    from koopflow.tickets.predictors.job import needs_images, scores_table

    given, study, target = snakemake.params, TicketJob.load(snakemake.params.study), snakemake.wildcards.task
    wanted = study.tasks if needs_images(study.predictors.names) else (target,)
    images = {
        task: load(data["spec"], data_root=data["root"], seed=given.seed, named=data["named"])
        for task, data in given.data.items()
        if task in wanted
    }
    chains = {task: load_chain(path) for task, path in zip(study.tasks, snakemake.input.chains)}
    job_here = TaskJob(target, images[target], study, given.seed)
    rule = WindowRule(**WindowSettings.load(given.window).dump())
    frame = scores_table(job_here, chains, study.predictors.names, rule, images, given.coupling)
    write_csv(frame, snakemake.output[0], TICKET_SCORES)
