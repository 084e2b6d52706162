"""Which of a study's tasks a figure draws as lines, and how, so that they can be told apart."""

from dataclasses import replace

from koopflow.figures import style

MOST = 6
"""Most tasks whose lines one panel shows."""


def spread(tasks: list[str]) -> list[str]:
    """Return at most `MOST` tasks, at even distances: a study may list them from near to far.

    >>> spread([str(number) for number in range(14)])
    ['0', '3', '5', '8', '10', '13']
    """
    last = len(tasks) - 1
    places = [round(number * last / (MOST - 1)) for number in range(MOST)]
    return tasks if len(tasks) <= MOST else [tasks[place] for place in places]


def looks(tasks: list[str]) -> dict[str, style.Look]:
    """Return how each task is drawn; a colour that an earlier task has is replaced by a free one."""
    found: dict[str, style.Look] = {}
    for task in tasks:
        look, used = style.look(task), {other.color for other in found.values()}
        free = [colour for colour in style.SPARE if colour not in used]
        found[task] = replace(look, color=free[0]) if look.color in used and free else look
    return found


def told(shown: list[str], tasks: list[str]) -> str:
    """Return how many of the tasks are shown, as text after the number of seeds: empty if all are."""
    return f", {len(shown)} of {len(tasks)} tasks" if len(shown) < len(tasks) else ""
