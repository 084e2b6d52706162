# What each stage's jobs ask of a scheduler: koopflow.workflow.estimates, given what the wildcards name. On one machine only the threads count.
from math import comb

from koopflow.workflow import estimates

# A GPU for the jobs that train ensembles and tickets, when the config asks for it.
GPU = {"gpu": config["gpu"]} if config["gpu"] else {}

# profiles/slurm gives a run this many turns and a job one of them: a check takes all, so that on a cluster, too, nothing is computed
# before the checks have passed. Runs that set no such limit are not held by it; there, checks take every core.
ALL_TURNS = 1000


def size_of_part(wildcards):
    """The size of training one part of a set-up's ensemble."""
    setup = SETUPS[wildcards.setup]
    first, stop = PARTS[int(wildcards.part)]
    replicas = (stop - first) * TRAINING["copies"]
    return estimates.ensemble(setup, data_of(setup["data"]), replicas, config["gpu"], config["threads"])


def size_of_fits(wildcards):
    """The size of fitting one set-up's spectra."""
    setup = SETUPS[wildcards.setup]
    counts = TRAINING["seeds"], TRAINING["copies"], TRAINING["capture_every"]
    return estimates.spectra(setup, data_of(setup["data"]), *counts, config["threads"])


def size_of_comparison():
    """The size of comparing set-ups: pairs of set-ups, of their seeds, and shuffles; 30 microseconds a distance, measured."""
    pairs = sum(comb(len(names), 2) + len(names) for names in TRAINING["comparisons"].values())
    return estimates.small(20 + 3.0e-5 * pairs * TRAINING["seeds"] ** 2 * TRAINING["shuffles"])


def size_of_pruned_training(wildcards):
    """The size of training the networks of one part of a pruning study."""
    study = PRUNING_STUDIES[wildcards.study]
    first, stop = PRUNING_PARTS[wildcards.study][int(wildcards.part)]
    return estimates.pruned_training(study, data_of(study["data"]), stop - first, config["gpu"], config["threads"])


def size_of_pruning(wildcards):
    """The size of decomposing, pruning and fine-tuning the networks of one part of a pruning study."""
    study = PRUNING_STUDIES[wildcards.study]
    first, stop = PRUNING_PARTS[wildcards.study][int(wildcards.part)]
    return estimates.pruning(study, data_of(study["data"]), stop - first, config["gpu"], config["threads"])


def size_of_trajectory(wildcards):
    """The size of fitting a user's trajectory."""
    spec = TRAJECTORIES[wildcards.trajectory]
    return estimates.trajectory(spec["path"], spec["delays"])


def size_of_rounds(wildcards):
    """The size of the rounds of a chain that one job adds."""
    stops = stops_of_chain(wildcards.study)
    rounds = int(wildcards.stop) - max([0, *(stop for stop in stops if stop < int(wildcards.stop))])
    return estimates.chain(TICKET_STUDIES[wildcards.study], data_of(wildcards.task), rounds, config["gpu"])


def size_of_controls(wildcards):
    """The size of a chain's controls: three kinds at each control round, a chain of large steps, and one run again."""
    study = TICKET_STUDIES[wildcards.study]
    rounds = len({*study["controls"]["rounds"], *study["transfer"]["rounds"]}) + 2 * len(study["controls"]["rounds"])
    again = 1.5 * study["rounds"] * min(study["composition"]["seeds"], study["seeds"]) / study["seeds"]
    return estimates.chain(study, data_of(wildcards.task), rounds + again, config["gpu"])


def size_of_transfer(wildcards):
    """The size of training all other tasks' tickets on one task, as one ensemble."""
    study = TICKET_STUDIES[wildcards.study]
    networks = max(1, len(study["tasks"]) - 1) * len(study["transfer"]["rounds"]) * study["seeds"]
    return estimates.chain(study, data_of(wildcards.task), 1, config["gpu"], networks)


def size_of_stretching(wildcards):
    """The size of training the stretched tickets of all other depths, and as many random masks."""
    study, elastic = TICKET_STUDIES[wildcards.study], TICKETS["elastic"][wildcards.elastic]
    networks = (len(elastic["studies"]) - 1) * len(elastic["rounds"]) * study["seeds"]
    return estimates.chain(study, data_of(wildcards.task), 2, config["gpu"], networks)
