"""Draw the figures of the ticket studies."""

from koopflow.workflow.job import job

TABLES = ("rounds", "flow", "exponents", "composition", "ratios", "transfer", "universality", "predictor_tests")
TABLES += ("will_transfer", "common_exponents", "fixed_points", "elastic")

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.config.training import ModelSettings
    from koopflow.figures import elastic, predictors, slices, style, tickets, universality
    from koopflow.io.tables import read_csv

    style.use(StyleSettings.load(snakemake.params.style, "figures.style"))
    table = {name: read_csv(snakemake.input[name]) for name in TABLES}
    draw = {
        "accuracy": lambda own, tasks: tickets.accuracy(own["rounds"], tasks),
        "flow": lambda own, tasks: tickets.flow(own["flow"], own["exponents"], tasks),
        "composition": lambda own, tasks: tickets.composition(own["composition"], own["ratios"], tasks),
        "exponents": lambda own, tasks: universality.exponents(own["exponents"], tasks),
        "transfer_matrix": lambda own, tasks: universality.matrices(
            own["transfer"], tasks, own["exponents"], own["predictor_tests"]
        ),
        "slices": lambda own, tasks: slices.slices(own["flow"], own["common_exponents"], own["fixed_points"], tasks),
        "predictors": lambda own, tasks: predictors.predictors(own["predictor_tests"], own["will_transfer"]),
        "transfer_prediction": lambda own, tasks: universality.prediction(own["transfer"], own["universality"], tasks),
    }
    studies = {
        name: (study["tasks"], ModelSettings.load(study["model"]).label)
        for name, study in snakemake.params.studies.items()
    }
    studies |= {name: ([name], "external") for name in snakemake.params.external}
    for place, (kind, name) in enumerate(snakemake.params.figures):
        if kind == "elastic":
            rows = table["elastic"][table["elastic"]["comparison"] == name]
            figure = elastic.stretched(rows, table["exponents"])
        else:
            tasks, model = studies[name]
            own = {key: frame[frame["model"] == model] for key, frame in table.items() if key != "elastic"}
            figure = draw[kind](own, tasks)
        style.save(figure, snakemake.output[2 * place])
