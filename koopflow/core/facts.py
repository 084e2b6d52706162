"""Facts about a job that its log keeps for the record of the run: data sets, machine, software.

A fact is one line of JSON, so that the record can be assembled on the machine that runs Snakemake,
which may have none of the job's packages.
"""

import json
import logging
from collections.abc import Iterable
from typing import Any

FACT = "fact "
"""The first word of a log line that holds a fact, after the time."""


def note(kind: str, **values: object) -> None:
    """Write a fact of this `kind` to the job's log; outside a job it is dropped unless logging is
    set up."""
    text = json.dumps({"kind": kind, **values}, ensure_ascii=False, sort_keys=True)
    logging.getLogger("koopflow").debug(FACT + "%s", text)


def noted(lines: Iterable[str], kind: str) -> list[dict[str, Any]]:
    """Return the facts of this `kind` among the lines of a log, in order; damaged lines are
    skipped.

    >>> noted(['12:00:00 fact {"kind": "data", "name": "digits"}', "12:00:01 done"], "data")
    [{'name': 'digits'}]
    """
    found = []
    for line in lines:
        _, mark, text = line.partition(f" {FACT}")
        if not mark or not text.startswith("{"):
            continue
        try:
            fact = json.loads(text)
        except ValueError:  # a line cut short on a full disk
            continue
        if fact.pop("kind", None) == kind:
            found.append(fact)
    return found
