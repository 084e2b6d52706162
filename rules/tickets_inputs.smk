# What the rules of the ticket study are made from: which file a round goes on from, and what a task's images depend on.
# A chain is cut into jobs of `rounds_per_job` rounds; each goes on from the one before, so a longer chain repeats nothing.
def stops_of_chain():
    step = TICKETS["rounds_per_job"] or TICKETS["rounds"]
    return [*range(step, TICKETS["rounds"], step), TICKETS["rounds"]]


def previous_rounds(wildcards):
    stops = stops_of_chain()
    place = stops.index(int(wildcards.stop))
    return [] if place == 0 else f"<results>/tickets/chains/{wildcards.task}/rounds-{stops[place - 1]}.npz"


def whole_chain(task):
    return f"<results>/tickets/chains/{task}/rounds-{TICKETS['rounds']}.npz"


def data_of(task):
    """What a task's images depend on: its own block, and the whole map where it refers to another set."""
    spec = config["data"][task]
    return {"spec": spec, "named": config["data"] if "like" in spec else {}, "root": config["data_root"]}
