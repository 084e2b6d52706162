# Winning tickets as a renormalization-group flow (arXiv 2110.03210): chains of pruning rounds, controls, transfer, exponents.
TICKETS = PLANS["tickets"]
CHAINS = "<results>/tickets/chains"
TICKET_WILDCARDS = {
    "study": one_of(TICKETS.studies),
    "task": one_of(TICKETS.tasks),
    "elastic": one_of(TICKETS.settings.elastic),
    "stop": "[0-9]+",
}


rule train_rounds:
    input:
        previous=lambda wildcards: TICKETS.previous_chain(CHAINS, wildcards.study, wildcards.task, int(wildcards.stop)),
        elsewhere=lambda wildcards: TICKETS.folders_elsewhere(wildcards.study, wildcards.task),
        code=library("train_rounds"),
    output:
        chain=state("<results>/tickets/chains/{study}/{task}/rounds-{stop}.npz"),
    log:
        "<logs>/train_rounds/{study}/{task}-{stop}.log",
    benchmark:
        "<benchmarks>/train_rounds/{study}/{task}-{stop}.tsv"
    wildcard_constraints:
        **TICKET_WILDCARDS,
    priority: 60
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **estimates.asked(
            lambda wildcards: TICKETS.rounds_estimate(wildcards.study, wildcards.task, int(wildcards.stop))
        ),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study=lambda wildcards: TICKETS.job(wildcards.study).dump(),
        elsewhere=lambda wildcards: TICKETS.elsewhere(wildcards.study, wildcards.task),
        seed=SETTINGS.seed,
    message:
        "Pruning {wildcards.task} round by round, up to {wildcards.stop} rounds ({wildcards.study})"
    script:
        "../scripts/train_rounds.py"


rule train_controls:
    input:
        chain=lambda wildcards: TICKETS.chain(CHAINS, wildcards.study, wildcards.task),
        code=library("train_controls"),
    output:
        rounds=part("<results>/tickets/chains/{study}/{task}/rounds.csv"),
        composition=state(directory("<results>/tickets/chains/{study}/{task}/composition")),
        tickets=part(directory("<results>/tickets/files/{study}/{task}")),
    log:
        "<logs>/train_controls/{study}/{task}.log",
    benchmark:
        "<benchmarks>/train_controls/{study}/{task}.tsv"
    wildcard_constraints:
        **TICKET_WILDCARDS,
    priority: 50
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **estimates.asked(lambda wildcards: TICKETS.controls_estimate(wildcards.study, wildcards.task)),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study=lambda wildcards: TICKETS.job(wildcards.study, "controls", "transfer", "composition").dump(),
        seed=SETTINGS.seed,
    message:
        "Training controls for the tickets of {wildcards.task} ({wildcards.study})"
    script:
        "../scripts/train_controls.py"


rule transfer_tickets:
    input:
        chains=lambda wildcards: TICKETS.chains(CHAINS, wildcards.study),
        code=library("transfer_tickets"),
    output:
        state("<results>/tickets/chains/{study}/{task}/transferred.npz"),
    log:
        "<logs>/transfer_tickets/{study}/{task}.log",
    benchmark:
        "<benchmarks>/transfer_tickets/{study}/{task}.tsv"
    wildcard_constraints:
        **TICKET_WILDCARDS,
    priority: 50
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **estimates.asked(lambda wildcards: TICKETS.transfer_estimate(wildcards.study, wildcards.task)),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study=lambda wildcards: TICKETS.job(wildcards.study, "tasks", "transfer").dump(),
        seed=SETTINGS.seed,
    message:
        "Training all tickets on {wildcards.task} ({wildcards.study})"
    script:
        "../scripts/transfer_tickets.py"


rule predict_transfer:
    input:
        chains=lambda wildcards: TICKETS.chains(CHAINS, wildcards.study),
        code=library("predict_transfer"),
    output:
        part("<results>/tickets/chains/{study}/{task}/scores.csv"),
    log:
        "<logs>/predict_transfer/{study}/{task}.log",
    benchmark:
        "<benchmarks>/predict_transfer/{study}/{task}.tsv"
    wildcard_constraints:
        **TICKET_WILDCARDS,
    priority: 50
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **estimates.asked(lambda wildcards: TICKETS.prediction_estimate(wildcards.study, wildcards.task)),
        **GPU,
    params:
        data=lambda wildcards: {task: data_of(task) for task in TICKETS.studies[wildcards.study].tasks},
        study=lambda wildcards: TICKETS.job(wildcards.study, "tasks", "transfer", "predictors", "grouping").dump(),
        window=TICKETS.settings.window.dump(),
        coupling=TICKETS.settings.coupling,
        seed=SETTINGS.seed,
    message:
        "Scoring what may predict the transfer to {wildcards.task} ({wildcards.study})"
    script:
        "../scripts/predict_transfer.py"


