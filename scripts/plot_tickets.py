"""Draw the figures of the ticket study."""

from koopflow.job import job

TABLES = ("rounds", "flow", "exponents", "composition", "ratios", "transfer", "universality")
FIGURES = ("accuracy", "flow", "composition", "exponents", "matrices", "prediction")

with job(snakemake.log[0], threads=snakemake.threads):
    from koopflow.figures import style, tickets, universality
    from koopflow.tables import read_csv

    style.use(snakemake.params.style)
    table = {name: read_csv(snakemake.input[name]) for name in TABLES}
    out = {name: snakemake.output[name][0] for name in FIGURES}
    tasks = snakemake.params.tasks
    style.save(tickets.accuracy(table["rounds"], tasks), out["accuracy"])
    style.save(tickets.flow(table["flow"], table["exponents"], tasks), out["flow"])
    style.save(tickets.composition(table["composition"], table["ratios"], tasks), out["composition"])
    style.save(universality.exponents(table["exponents"], tasks), out["exponents"])
    style.save(universality.matrices(table["transfer"], tasks), out["matrices"])
    style.save(universality.prediction(table["transfer"], table["universality"], tasks), out["prediction"])
