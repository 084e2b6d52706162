"""A chain of pruning rounds in memory and on disk, and the tickets taken from it."""

import json
import os
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.config.training import ModelSettings
from koopflow.core.errors import KoopflowError
from koopflow.io import npz
from koopflow.io.atomic import atomic_write
from koopflow.rg.exponents import WindowRule
from koopflow.tickets.flow import Flow, exponents_table
from koopflow.tickets.plan import ChainOrigin

if TYPE_CHECKING:
    import pandas as pd

KIND, VERSION = "chain of pruning rounds", 2

Arrays = dict[str, NDArray[Any]]


class Ticket(tuple[Arrays, dict[str, NDArray[np.bool_]]]):
    """The ticket of one round: a pair of rewind weights and masks, which knows its origin.

    >>> import numpy as np
    >>> weights, masks = Ticket({"w": np.ones((2, 3))}, {"w": np.ones((2, 3), dtype=bool)})
    >>> masks["w"].shape
    (2, 3)

    Attributes
    ----------
    origin : ChainOrigin or None
        All that determines the chain, the training set-up among it.
    round_number : int
    """

    origin: ChainOrigin | None
    round_number: int

    def __new__(
        cls,
        weights: Arrays,
        masks: dict[str, NDArray[np.bool_]],
        origin: ChainOrigin | None = None,
        round_number: int = 0,
    ) -> "Ticket":
        ticket = super().__new__(cls, (weights, masks))
        ticket.origin, ticket.round_number = origin, round_number
        return ticket


@dataclass
class Chain:
    """Rounds of iterative magnitude pruning for several seeds.

    Attributes
    ----------
    origin : ChainOrigin
        All that determines it. Chains of equal origin are the same chain, whatever their number of
        rounds.
    rewind : dict of str to float32 array (seed, ...)
        The weights to which survivors are rewound.
    dense : dict of str to float32 array (seed, ...)
        Trained weights of round 0, from which one-shot pruning starts.
    masks : list of dict of str to bool array (seed, ...)
        Survivors in each round.
    magnitude : list of dict
        For each round, grouping to (group names, array (3, seed, group) as
        `koopflow.rg.groups.Sums`).
    accuracy : list of float array (seed,)
        Test accuracy after each round's training.
    trained : dict of str to float32 array (seed, ...)
        Trained weights of the last round, from which the next one is pruned; empty if only earlier
        rounds were read.
    stopped : dict of int to str
        Message for each seed that diverged, with the round.
    ended : str
        The reason why the chain ended before its last round; empty if it did not.
    """

    origin: ChainOrigin
    rewind: Arrays
    dense: Arrays
    masks: list[dict[str, NDArray[np.bool_]]] = field(default_factory=list)
    magnitude: list[dict[str, tuple[list[str], NDArray[np.float64]]]] = field(default_factory=list)
    accuracy: list[NDArray[np.float64]] = field(default_factory=list)
    trained: Arrays = field(default_factory=dict)
    stopped: dict[int, str] = field(default_factory=dict)
    ended: str = ""

    def __repr__(self) -> str:
        gone = f", {len(self.stopped)} diverged" if self.stopped else ""
        return f"Chain({self.origin.task}: {self.rounds} rounds of {len(self.seeds)} seeds{gone})"

    @property
    def rounds(self) -> int:
        """Number of rounds done."""
        return len(self.accuracy)

    @property
    def seeds(self) -> list[int]:
        """The seeds that did not diverge."""
        return [seed for seed in range(len(next(iter(self.rewind.values())))) if seed not in self.stopped]

    def densities(self) -> NDArray[np.float64]:
        """Return the share of weights that survive in each round, (round,); it is the same for all
        seeds."""
        seed = self.seeds[0]
        total = sum(mask[seed].size for mask in self.masks[0].values())
        return np.array([sum(int(mask[seed].sum()) for mask in masks.values()) / total for masks in self.masks])

    @property
    def step(self) -> float:
        """The log scale factor of one round."""
        return float(-np.log(1 - self.origin.fraction))

    def sums(self, grouping: str) -> tuple[list[str], NDArray[np.float64]]:
        """Return groups, and their magnitude, survivors and weights (3, seed, round, group)."""
        groups = list(self.magnitude[0][grouping][0])
        return groups, np.stack([entry[grouping][1] for entry in self.magnitude], axis=2)[:, self.seeds]

    def flow(self, grouping: str = "layer") -> Flow:
        """Return the flow of the groups' magnitudes over the rounds."""
        return Flow(*self.sums(grouping), self.densities())

    def exponents(
        self, coupling: str = "share", rule: WindowRule | None = None, margin: float = 0.02, grouping: str = "layer"
    ) -> "pd.DataFrame":
        """Return the exponent of each layer, with its interval, scaling window and class.

        Parameters
        ----------
        coupling : str
            What a coupling is: "share" of magnitude, "density" or "mean_magnitude".
        rule : WindowRule, optional
            How the scaling window is chosen.
        margin : float
            Exponents within this distance of zero are marginal.
        grouping : {"layer", "block", "input_unit", "neuron"}

        Returns
        -------
        DataFrame
            The columns of ``tickets/exponents.csv`` (`koopflow.io.columns.TICKET_EXPONENTS`).
        """
        model = ModelSettings.load(self.origin.setup["model"]).label
        return exponents_table(self.flow(grouping), self.origin.task, model, coupling, rule or WindowRule(), margin)

    def ticket(self, round_number: int) -> Ticket:
        """Return the rewind weights and the masks of one round, (seed, ...) each."""
        if not (isinstance(round_number, Integral) and 0 <= round_number < self.rounds):
            raise KoopflowError(
                f"tickets: round must be from 0 to {self.rounds - 1}, the rounds of the chain (got {round_number})"
            )
        return Ticket(self.rewind, self.masks[round_number], self.origin, round_number)