rule stretch_tickets:
    input:
        chains=lambda wildcards: TICKETS.compared_chains(CHAINS, wildcards.elastic, wildcards.task),
        code=library("stretch_tickets"),
    output:
        part("<results>/tickets/elastic/{elastic}/{study}/{task}.csv"),
    log:
        "<logs>/stretch_tickets/{elastic}/{study}/{task}.log",
    benchmark:
        "<benchmarks>/stretch_tickets/{elastic}/{study}/{task}.tsv"
    wildcard_constraints:
        **TICKET_WILDCARDS,
    priority: 50
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **estimates.asked(
            lambda wildcards: TICKETS.stretching_estimate(wildcards.study, wildcards.task, wildcards.elastic)
        ),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study=lambda wildcards: TICKETS.job(wildcards.study).dump(),
        models=lambda wildcards: TICKETS.models(wildcards.elastic),
        rounds=lambda wildcards: list(TICKETS.settings.elastic[wildcards.elastic].rounds),
        seed=SETTINGS.seed,
    message:
        "Training tickets of other depths on {wildcards.task} ({wildcards.study})"
    script:
        "../scripts/stretch_tickets.py"


rule fit_exponents:
    input:
        chains=[path for study in TICKETS.studies for path in TICKETS.chains(CHAINS, study)],
        rounds=TICKETS.task_files(CHAINS, "rounds.csv"),
        composition=TICKETS.task_files(CHAINS, "composition"),
        transferred=TICKETS.transferred(CHAINS),
        predicted=TICKETS.predicted(CHAINS),
        elastic=TICKETS.stretched("<results>/tickets/elastic"),
        external=TICKETS.external,
        code=library("fit_exponents"),
    output:
        rounds="<results>/tickets/rounds.csv",
        flow="<results>/tickets/flow.csv",
        exponents="<results>/tickets/exponents.csv",
        composition="<results>/tickets/composition.csv",
        ratios="<results>/tickets/composition_ratios.csv",
        fixed_point="<results>/tickets/fixed_point.csv",
        linearization="<results>/tickets/linearization.csv",
        transfer="<results>/tickets/transfer.csv",
        universality="<results>/tickets/universality.csv",
        predictors="<results>/tickets/predictors.csv",
        predictor_tests="<results>/tickets/predictor_tests.csv",
        will_transfer="<results>/tickets/will_transfer.csv",
        common_exponents="<results>/tickets/common_exponents.csv",
        initialization_exponents="<results>/tickets/initialization_exponents.csv",
        exponent_verdicts="<results>/tickets/exponent_verdicts.csv",
        depth="<results>/tickets/depth.csv",
        fixed_points="<results>/tickets/fixed_points.csv",
        elastic="<results>/tickets/elastic.csv",
    log:
        "<logs>/fit_exponents.log",
    benchmark:
        "<benchmarks>/fit_exponents.tsv"
    priority: 50
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **estimates.asked(TICKETS.collection_estimate()),
    params:
        tickets=some(TICKETS.settings, "coupling", "window", "margin", "external"),
        studies=TICKETS.part("tasks", "model", "grouping", "rounds", "transfer", "predictors"),
        folder=lambda wildcards, output: os.path.join(os.path.dirname(output.rounds), "chains"),
    message:
        "Fitting exponents and comparing them with transfer"
    script:
        "../scripts/fit_exponents.py"


use rule plot as plot_tickets with:
    input:
        rounds=rules.fit_exponents.output.rounds,
        flow=rules.fit_exponents.output.flow,
        exponents=rules.fit_exponents.output.exponents,
        composition=rules.fit_exponents.output.composition,
        ratios=rules.fit_exponents.output.ratios,
        transfer=rules.fit_exponents.output.transfer,
        universality=rules.fit_exponents.output.universality,
        predictor_tests=rules.fit_exponents.output.predictor_tests,
        will_transfer=rules.fit_exponents.output.will_transfer,
        common_exponents=rules.fit_exponents.output.common_exponents,
        fixed_points=rules.fit_exponents.output.fixed_points,
        elastic=rules.fit_exponents.output.elastic,
        code=library("plot_tickets"),
    output:
        [file for kind, name in TICKETS.figures() for file in figure(f"tickets_{kind}", name)],
    log:
        "<logs>/plot_tickets.log",
    benchmark:
        "<benchmarks>/plot_tickets.tsv"
    resources:
        **estimates.asked(estimates.drawing(len(TICKETS.figures()))),
    params:
        script="plot_tickets",
        style=SETTINGS.figures.style.dump(),
        figures=TICKETS.figures(),
        external=list(TICKETS.settings.external),
        studies=TICKETS.part("tasks", "model"),
    message:
        "Drawing flows, exponents and transfer of tickets"


rule tickets:
    input:
        "<results>/checks/tickets.json",
        rules.fit_exponents.output,
        rules.plot_tickets.output,
