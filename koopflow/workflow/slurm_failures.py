"""Reasons why SLURM ended jobs, from the log of a run."""

import re

# What SLURM and Snakemake's plugin print, what it means, and what to do.
SIGNS = (
    (
        r"exceeded (?:job )?memory limit|oom.?kill|status is: 'OUT_OF_MEMORY'",
        "over its memory",
        "ask for more: --set-resources {rule}:mem_mb=16000",
    ),
    (
        r"DUE TO TIME LIMIT|status is: 'TIMEOUT'|status is: 'FAILED'(?s:.*)stopped by SIGTERM",
        "at its time limit",
        "ask for more: --set-resources {rule}:runtime=600 (minutes)",
    ),
    (
        r"couldn't chdir to|slurm_logs/.* not found",
        "on a node that does not see this folder, or cannot write into it",
        "run in a folder that all nodes share, and ask the site why this node lacks it",
    ),
    (r"status is: 'CANCELLED", "cancelled", "by scancel or by the cluster; the same command goes on"),
    (r"status is: 'NODE_FAIL'", "lost with its node", "the same command goes on"),
)


def reasons(log: str) -> list[str]:
    """Return one line, with the reason, for each rule whose jobs SLURM ended; other failures give
    none.

    Parameters
    ----------
    log : str
        Snakemake's log of a whole run.
    """
    found = []
    for account in re.split(r"Error in (?=rule \w+:\n|group \w+\n)", log)[1:]:
        named = re.search(r"rule (\w+):\n", account)  # the first of a group
        rule = named[1] if named else account.split()[1]
        for signs, state, advice in SIGNS:
            if re.search(signs, account, re.IGNORECASE):
                found.append(f"SLURM ended a job of {rule}: {state}; {advice.format(rule=rule)}")
    return list(dict.fromkeys(found))
