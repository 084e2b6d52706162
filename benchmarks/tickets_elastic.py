"""Elastic tickets across depth: ResNet-14, 20 and 32 on digits, each depth's tickets stretched to each other depth.

    python benchmarks/tickets_elastic.py

Prints the exponents of residual blocks at each depth, and each stretched ticket's accuracy beside the target's own ticket and a random
mask. Small networks (4 channels in the first stage), so that minutes of two cores suffice; the paper's scale is config/paper.yaml.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from koopflow.data import load
from koopflow.rg.exponents import WindowRule
from koopflow.tickets import elastic, imp, tables, trainers

OUT = Path(__file__).parent / "out" / "tickets"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depths", type=int, nargs="+", default=[14, 20, 32])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    images = load("digits")
    setups = {
        depth: trainers.Network(
            {
                "model": {"name": f"resnet{depth}", "width": 4},
                "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
                "batch_size": 50,
                "steps": options.steps,
            }
        )
        for depth in options.depths
    }
    chains, exponents = {}, []
    for depth, setup in setups.items():
        started = time.perf_counter()
        common = {"task": "digits", "rounds": options.rounds, "seeds": options.seeds, "rewind_step": options.steps // 10}
        chain = chains[depth] = imp.run_chain(setup, images, checkpoints=OUT / "checkpoints", say=print, **common)
        print(
            f"resnet{depth}: {(time.perf_counter() - started) / chain.rounds / options.seeds:.1f} s per seed and round", flush=True
        )
        found = tables.exponents_table(
            *chain.sums("block"), chain.densities(), "digits", f"resnet{depth}", "share", WindowRule(), 0.02
        )
        exponents.append(found)
    print(pd.concat(exponents).drop(columns=["task", "n", "interval"]).round(3).to_string(index=False))
    rows = []
    for source in options.depths:
        for target in options.depths:
            if source != target:
                numbers = [options.rounds // 2, options.rounds - 1]
                moved = elastic.transfer_depth(chains[source], chains[target], setups[target], images, numbers)
                rows += [{"source": source, "target": target} | row for row in moved]
    print(pd.DataFrame(rows).drop(columns="seed").groupby(["source", "target", "round"]).mean().round(4).to_string())


if __name__ == "__main__":
    main()
