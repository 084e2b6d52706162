"""Tickets of five real tasks, each transferred to each: MNIST, Fashion-MNIST, KMNIST, permuted MNIST and Gaussian clusters.

    python benchmarks/tickets_universality.py ../shared/data

Prints accuracy against density, the exponents, the transfer matrix and each observable's Mantel correlation.
Tables are left in benchmarks/out/tickets.
"""

import argparse
import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from koopflow.data import load
from koopflow.rg.exponents import WindowRule
from koopflow.tickets import study as tickets
from koopflow.tickets import tables, universality

STUDY = {
    "model": {"name": "mlp", "widths": [300, 100]},
    "optimizer": {"name": "sgd", "learning_rate": 0.03, "momentum": 0.9},
    "batch_size": 60,
    "steps": 500,
    "seeds": 5,
    "fraction": 0.2,
    "scope": "global",
    "rewind_step": 0,
    "controls": {"rounds": [7]},
    "transfer": {"rounds": [10, 13]},
    "composition": {"seeds": 3},
}
ROUNDS = 15
OUT = Path(__file__).parent / "out" / "tickets"


def named(root: str) -> dict:
    """The five tasks, 12,000 training images each as far as there are so many."""
    size = {"train_size": 12000}
    return {
        "mnist": {"source": "mnist"} | size,
        "mnist_permuted": {"source": "mnist", "transform": {"permute_pixels": 1}} | size,
        "fashion_mnist": {"source": "fashion_mnist"} | size,
        "kmnist": {"source": "npz", "path": f"{root}/images/kmnist_10k.npz"},
        "gaussian_clusters": {"source": "gaussian_clusters", "like": "mnist"} | size,
    }


def images_of(task: str, root: str):
    return load(named(root)[task], data_root=root, seed=0, named=named(root))


def one_task(task: str, root: str):
    import torch

    torch.set_num_threads(1)
    started, images = time.time(), images_of(task, root)
    chain = tickets.train_rounds(task, images, STUDY, 0, ROUNDS, OUT / "checkpoints")
    rounds = tickets.train_controls(task, images, STUDY, chain)
    large, rerun = tickets.train_composition(task, images, STUDY, 0, chain, OUT / "checkpoints")
    composition = tables.composition_tables(chain, large, rerun, task, "mlp-300-100", "share")
    print(f"{task}: {time.time() - started:.0f} s", flush=True)
    return task, chain, rounds, composition


def one_target(target: str, chains: dict, root: str):
    import torch

    torch.set_num_threads(1)
    return target, tickets.train_transfers(target, images_of(target, root), STUDY, chains)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="folder with MNIST/, FashionMNIST/ and images/kmnist_10k.npz")
    root = parser.parse_args().root
    OUT.mkdir(parents=True, exist_ok=True)
    names = list(named(root))
    with get_context("spawn").Pool(2) as pool:
        done = pool.starmap(one_task, [(task, root) for task in names], chunksize=1)
        chains = {task: chain for task, chain, _, _ in done}
        transferred = dict(pool.starmap(one_target, [(task, chains, root) for task in names], chunksize=1))
    rounds = pd.concat([frame for _, _, frame, _ in done])
    exponents = pd.concat(
        [
            tables.exponents_table(*chain.sums("layer"), chain.densities(), task, "mlp-300-100", "share", WindowRule(), 0.02)
            for task, chain in chains.items()
        ]
    )
    numbers = tickets.transfer_rounds(STUDY, chains)
    random = {task: universality.random_control(rounds, task, numbers) for task in names}
    transfer = universality.transfer_table(chains, transferred, random, numbers, exponents, "mlp-300-100")
    found = universality.correlations(transfer, names, "mlp-300-100")
    ratios = pd.concat([ratio for _, _, _, (_, ratio) in done])
    for stem, frame in {
        "rounds": rounds,
        "exponents": exponents,
        "transfer": transfer,
        "universality": found,
        "ratios": ratios,
    }.items():
        frame.to_csv(OUT / f"{stem}.csv", index=False)
    pd.set_option("display.width", 200)
    print(rounds.pivot_table(index=["task", "control"], columns="round", values="accuracy").round(4).to_string())
    print(exponents.round(4).to_string(index=False))
    for density in transfer["density"].unique():
        print(f"transfer at density {density:.3f} (rows: source)")
        print(pd.DataFrame(universality.transfer_matrix(transfer, names, density), names, names).round(3).to_string())
    print(found.round(3).to_string(index=False))
    print(ratios.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
