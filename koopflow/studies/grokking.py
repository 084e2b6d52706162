"""The stage ``grokking``: do the first steps tell whether a network will generalize late?"""

import math
from dataclasses import dataclass

from koopflow.config.data import DataSelection, DataSet
from koopflow.config.grokking import GrokkingSettings, GrokkingSetup
from koopflow.config.resolution import completed
from koopflow.config.study import Study
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name
from koopflow.studies.shared import machine
from koopflow.studies.stage import Check, Figure, Section, Stage, Table
from koopflow.workflow.estimates import (
    BATCHED,
    LIBRARIES_MB,
    START_SECONDS,
    TORCH_MB,
    TORCH_SECONDS,
    Estimate,
    small,
)

SWEEP = "sweep-"
"""Names of the sweep's settings begin with this word."""
GOLDEN = 1.2207440846057596
"""The root of x^4 = x + 1. Multiples of its inverse powers, modulo 1, fill the cube evenly (Roberts
2018, the R3 sequence)."""
NETWORK_SECONDS = 0.02  # to fit a spectrum and to compare it with others: measured
MEGABYTE_SECONDS = 0.002  # to read a megabyte of states; half as much for each copy, to reduce them: measured
FIT_COPIES = 1.75  # of one network's states, float64, while its spectrum is taken: 1.62 measured
PREDICTION_SECONDS = 2e-6  # per predictor and network cubed, for the jackknife: measured


@dataclass(frozen=True)
class Grokking:
    """The settings of the study, those of the sweep included.

    Attributes
    ----------
    study : Study
    block : GrokkingSettings
    settings : dict of str to GrokkingSetup
    """

    study: Study
    block: GrokkingSettings
    settings: dict[str, GrokkingSetup]

    def seeds(self, name: str) -> int:
        """Return the number of networks of a setting."""
        return 1 if name not in self.block.settings else self.settings[name].seeds or self.block.seeds

    def pooled(self) -> dict[str, tuple[int, bool]]:
        """Return, by setting, how many networks are pooled in one spectrum, and whether their states
        are centred."""
        return {name: (setup.copies, setup.centred) for name, setup in self.settings.items()}

    def states(self, name: str) -> tuple[int, int]:
        """Return the first and the last step whose states are recorded for a setting."""
        first = self.settings[name].first_state
        return first, first + self.spectrum_states(name) - 1

    def spectrum_states(self, name: str) -> int:
        """Return the number of states from which the spectra of a setting are taken."""
        return self.settings[name].spectrum_states or self.block.first_steps

    def data(self, name: str) -> DataSelection:
        """Return the pairs on which a setting's networks are trained."""
        setup = self.settings[name]
        spec = DataSet(source="modular_addition", prime=setup.prime, share=setup.share)
        return DataSelection(spec=spec, root=self.study.data_root)

    def measured(self, name: str) -> list[int]:
        """Return the steps at which curves are measured: twenty of the first ones, then even in
        their logarithm."""
        steps, first = self.settings[name].steps, self.block.first_steps
        early = {round(place * first / 20) for place in range(21)}
        ratio = max(steps / first, 1.0)
        late = {round(first * ratio ** (place / self.block.measured)) for place in range(self.block.measured + 1)}
        return sorted(step for step in early | late if step <= steps)

    def numbers(self) -> dict[str, list[float]]:
        """Return the numbers that describe each setting, for the predictor ``settings``."""
        return {
            name: [
                math.log(max(setup.optimizer.weight_decay, 1e-4)),
                math.log(setup.optimizer.learning_rate),
                float(setup.share),
                float(setup.held_norm or 0.0),
            ]
            for name, setup in self.settings.items()
        }

    def training_estimate(self, name: str) -> Estimate:
        """Return the estimate of training the networks of one setting."""
        setup, seeds = self.settings[name], self.seeds(name) * self.settings[name].copies
        width, hidden = _output_matrix(setup)
        # Per pair: embeddings and keys and values of three tokens, one query and output, the MLP, the read-out.
        products = width * (3 * (setup.prime + 1) + 8 * width + 2 * hidden + setup.prime)
        passes = setup.steps + len(self.measured(name)) / (3 * setup.share)
        seconds = seeds * passes * (0.002 + 6 * products * setup.batch_size / (BATCHED * machine(self.study).speed))
        recorded = 4 * seeds * (self.spectrum_states(name) + 28) * width * hidden / 2**20
        held = 40 * seeds * 12 * width**2 + 60 * setup.prime**2 * (hidden + 8 * width)
        return Estimate(TORCH_MB + held / 2**20, TORCH_SECONDS + seconds, recorded)

    def fit_estimate(self) -> Estimate:
        """Return the estimate of fitting and comparing all networks."""
        networks = sum(map(self.seeds, self.settings))
        # Of the states of one network and its copies; networks are read one after another.
        megabytes = {
            name: setup.copies * 8 * self.spectrum_states(name) * math.prod(_output_matrix(setup)) / 2**20
            for name, setup in self.settings.items()
        }
        seconds = networks * NETWORK_SECONDS
        for name, size in megabytes.items():  # products of all pairs of states: with every copy, a megabyte has more
            seconds += self.seeds(name) * MEGABYTE_SECONDS * size * (1 + self.settings[name].copies / 2)
        seconds += PREDICTION_SECONDS * len(self.block.predictors) * networks**3
        return Estimate(LIBRARIES_MB + FIT_COPIES * max(megabytes.values(), default=0.0), START_SECONDS + seconds)


