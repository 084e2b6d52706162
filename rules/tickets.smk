# Winning tickets as a renormalization-group flow (arXiv 2110.03210): chains of pruning rounds, controls, transfer, exponents.
import re

from koopflow.tickets.checks import check_config

TICKETS = checked(check_config, config["tickets"], config["data"])
TICKET_TASKS = TICKETS["tasks"]
# What decides a chain: its length is not among them, so that a longer study goes on from a shorter one.
TICKET_TRAINING = ("model", "optimizer", "batch_size", "steps", "seeds", "fraction", "scope", "rewind_step")


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
        **sizes.asked(sizes.small(mem_mb=sizes.TORCH_MB)),
        turns=ALL_TURNS,
    params:
        data={task: data_of(task) for task in TICKET_TASKS},
        study={key: TICKETS[key] for key in ("batch_size", "external")},
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
        chain="<results>/tickets/chains/{task}/rounds-{stop}.npz",
    log:
        "<logs>/train_rounds/{task}-{stop}.log",
    benchmark:
        "<benchmarks>/train_rounds/{task}-{stop}.tsv"
    wildcard_constraints:
        task="|".join(map(re.escape, TICKET_TASKS)),
        stop="[0-9]+",
    priority: 60
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **sizes.asked(size_of_rounds),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study={key: value for key, value in TICKETS.items() if key in TICKET_TRAINING},
        seed=config["seed"],
    message:
        "Pruning {wildcards.task} round by round, up to {wildcards.stop} rounds"
    script:
        "../scripts/train_rounds.py"


rule train_controls:
    input:
        chain=lambda wildcards: whole_chain(wildcards.task),
        code=library("train_controls"),
    output:
        rounds="<results>/tickets/chains/{task}/rounds.csv",
        large="<results>/tickets/chains/{task}/large-steps.npz",
        rerun="<results>/tickets/chains/{task}/run-again.npz",
        tickets=directory("<results>/tickets/files/{task}"),
    log:
        "<logs>/train_controls/{task}.log",
    benchmark:
        "<benchmarks>/train_controls/{task}.tsv"
    wildcard_constraints:
        task="|".join(map(re.escape, TICKET_TASKS)),
    priority: 50
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **sizes.asked(size_of_controls),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study={key: value for key, value in TICKETS.items() if key in (*TICKET_TRAINING, "controls", "transfer", "composition")},
        seed=config["seed"],
    message:
        "Training the controls of the tickets of {wildcards.task}"
    script:
        "../scripts/train_controls.py"


rule transfer_tickets:
    input:
        chains=[whole_chain(task) for task in TICKET_TASKS],
        code=library("transfer_tickets"),
    output:
        "<results>/tickets/chains/{task}/transferred.npz",
    log:
        "<logs>/transfer_tickets/{task}.log",
    benchmark:
        "<benchmarks>/transfer_tickets/{task}.tsv"
    wildcard_constraints:
        task="|".join(map(re.escape, TICKET_TASKS)),
    priority: 50
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **sizes.asked(size_of_transfer),
        **GPU,
    params:
        data=lambda wildcards: data_of(wildcards.task),
        study={key: value for key, value in TICKETS.items() if key in (*TICKET_TRAINING, "transfer")},
        tasks=TICKET_TASKS,
        seed=config["seed"],
    message:
        "Training all tickets on {wildcards.task}"
    script:
        "../scripts/transfer_tickets.py"


rule fit_exponents:
    input:
        chains=[whole_chain(task) for task in TICKET_TASKS],
        rounds=expand("<results>/tickets/chains/{task}/rounds.csv", task=TICKET_TASKS),
        large=expand("<results>/tickets/chains/{task}/large-steps.npz", task=TICKET_TASKS),
        rerun=expand("<results>/tickets/chains/{task}/run-again.npz", task=TICKET_TASKS),
        transferred=expand("<results>/tickets/chains/{task}/transferred.npz", task=TICKET_TASKS),
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
    log:
        "<logs>/fit_exponents.log",
    benchmark:
        "<benchmarks>/fit_exponents.tsv"
    priority: 50
    conda:
        "../envs/tickets.yaml"
    threads: 1
    resources:
        **sizes.asked(sizes.small(60, 1000)),
    params:
        study=TICKETS,
        tasks=TICKET_TASKS,
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
        code=library("plot_tickets"),
    output:
        accuracy=figure("tickets_accuracy"),
        flow=figure("tickets_flow"),
        exponents=figure("tickets_exponents"),
        matrices=figure("tickets_transfer_matrix"),
        prediction=figure("tickets_transfer_prediction"),
        composition=figure("tickets_composition"),
    log:
        "<logs>/plot_tickets.log",
    benchmark:
        "<benchmarks>/plot_tickets.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **sizes.asked(sizes.small()),
    params:
        style=config["figures"]["style"],
        tasks=TICKET_TASKS,
    message:
        "Drawing flows, exponents and transfer of tickets"
    script:
        "../scripts/plot_tickets.py"


rule tickets:
    input:
        rules.check_tickets.output,
        rules.fit_exponents.output,
        rules.plot_tickets.output,
