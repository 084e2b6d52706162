"""Why a cluster ended jobs, in a line each: what a scheduler says lies scattered over pages of logs."""

import re

# What SLURM and Snakemake's plugin say, what it means, and what to do about it.
SIGNS = (
    (
        r"exceeded (?:job )?memory limit|oom.?kill|status is: 'OUT_OF_MEMORY'",
        "over its memory",
        "ask for more: --set-resources {rule}:mem_mb=16000",
    ),
    (
        r"DUE TO TIME LIMIT|status is: 'TIMEOUT'",
        "over its time limit",
        "ask for more: --set-resources {rule}:runtime=600 (minutes)",
    ),
    (r"status is: 'CANCELLED", "cancelled", "by scancel or by the cluster; the same command goes on"),
    (r"status is: 'NODE_FAIL'", "lost with its node", "the same command goes on"),
)


def reasons(log: str) -> list[str]:
    """Return a line for each rule and reason for which SLURM ended jobs, from the log of a whole run; none for other failures."""
    found = []
    # A failed job's own account follows its "Error in rule"; a line of = ends it.
    for rule, account in re.findall(r"Error in rule (\w+):\n(.*?)(?=\nError in rule |\Z)", log, re.DOTALL):
        for signs, state, advice in SIGNS:
            if re.search(signs, account, re.IGNORECASE):
                found.append(f"SLURM ended a job of {rule}: {state}; {advice.format(rule=rule)}")
    return list(dict.fromkeys(found))