def _output_matrix(setup: GrokkingSetup) -> tuple[int, int]:
    """Return the shape of the output matrix of a network's MLP."""
    return setup.model.width or 128, setup.model.arguments.get("hidden", 512)


def plan(study: Study) -> Grokking:
    """Return the plan of the stage; refuse settings that contradict one another."""
    block = study.grokking
    found = {}
    for name, own in block.settings.items():
        if name.startswith(SWEEP):
            raise KoopflowError(f"grokking.settings.{name}: names that begin with {SWEEP} belong to the sweep")
        found[name] = completed(GrokkingSetup, block.base, own, f"grokking.settings.{name}", "grokking.base")
    found |= {name: _swept(block, place) for place, name in enumerate(_sweep_names(block))}
    for name, setup in found.items():
        _check(block, name, setup)
    for pair in block.pairs:
        for name in pair:
            if name not in block.settings:
                raise unknown_name("grokking.pairs", name, block.settings, "setting")
    return Grokking(study, block, found)


def _sweep_names(block: GrokkingSettings) -> list[str]:
    digits = len(str(max(block.sweep.networks - 1, 0)))
    return [f"{SWEEP}{place:0{digits}d}" for place in range(block.sweep.networks)]


def _swept(block: GrokkingSettings, place: int) -> GrokkingSetup:
    """Return the settings of one network of the sweep; they do not depend on the number of
    networks."""
    places = [(0.5 + (place + 1) / GOLDEN**power) % 1.0 for power in (1, 2, 3)]
    spans = block.sweep.weight_decay, block.sweep.learning_rate
    decay, rate = (span[0] * (span[1] / span[0]) ** at for at, span in zip(places, spans))
    low, high = block.sweep.share
    own = {
        "share": round(low + (high - low) * places[2], 4),
        "optimizer": {"weight_decay": float(f"{decay:.4g}"), "learning_rate": float(f"{rate:.4g}")},
    }
    return completed(GrokkingSetup, block.base, own, "grokking.sweep", "grokking.base")


def _check(block: GrokkingSettings, name: str, setup: GrokkingSetup) -> None:
    key = f"grokking.{'settings.' + name if name in block.settings else 'sweep'}"
    if setup.steps < block.first_steps:
        raise KoopflowError(
            f"{key}.steps must be at least {block.first_steps}, the first_steps whose spectrum is taken "
            f"(got {setup.steps})"
        )
    fewest = max(block.delays + block.rank + 1, block.directions + 1)
    if block.first_steps < fewest:
        raise KoopflowError(
            f"grokking.first_steps must be at least {fewest} for {block.delays} delays, rank {block.rank} and "
            f"{block.directions} directions (got {block.first_steps})"
        )
    if setup.spectrum_states is not None:
        most = setup.steps + 1 - setup.first_state
        if not fewest <= setup.spectrum_states <= most:
            raise KoopflowError(
                f"{key}.spectrum_states must be between {fewest}, which delays and rank need, and {most}, the recorded "
                f"states of {setup.steps} steps (got {setup.spectrum_states})"
            )
    for low, high in (block.sweep.weight_decay, block.sweep.learning_rate, block.sweep.share):
        if low > high:
            raise KoopflowError(f"grokking.sweep: a range must not end below its beginning (got {low:g} to {high:g})")


def figures(plan: Grokking) -> list[Figure]:
    """Return the figures of the stage."""
    kinds = ("curves", "spectra", "prediction") if plan.settings else ()
    return [Figure(f"grokking_{kind}") for kind in kinds]


STAGE = Stage(
    name="grokking",
    order=25,
    blocks={"grokking": GrokkingSettings},
    plan=plan,
    section=Section(
        "Do the first steps tell whether a network will grok?",
        place=25,
        captions=("grokking_curves", "grokking_spectra", "grokking_prediction", "grokking_areas"),
    ),
    figures=figures,
    tables=(Table("grokking_areas", "grokking/areas.csv", "koopflow.cli.report_tables:areas"),),
    claimed=("grokking/areas.csv", "grokking/distances.csv", "grokking/rank_distances.csv"),
    check=Check(
        "koopflow.studies.checks.grokking:check",
        settings=lambda plan: {
            "settings": {name: setup.dump() for name, setup in plan.settings.items()},
            "observables": list(plan.block.observables),
            "seed": plan.study.seed,
        },
        environment=lambda plan: "training",
        trains=True,
        estimate=lambda plan: small(TORCH_SECONDS, TORCH_MB),
    ),
)
