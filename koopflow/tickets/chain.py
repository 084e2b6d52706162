"""What a chain of pruning rounds leaves behind, in memory and on disk, and the tickets taken from it."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.io import npz as store
from koopflow.io.atomic import atomic_write

KIND, VERSION = "chain of pruning rounds", 2


@dataclass
class Chain:
    """Rounds of iterative magnitude pruning for several seeds.

    Attributes
    ----------
    study : dict
        What it was made from; two chains with equal studies are the same chain, whatever their number of rounds.
    rewind : dict of str to float32 array (seed, ...)
        Weights that survivors are set back to.
    dense : dict of str to float32 array (seed, ...)
        Trained weights of round 0, from which one-shot pruning starts.
    masks : list of dict of str to bool array (seed, ...)
        Survivors in each round.
    magnitude : list of dict
        For each round, grouping → (group names, `koopflow.rg.groups.Sums` as an array (3, seed, group)).
    accuracy : list of float array (seed,)
        Test accuracy after each round's training.
    trained : dict of str to float32 array (seed, ...)
        Trained weights of the last round, from which the next one is pruned; empty where only earlier rounds were read.
    stopped : dict of int to str
        Seeds (positions) that diverged, and in which round; they are left out by name.
    ended : str
        Why the whole chain ended before its last round, or nothing.
    """

    study: dict
    rewind: dict[str, np.ndarray]
    dense: dict[str, np.ndarray]
    masks: list[dict[str, np.ndarray]] = field(default_factory=list)
    magnitude: list[dict] = field(default_factory=list)
    accuracy: list[np.ndarray] = field(default_factory=list)
    trained: dict[str, np.ndarray] = field(default_factory=dict)
    stopped: dict[int, str] = field(default_factory=dict)
    ended: str = ""

    @property
    def rounds(self) -> int:
        """Number of rounds done."""
        return len(self.accuracy)

    @property
    def seeds(self) -> list[int]:
        """Positions of the seeds that came through all rounds."""
        return [seed for seed in range(len(next(iter(self.rewind.values())))) if seed not in self.stopped]

    def densities(self) -> np.ndarray:
        """Share of weights alive in each round, (round,); the same for all seeds that came through."""
        seed = self.seeds[0]
        total = sum(mask[seed].size for mask in self.masks[0].values())
        return np.array([sum(int(mask[seed].sum()) for mask in masks.values()) / total for masks in self.masks])

    def sums(self, grouping: str) -> tuple[list[str], np.ndarray]:
        """Magnitude, survivors and weights by group, (3, seed, round, group), of the seeds that came through."""
        groups = list(self.magnitude[0][grouping][0])
        return groups, np.stack([entry[grouping][1] for entry in self.magnitude], axis=2)[:, self.seeds]

    def ticket(self, round_number: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Rewind weights and masks of one round, (seed, ...) each."""
        if not 0 <= round_number < self.rounds:
            raise KoopflowError(f"tickets: round {round_number} is not in a chain of {self.rounds} rounds (0 to {self.rounds - 1})")
        return self.rewind, self.masks[round_number]


def save_chain(chain: Chain, path: str | os.PathLike) -> None:
    """Write a chain to one .npz file (no pickles), whole or not at all; equal chains give equal bytes."""
    header = {"study": chain.study, "stopped": chain.stopped, "ended": chain.ended}
    header |= {"names": list(chain.rewind), "layers": list(chain.masks[0])}
    arrays = {"header": _json(header)}
    for name in chain.rewind:
        arrays[f"rewind/{name}"], arrays[f"dense/{name}"] = chain.rewind[name], chain.dense[name]
        if chain.trained:
            arrays[f"trained/{name}"] = chain.trained[name]
        if name in chain.masks[0]:
            arrays[f"mask/{name}"] = np.packbits(np.stack([masks[name] for masks in chain.masks]).reshape(chain.rounds, -1), axis=1)
    for grouping in chain.magnitude[0] if chain.magnitude else ():
        arrays[f"groups/{grouping}"] = _json(list(chain.magnitude[0][grouping][0]))
        arrays[f"sums/{grouping}"] = np.stack([entry[grouping][1] for entry in chain.magnitude])
    arrays["accuracy"] = np.array(chain.accuracy)
    store.save(path, KIND, VERSION, arrays)


def load_chain(path: str | os.PathLike, rounds: int | None = None) -> Chain:
    """Read a chain, only its first `rounds` where given."""
    stored = store.load(path, KIND, VERSION)
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
            study=header["study"],
            rewind=rewind,
            dense={name: stored[f"dense/{name}"] for name in rewind},
            masks=masks,
            magnitude=[{grouping: (groupings[grouping], sums[grouping][i]) for grouping in groupings} for i in range(keep)],
            accuracy=list(stored["accuracy"][:keep]),
            trained={name: stored[f"trained/{name}"] for name in rewind if keep == done and f"trained/{name}" in stored},
            ended=header["ended"] if keep == done else "",
            stopped={int(seed): reason for seed, reason in header["stopped"].items()},
        )
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise KoopflowError(f"{path}: damaged, no whole chain ({error}); {store.REMEDY}") from None


def write_tickets(chain: Chain, folder: str | os.PathLike, rounds: list[int]) -> list[Path]:
    """Write one .safetensors file per seed and round: masked rewind weights, ``NAME_mask``, and provenance as JSON in
    the metadata ``ticket``.

    A torch user needs two lines: ``ticket = safetensors.torch.load_file(path)`` and ``model.load_state_dict(ticket,
    strict=False)``.
    """
    from safetensors.numpy import save

    written = []
    for round_number in rounds:
        weights, masks = chain.ticket(round_number)
        for seed in chain.seeds:
            kept = {name: weights[name][seed] * masks[name][seed] if name in masks else weights[name][seed] for name in weights}
            tensors = {name: np.ascontiguousarray(values) for name, values in kept.items()}
            tensors |= {f"{name}_mask": np.ascontiguousarray(masks[name][seed]) for name in masks}
            provenance = {"study": chain.study, "seed": int(seed), "round": int(round_number)}
            written.append(Path(folder) / f"seed-{seed}_round-{round_number:02d}.safetensors")
            # One entry: safetensors writes several in an order that differs from process to process.
            content = save(tensors, metadata={"ticket": json.dumps(provenance, sort_keys=True)})
            with atomic_write(written[-1]) as partial:
                partial.write_bytes(content)
    return written


def _json(value: object) -> np.ndarray:
    return np.array(json.dumps(value, sort_keys=True))
