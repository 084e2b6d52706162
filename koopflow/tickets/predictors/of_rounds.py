"""Predictors that compare the rounds of pruning of two tasks; they need the target's own rounds."""

import numpy as np
from numpy.typing import NDArray

from koopflow.core.overlap import jaccard
from koopflow.rg.flows import straight_line
from koopflow.tickets.chain import Chain
from koopflow.tickets.predictors.declared import Candidates, cost_of_rounds, predictor
from koopflow.tickets.tables import unit_couplings


@predictor(needs={"target_rounds"}, passes=cost_of_rounds)
def layer_exponents(candidates: Candidates) -> NDArray[np.float64]:
    """Return minus the root mean square difference of the layers' (or blocks') exponents, as arXiv
    2110.03210 proposes.

    All exponents are fitted in one window of rounds, common to all tasks, and averaged over seeds.
    """
    here = _exponents(candidates, candidates.target).mean(axis=0)
    return candidates.by_source(lambda source: _apart(_exponents(candidates, source).mean(axis=0), here))


@predictor(needs={"target_rounds"}, passes=cost_of_rounds)
def layer_couplings(candidates: Candidates) -> NDArray[np.float64]:
    """Return minus the root mean square difference of the layers' log shares in the tickets'
    round."""
    number = candidates.round_number

    def level(task: str) -> NDArray[np.float64]:
        return np.asarray(_shares(candidates.chains[task], candidates.grouping)[:, number].mean(axis=0))

    here = level(candidates.target)
    return candidates.by_source(lambda source: _apart(level(source), here))


@predictor(needs={"target_rounds"}, passes=cost_of_rounds)
def input_unit_couplings(candidates: Candidates) -> NDArray[np.float64]:
    """Return minus the root mean square difference of the inputs' log shares in the tickets'
    round, averaged over seeds first."""
    here = _of_units(candidates, candidates.target, "input_unit").mean(axis=0)
    return candidates.by_source(lambda source: _apart(_of_units(candidates, source, "input_unit").mean(axis=0), here))


@predictor(needs={"target_rounds"}, passes=cost_of_rounds)
def neuron_couplings(candidates: Candidates) -> NDArray[np.float64]:
    """Return minus the root mean square difference of the neurons' log shares in the tickets'
    round, seed by seed: neurons correspond through their common initial weights."""
    here = _of_units(candidates, candidates.target, "neuron")
    return candidates.by_source(lambda source: _apart(_of_units(candidates, source, "neuron"), here))


@predictor(needs={"target_rounds"}, passes=cost_of_rounds)
def mask_overlap(candidates: Candidates) -> NDArray[np.float64]:
    """Return the Jaccard index of the ticket's mask and that of the target's own ticket, seed by
    seed."""
    seeds = _seeds(candidates)

    def apart(source: str) -> NDArray[np.float64]:
        masks = [candidates.chains[task].masks[candidates.round_number] for task in (source, candidates.target)]
        whole = [[np.concatenate([m[seed].ravel() for m in mask.values()]) for seed in seeds] for mask in masks]
        return np.array([-float(jaccard(*pair)) for pair in zip(*whole)])

    return candidates.by_source(apart)


def _seeds(candidates: Candidates) -> list[int]:
    return list(dict.fromkeys(candidates.rows.seeds))


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return root mean square differences along the last axis."""
    return np.asarray(np.sqrt(np.mean((a - b) ** 2, axis=-1)))


def _shares(chain: Chain, grouping: str) -> NDArray[np.float64]:
    """Return log shares of layers or blocks (seed, round, group)."""
    with np.errstate(divide="ignore"):
        return np.log(chain.flow(grouping).couplings("share"))


def _exponents(candidates: Candidates, task: str) -> NDArray[np.float64]:
    """Return exponents (seed, layer) in the common window."""
    chain, (first, last) = candidates.chains[task], candidates.window
    inside = slice(first, last + 1)
    shares = _shares(chain, candidates.grouping)[:, inside]
    return straight_line(shares.transpose(0, 2, 1), chain.flow(candidates.grouping).scale[inside])[0]


def _of_units(candidates: Candidates, task: str, units: str) -> NDArray[np.float64]:
    """Return log shares (seed, unit) in the tickets' round."""
    chain = candidates.chains[task]
    kept = [chain.seeds.index(seed) for seed in _seeds(candidates)]
    return np.log(unit_couplings(chain, units)[kept, candidates.round_number])
