"""Accuracy of tickets and their gain over controls, task by task, for studies of many tasks."""

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from koopflow.core.intervals import FRACTION, REALS, student
from koopflow.figures import panels, style
from koopflow.figures.text import label

MOST_ROUNDS = 3
"""Most rounds beside the dense one that a row shows."""
LOOKS = (("^", style.SKY), ("s", style.ORANGE), ("o", style.BLUE))
"""Marker and colour of each round, from dense to sparse."""
DENSE = ("|", style.DARK)


def gains(won: pd.DataFrame, lost: pd.DataFrame, controls: list[str], tasks: list[str]) -> Figure:
    """Draw a row per task: the tickets' test accuracy beside that of the dense network, and by how much
    each kind of control is less accurate, paired by seed.

    Parameters
    ----------
    won : DataFrame
        The tickets' rows of the table `tickets/rounds.csv` of one model.
    lost : DataFrame
        Those of the controls, with the column `gain`, the difference paired by seed.
    controls, tasks : list of str
        The panels' and the rows' order.
    """
    lost = lost[lost["control"].isin(controls)]
    rounds = _spread(sorted(lost["round"].unique() if len(lost) else won["round"].unique()[1:]))
    looks = dict(zip(rounds, LOOKS[-len(rounds) :])) if rounds else {}
    figure, axes = pyplot.subplots(
        1, 1 + len(controls), figsize=style.size(2, 0.3 + 0.075 * len(tasks)), sharey=True, squeeze=False
    )
    ax, *others = axes[0]
    # The bar of the dense network spans the marks of its row.
    _marks(ax, won[won["round"] == 0], "accuracy", tasks, 0.0, DENSE, within=FRACTION, interval=False)
    panels_of = [(ax, won, "accuracy", FRACTION)]
    panels_of += [(each, lost[lost["control"] == name], "gain", REALS) for each, name in zip(others, controls)]
    for place, (number, look) in enumerate(looks.items()):
        shift = 0.26 * (place - (len(looks) - 1) / 2)
        for each, table, column, within in panels_of:
            _marks(each, table[table["round"] == number], column, tasks, shift, look, within=within)
    for each, name in zip(others, controls):
        each.axvline(0, color=style.GREY, linewidth=0.7, zorder=0)
        each.set(title=label(name), xlabel="gain over it (points)")
    ax.set(title="Ticket", xlabel="test accuracy (%)", ylim=(len(tasks), -0.6))
    ax.set_yticks(np.arange(len(tasks)), [label(task) for task in tasks])
    ax.set_yticks(np.arange(len(tasks)) + 0.5, minor=True)
    for each in axes[0]:
        each.tick_params(axis="y", which="both", length=0)
        each.grid(axis="y", which="minor", color="#E4E4E4", linewidth=0.5)
    density = won.groupby("round")["density"].first()
    names = {number: f"density {100 * density[number]:.2g} %" for number in looks}
    handles = [
        Line2D([], [], linestyle="none", marker=mark, color=colour, label=text)
        for (mark, colour), text in zip([DENSE, *looks.values()], ["dense", *names.values()])
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    panels.state_n(ax, won["seed"].nunique(), "seeds", corner="lower left")
    panels.mark_panels(axes[0])
    return figure


def _spread(rounds: list[int]) -> list[int]:
    """Return the last round and at most two before it, evenly spread."""
    if len(rounds) <= MOST_ROUNDS:
        return rounds
    return [rounds[int(place)] for place in np.linspace(0, len(rounds) - 1, MOST_ROUNDS).round()]


def _marks(
    ax: Axes,
    table: pd.DataFrame,
    column: str,
    tasks: list[str],
    shift: float,
    look: tuple[str, str],
    *,
    within: tuple[float, float],
    interval: bool = True,
) -> None:
    """Draw the mean of `column` over seeds in percent for each task, with its 95 % interval, `shift`
    below the row's centre."""
    of = {task: values.to_numpy(dtype=float) for task, values in table.groupby("task")[column]}
    found = [task for task in tasks if task in of]
    points = 100 * np.array([student(of[task], within=within) for task in found]).reshape(-1, 3)
    reach = np.abs(points[:, 1:] - points[:, :1]).T if interval else None
    mark, colour = look
    ax.errorbar(
        points[:, 0],
        [tasks.index(task) + shift for task in found],
        xerr=reach,
        fmt=mark,
        color=colour,
        markersize=2.8 if interval else 8,
        linewidth=0.9,
        capsize=0,
    )
