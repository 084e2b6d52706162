"""The scores of all predictors for the tickets that a study tries on one target."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from koopflow.core import progress
from koopflow.data.images.sets import Images
from koopflow.io.columns import TICKET_SCORES
from koopflow.rg.exponents import WindowRule
from koopflow.tickets.chain import Chain
from koopflow.tickets.common_window import common_window
from koopflow.tickets.jobs import TaskJob, transfer_rounds
from koopflow.tickets.predictors.declared import Candidates, Predictor, cost_of_training, load_predictor
from koopflow.tickets.training import Rows


def candidates_for(
    job: TaskJob,
    chains: Mapping[str, Chain],
    round_number: int,
    window: tuple[int, int],
    source_images: Mapping[str, Images],
) -> Candidates:
    """Return the tickets of all other tasks in one round, for the seeds that no chain lost."""
    seeds = [seed for seed in chains[job.task].seeds if all(seed in chain.seeds for chain in chains.values())]
    places = [(source, seed) for source in chains if source != job.task for seed in seeds]
    weights, masks = [], []
    for source, seed in places:
        state, mask = chains[source].ticket(round_number)
        weights.append({name: values[seed] for name, values in state.items()})
        masks.append({name: values[seed] for name, values in mask.items()})
    origin = chains[job.task].origin
    return Candidates(
        setup=job.setup,
        images=job.images,
        rows=Rows.stack(weights, masks, [seed for _, seed in places]),
        sources=[source for source, _ in places],
        seed=origin.seed,
        stream=origin.stream,
        first_step=origin.rewind_step,
        target=job.task,
        round_number=round_number,
        chains=chains,
        window=window,
        source_images=source_images,
        grouping=job.study.grouping,
    )


def needs_images(names: Sequence[str]) -> bool:
    """Return whether one of the predictors reads the images of all tasks."""
    return any("source_images" in load_predictor(name).needs for name in names)


def scores_table(
    job: TaskJob,
    chains: Mapping[str, Chain],
    names: Sequence[str],
    rule: WindowRule,
    source_images: Mapping[str, Images],
    coupling: str = "share",
) -> pd.DataFrame:
    """Return the score of every predictor for every ticket tried on one target.

    Parameters
    ----------
    job : TaskJob
        The target's; its study names the rounds that are transferred.
    chains : mapping of str to Chain
        All tasks' chains, the target's among them.
    names : sequence of str
        Predictors.
    rule : WindowRule
        How the common window of the exponents is chosen.
    source_images : mapping of str to Images
        Images of every task, if a predictor needs them.
    coupling : str
        Kind of the couplings whose window it is.

    Returns
    -------
    DataFrame
        One row per source, seed, round and predictor: `koopflow.io.columns.TICKET_SCORES`.
    """
    predictors = [load_predictor(name) for name in names]
    window, rows = common_window(chains, rule, coupling, job.study.grouping), []
    for number in progress.bar(transfer_rounds(job.study, chains), f"scoring tickets for {job.task}", "round"):
        candidates = candidates_for(job, chains, number, window, source_images)
        density = float(chains[job.task].densities()[number])
        for each in predictors:
            rows += _rows(each, candidates, density)
    return pd.DataFrame(rows, columns=list(TICKET_SCORES))


def _rows(predictor: Predictor, candidates: Candidates, density: float) -> list[tuple[object, ...]]:
    passes = float(predictor.passes(candidates))
    whole = cost_of_training(candidates.setup, candidates.first_step)
    needs = " ".join(sorted(predictor.needs))
    values = np.asarray(predictor.scores(candidates))
    return [
        (source, candidates.target, seed, candidates.round_number, density, predictor.name, value, needs, passes, whole)
        for source, seed, value in zip(candidates.sources, candidates.rows.seeds, values)
    ]
