# What the jobs of the stages are made from: functions of wildcards and of the configuration, apart from the rules that call them.
def data_of(name):
    """What the images of the data set `name` depend on: its own block, the blocks of the sets it is made like, and the folder of files."""
    named, next_name = {}, config["data"][name].get("like")
    while next_name in config["data"] and next_name not in named:
        named[next_name] = config["data"][next_name]
        next_name = named[next_name].get("like")
    return {"spec": config["data"][name], "named": named, "root": config["data_root"]}


def pruning_parts(study):
    """The networks (first, stop) of each job of a pruning study: all in one, or at most replicas_per_job; one for a user's trajectory."""
    many = study["seeds"]
    size = many if study.get("trajectory") else config["replicas_per_job"] or many
    return [(first, min(first + size, many)) for first in range(0, many, size)]


def pruned_training(study):
    """What the training of a pruning study depends on: neither its methods nor its compressions, which may change without training anew."""
    return {key: study[key] for key in ("model", "optimizer", "batch_size", "epochs", "prune_epochs")}


def pruning_window(study):
    """The longest window that a method of a pruning study looks at: what its training records."""
    names = {*study["methods"], *(name for pair in study["pairs"] for name in pair)}
    return max([study["window"], *(PRUNING["methods"].get(name, {}).get("window", 0) for name in names)])


def trained_networks(wildcards):
    """The trajectory that a pruning job reads: of this workflow's own training, or the user's file."""
    if PRUNING_STUDIES[wildcards.study].get("trajectory"):
        return {"trajectories": PRUNING_STUDIES[wildcards.study]["trajectory"]}
    files = rules.train_pruning.output
    return {"trajectories": files.trajectories, "networks": files.networks, "training": files.cost}


def pruned_networks(table):
    """The tables called `table` of the networks of every study."""
    folder = "<benchmarks>/pruning" if table == "cost" else "<results>/pruning/networks"
    return [f"{folder}/{name}/{part}/{table}.csv" for name, parts in PRUNING_PARTS.items() for part in range(len(parts))]


def of_study(*more):
    """What a training job reads of its study."""

    def read(wildcards):
        study = {key: value for key, value in TICKET_STUDIES[wildcards.study].items() if key in (*TICKET_TRAINING, *more)}
        return {**study, "device": config["device"], "interval": config["checkpoint_interval"]}

    return read


def stops_of_chain(study):
    """Where a chain is cut into jobs of `rounds_per_job` rounds; each goes on from the one before, so a longer chain repeats nothing."""
    rounds = TICKET_STUDIES[study]["rounds"]
    step = TICKET_STUDIES[study]["rounds_per_job"] or rounds
    return [*range(step, rounds, step), rounds]


def previous_rounds(wildcards):
    """The rounds that a job goes on from."""
    stops = stops_of_chain(wildcards.study)
    place = stops.index(int(wildcards.stop))
    return [] if place == 0 else f"<results>/tickets/chains/{wildcards.study}/{wildcards.task}/rounds-{stops[place - 1]}.npz"


def whole_chain(study, task):
    """The file of a task's whole chain."""
    return f"<results>/tickets/chains/{study}/{task}/rounds-{TICKET_STUDIES[study]['rounds']}.npz"


def whole_chains(study):
    """The files of a study's chains, in the order of its tasks."""
    return [whole_chain(study, task) for task in TICKET_STUDIES[study]["tasks"]]


def trained_for_tickets(name):
    """What the jobs called `name` leave for every task of every study; nothing is transferred where no rounds are named."""
    return [
        f"<results>/tickets/chains/{study}/{task}/{name}"
        for study, spec in TICKET_STUDIES.items()
        for task in spec["tasks"]
        if name != "transferred.npz" or spec["transfer"]["rounds"]
    ]


def stretched_tickets(name):
    """The tables of an elastic comparison: every depth as a target, on every task that its studies share."""
    elastic = TICKETS["elastic"][name]
    tasks = shared_tasks([TICKET_MODELS[study] for study in elastic["studies"]])
    return [f"<results>/tickets/elastic/{name}/{study}/{task}.csv" for study in elastic["studies"] for task in tasks]


def ticket_figures():
    """The figures of every ticket study, as far as its tasks go, of every elastic comparison and of rounds trained elsewhere: (kind, name)."""
    wanted = []
    for name, study in TICKET_STUDIES.items():
        tasks = len(study["tasks"])
        wanted += [(kind, name) for kind in ("accuracy", "flow", "exponents")]
        wanted += [("composition", name)] if study["composition"]["seeds"] else []
        wanted += [("transfer_matrix", name)] if study["transfer"]["rounds"] else []
        wanted += [("transfer_prediction", name)] if tasks > 3 and study["transfer"]["rounds"] else []
    wanted += [("elastic", name) for name in TICKETS["elastic"]]
    return wanted + [(kind, name) for name in TICKETS["external"] for kind in ("flow", "exponents")]


def file_of(wildcards):
    """The user's file behind a series, where there is one; an absent one is reported by check_forecast, in one line."""
    path = SERIES[wildcards.series].get("path")
    return [path] if path and os.path.isfile(path) else []


def tables_of_claims():
    """The tables that the stages of this workflow make, of those that claims read."""
    stages = [rule.name for rule in workflow.rules]
    made = {str(path) for name in stages for path in getattr(rules, name).output}
    return {table: path for table in CLAIM_TABLES for path in made if path.endswith(table)}


def claims_of_run():
    """The claims, with `series: synthetic` or `real` replaced by the names of the run's series of that kind."""
    claims = {**config["claims"], "statements": {}}
    series = config["series"]
    real = {name for name, spec in series.items() if spec.get("source", "csv") in ("csv", "sunspots", "co2", "elnino")}
    kinds = {"real": sorted(real), "synthetic": sorted(set(series) - real)}
    for name, claim in config["claims"]["statements"].items():
        chosen = claim.get("series")
        known = {"series": kinds[chosen]} if isinstance(chosen, str) and chosen in kinds else {}
        claims["statements"][name] = {**claim, **known}
    return claims


def all_figures():
    """The figures that the stages ask for, as their targets name them."""
    stages = (rules.spectra, rules.equivalence, rules.pruning, rules.forecast, rules.tickets, rules.claims)
    return [path for stage in stages for path in stage.input if "/figures/" in str(path)]


def options_of_run():
    """The configuration of this run as options for the run that writes its report; relative paths, so that a moved study keeps it."""
    files = [os.path.relpath(path) for path in workflow.config_settings.configfiles]
    given = [str(word) for word in workflow.config_settings.config_args or []]
    return [*(["--configfile", *files] if files else []), *(["--config", *given] if given else [])]