def save_chain(chain: Chain, path: str | os.PathLike[str]) -> None:
    """Write a chain to one .npz file; equal chains give equal bytes."""
    header = {"study": chain.origin.dump(), "stopped": chain.stopped, "ended": chain.ended}
    header |= {"names": list(chain.rewind), "layers": list(chain.masks[0])}
    arrays: dict[str, ArrayLike] = {"header": _json(header)}
    for name in chain.rewind:
        arrays[f"rewind/{name}"], arrays[f"dense/{name}"] = chain.rewind[name], chain.dense[name]
        if chain.trained:
            arrays[f"trained/{name}"] = chain.trained[name]
        if name in chain.masks[0]:
            arrays[f"mask/{name}"] = np.packbits(
                np.stack([masks[name] for masks in chain.masks]).reshape(chain.rounds, -1), axis=1
            )
    for grouping in chain.magnitude[0] if chain.magnitude else ():
        arrays[f"groups/{grouping}"] = _json(list(chain.magnitude[0][grouping][0]))
        arrays[f"sums/{grouping}"] = np.stack([entry[grouping][1] for entry in chain.magnitude])
    arrays["accuracy"] = np.array(chain.accuracy)
    npz.save(path, KIND, VERSION, arrays)


def load_chain(path: str | os.PathLike[str], rounds: int | None = None) -> Chain:
    """Read a chain, or only its first `rounds`.

    Raises
    ------
    KoopflowError
        If the file is damaged or holds no chain.
    """
    stored = npz.load(path, KIND, VERSION)
    try:
        header = json.loads(str(stored["header"]))
        names = header["layers"]
        rewind = {name: stored[f"rewind/{name}"] for name in header.get("names", names)}
        done = len(stored["accuracy"])
        keep = done if rounds is None else min(rounds, done)
        bits = {name: np.unpackbits(stored[f"mask/{name}"][:keep], axis=1, count=rewind[name].size) for name in names}
        masks = [{name: bits[name][i].astype(bool).reshape(rewind[name].shape) for name in names} for i in range(keep)]
        groupings = {key.split("/")[1]: json.loads(str(stored[key])) for key in stored if key.startswith("groups/")}
        sums = {grouping: stored[f"sums/{grouping}"] for grouping in groupings}
        return Chain(
            origin=ChainOrigin(**header["study"]),
            rewind=rewind,
            dense={name: stored[f"dense/{name}"] for name in rewind},
            masks=masks,
            magnitude=[
                {grouping: (groupings[grouping], sums[grouping][i]) for grouping in groupings} for i in range(keep)
            ],
            accuracy=list(stored["accuracy"][:keep]),
            trained={
                name: stored[f"trained/{name}"] for name in rewind if keep == done and f"trained/{name}" in stored
            },
            ended=header["ended"] if keep == done else "",
            stopped={int(seed): reason for seed, reason in header["stopped"].items()},
        )
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise KoopflowError(f"{path}: damaged, not a complete chain ({error}); {npz.REMEDY}") from None


def write_tickets(chain: Chain, folder: str | os.PathLike[str], rounds: list[int]) -> list[Path]:
    """Write the tickets of `rounds` as .safetensors files, and return their paths.

    A file of one seed and round holds the masked rewind weights, the masks as ``NAME_mask``, and
    their origin as JSON in the metadata ``ticket``. To load it in PyTorch: ``ticket =
    safetensors.torch.load_file(path)`` and ``model.load_state_dict(ticket, strict=False)``.
    """
    from safetensors.numpy import save

    written = []
    for round_number in rounds:
        weights, masks = chain.ticket(round_number)
        for seed in chain.seeds:
            kept = {
                name: weights[name][seed] * masks[name][seed] if name in masks else weights[name][seed]
                for name in weights
            }
            tensors = {name: np.ascontiguousarray(values) for name, values in kept.items()}
            tensors |= {f"{name}_mask": np.ascontiguousarray(masks[name][seed]) for name in masks}
            provenance = {"study": chain.origin.dump(), "seed": int(seed), "round": int(round_number)}
            written.append(Path(folder) / f"seed-{seed}_round-{round_number:02d}.safetensors")
            # safetensors writes several entries in an arbitrary order, so there is only one.
            content = save(tensors, metadata={"ticket": json.dumps(provenance, sort_keys=True)})
            with atomic_write(written[-1]) as partial:
                partial.write_bytes(content)
    return written


def _json(value: object) -> NDArray[np.str_]:
    return np.array(json.dumps(value, sort_keys=True))
