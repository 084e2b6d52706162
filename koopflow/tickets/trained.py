"""The results that the training jobs of a ticket study leave in its folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from koopflow.config.tickets import CollectedStudy
from koopflow.io import npz
from koopflow.io.columns import TICKET_ROUNDS, TICKET_SCORES
from koopflow.io.tables import read_csv
from koopflow.tickets.chain import Chain, load_chain, save_chain

COMPOSED = ("large-steps.npz", "run-again.npz")


@dataclass(frozen=True)
class Trained:
    """The results of one study, by task.

    Attributes
    ----------
    chains : dict of str to Chain
    rounds : dict of str to DataFrame
        Tables of rounds with their controls.
    composition : dict of str to (Chain, Chain)
        The chain of large steps and the rerun of small ones, if composition was requested.
    transferred : dict of str to dict of str to array (round, seed)
        Accuracies by target and source, if there are several tasks.
    scores : dict of str to DataFrame
        Scores of the predictors of transfer by target, if the study names any.
    """

    chains: dict[str, Chain]
    rounds: dict[str, pd.DataFrame]
    composition: dict[str, tuple[Chain, Chain]]
    transferred: dict[str, dict[str, NDArray[Any]]]
    scores: dict[str, pd.DataFrame] = field(default_factory=dict)


def save_composition(chains: tuple[Chain, Chain] | None, folder: str | Path) -> None:
    """Write the chain of large steps and the rerun of small ones, if there are any."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for chain, name in zip(chains or (), COMPOSED):
        save_chain(chain, Path(folder) / name)


def read_study(study: CollectedStudy, folder: str | Path) -> Trained:
    """Read the results of one study from its folder of chains."""
    folder = Path(folder)
    composition, moved, scores = {}, {}, {}
    for task in study.tasks:
        large, again = (folder / task / "composition" / name for name in COMPOSED)
        if large.is_file() and again.is_file():
            composition[task] = load_chain(large), load_chain(again)
        if study.transfer.rounds:
            moved[task] = npz.load(folder / task / "transferred.npz", "transferred tickets", 1)
        if study.transfer.rounds and study.predictors.names:
            scores[task] = read_csv(folder / task / "scores.csv", TICKET_SCORES)
    return Trained(
        {task: load_chain(folder / task / f"rounds-{study.rounds}.npz") for task in study.tasks},
        {task: read_csv(folder / task / "rounds.csv", TICKET_ROUNDS) for task in study.tasks},
        composition,
        moved,
        scores,
    )
