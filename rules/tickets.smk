# Winning tickets as a renormalization-group flow (arXiv 2110.03210): chains of pruning rounds, controls, transfer, exponents.
import re

TICKETS = config["tickets"]
TICKET_MODELS = checked(ticket_studies, STUDY.tickets, STUDY.data)
TICKET_STUDIES = {name: study.dump() for name, study in TICKET_MODELS.items()}
TICKET_TASKS = list(dict.fromkeys(task for study in TICKET_STUDIES.values() for task in study["tasks"]))
# What decides a chain: its length is not among them, so that a longer study goes on from a shorter one.
TICKET_TRAINING = ("model", "optimizer", "batch_size", "steps", "seeds", "fraction", "scope", "rewind_step")


TICKET_WILDCARDS = {
    "study": "|".join(map(re.escape, TICKET_STUDIES)) or "none",
    "task": "|".join(map(re.escape, TICKET_TASKS)) or "none",
    "elastic": "|".join(map(re.escape, TICKETS["elastic"])) or "none",
    "stop": "[0-9]+",
}


rule check_tickets:
    input:
        external=[entry["folder"] for entry in TICKETS["external"].values()],
        code=library("check_tickets"),
    output:
        "<results>/checks/tickets.json",
    log:
        "<logs>/check_tickets.log",
    benchmark:
        "<benchmarks>/check_tickets.tsv"
    priority: 100
    localrule: True
    conda:
        "../envs/tickets.yaml"
    threads: EVERY_CORE
    resources:
        **estimates.asked(estimates.small(mem_mb=estimates.TORCH_MB)),
        turns=ALL_TURNS,
    params:
        data={task: data_of(task) for task in TICKET_TASKS},
        studies={name: {key: study[key] for key in ("tasks", "model", "batch_size")} for name, study in TICKET_STUDIES.items()},
        tickets={key: TICKETS[key] for key in ("elastic", "external")},
        seed=config["seed"],
    message:
        "Checking the tasks and tickets before anything is trained"
    script:
        "../scripts/check_tickets.py"


rule train_rounds:
    input:
        previous=previous_rounds,
        code=library("train_rounds"),
    output:
        chain="<results>/tickets/chains/{study}/{task}/rounds-{stop}.npz",
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
        **estimates.asked(size_of_rounds),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study=of_study(),
        seed=config["seed"],
    message:
        "Pruning {wildcards.task} round by round, up to {wildcards.stop} rounds ({wildcards.study})"
    script:
        "../scripts/train_rounds.py"


rule train_controls:
    input:
        chain=lambda wildcards: whole_chain(wildcards.study, wildcards.task),
        code=library("train_controls"),
    output:
        rounds="<results>/tickets/chains/{study}/{task}/rounds.csv",
        composition=directory("<results>/tickets/chains/{study}/{task}/composition"),
        tickets=directory("<results>/tickets/files/{study}/{task}"),
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
        **estimates.asked(size_of_controls),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study=of_study("controls", "transfer", "composition"),
        seed=config["seed"],
    message:
        "Training the controls of the tickets of {wildcards.task} ({wildcards.study})"
    script:
        "../scripts/train_controls.py"


rule transfer_tickets:
    input:
        chains=lambda wildcards: whole_chains(wildcards.study),
        code=library("transfer_tickets"),
    output:
        "<results>/tickets/chains/{study}/{task}/transferred.npz",
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
        **estimates.asked(size_of_transfer),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study=of_study("tasks", "transfer"),
        seed=config["seed"],
    message:
        "Training all tickets on {wildcards.task} ({wildcards.study})"
    script:
        "../scripts/transfer_tickets.py"


rule stretch_tickets:
    input:
        chains=lambda wildcards: [whole_chain(study, wildcards.task) for study in TICKETS["elastic"][wildcards.elastic]["studies"]],
        code=library("stretch_tickets"),
    output:
        "<results>/tickets/elastic/{elastic}/{study}/{task}.csv",
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
        **estimates.asked(size_of_stretching),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study=of_study(),
        models=lambda wildcards: {
            study: TICKET_STUDIES[study]["model"] for study in TICKETS["elastic"][wildcards.elastic]["studies"]
        },
        rounds=lambda wildcards: TICKETS["elastic"][wildcards.elastic]["rounds"],
        seed=config["seed"],
    message:
        "Training tickets of other depths on {wildcards.task} ({wildcards.study})"
    script:
        "../scripts/stretch_tickets.py"


rule fit_exponents:
    input:
        chains=[path for study in TICKET_STUDIES for path in whole_chains(study)],
        rounds=trained_for_tickets("rounds.csv"),
        composition=trained_for_tickets("composition"),
        transferred=trained_for_tickets("transferred.npz"),
        elastic=[path for name in TICKETS["elastic"] for path in stretched_tickets(name)],
        external=[entry["folder"] for entry in TICKETS["external"].values()],
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
        **estimates.asked(estimates.small(60, 1000)),
    params:
        tickets={key: TICKETS[key] for key in ("coupling", "window", "margin", "external")},
        studies={
            name: {key: study[key] for key in ("tasks", "model", "grouping", "rounds", "transfer")}
            for name, study in TICKET_STUDIES.items()
        },
        folder=lambda wildcards, output: os.path.join(os.path.dirname(output.rounds), "chains"),
    message:
        "Fitting exponents and comparing them with transfer"
    script:
        "../scripts/fit_exponents.py"


rule plot_tickets:
    input:
        rounds=rules.fit_exponents.output.rounds,
        flow=rules.fit_exponents.output.flow,
        exponents=rules.fit_exponents.output.exponents,
        composition=rules.fit_exponents.output.composition,
        ratios=rules.fit_exponents.output.ratios,
        transfer=rules.fit_exponents.output.transfer,
        universality=rules.fit_exponents.output.universality,
        elastic=rules.fit_exponents.output.elastic,
        code=library("plot_tickets"),
    output:
        [file for kind, name in ticket_figures() for file in figure(f"tickets_{kind}", name)],
    log:
        "<logs>/plot_tickets.log",
    benchmark:
        "<benchmarks>/plot_tickets.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        style=config["figures"]["style"],
        figures=ticket_figures(),
        external=list(TICKETS["external"]),
        studies={name: {key: study[key] for key in ("tasks", "model")} for name, study in TICKET_STUDIES.items()},
    message:
        "Drawing flows, exponents and transfer of tickets"
    script:
        "../scripts/plot_tickets.py"


rule tickets:
    input:
        rules.check_tickets.output,
        rules.fit_exponents.output,
        rules.plot_tickets.output,
