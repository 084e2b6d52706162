"""Every pruning score, a whole pruning study and chains of tickets on a CUDA device, beside the CPU."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
import torch

import koopflow as kf
from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.pruning import study, training
from koopflow.pruning.job import Job
from koopflow.pruning.methods import longest_window
from koopflow.pruning.registry import SCORES, UNRECORDED
from koopflow.training.device import compute_deterministically
from koopflow.trajectory import Trajectory
from tests.gpu.device import DEVICE, NETWORKS, SGD, digits, near

pytestmark = pytest.mark.filterwarnings("default")  # torch names operations that it cannot make deterministic
NETS = {
    "dense": lambda: [torch.nn.Flatten(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)],
    "convolutional": lambda: [
        torch.nn.Conv2d(1, 6, 3, padding=1),
        torch.nn.BatchNorm2d(6),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(96, 10),
    ],
}
STUDY = {
    "data": "digits",
    "optimizer": SGD,
    "batch_size": 20,
    "epochs": 1,
    "seeds": 2,
    "prune_epochs": [1],
    "window": 6,
    "rank": 3,
    "compressions": [4],
    "exclude": ["classifier"],
    "counted": "prunable",
    "pairs": "all",
    "gradient_images": 60,
    "finetune": {"epochs": 1, "at": [1]},
    "save_masks": {"at": []},
}
OPTIONS = {"koopman_modes": {"which": "all"}}
MODELS = {
    "dense": {"name": "mlp", "widths": [10, 10]},
    "convolutional": {"name": "convnet", "arguments": {"channels": [4, 4], "hidden": []}},
    "residual": NETWORKS["sequential"],
}


@pytest.fixture(scope="module")
def images():
    return digits(200)


def network(kind):
    torch.manual_seed(0)
    return torch.nn.Sequential(*NETS[kind]())


def run_of(kind, images, path, device):
    """Train a network on a device in a loop of its own, recorded; return it with its gradients."""
    model = network(kind).to(device)
    x, y = torch.from_numpy(images.x_train).to(device), torch.from_numpy(images.y_train).to(device)
    recorder = kf.Recorder(model, str(path), every=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(12):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        recorder.step(loss.detach())
        optimizer.step()
    recorder.step(loss.detach())
    recorder.close()
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    return model, (x, y)


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("score", sorted(SCORES))
def test_every_score_of_a_model_on_the_device_keeps_the_weights_that_the_cpu_keeps(score, kind, images, tmp_path):
    compute_deterministically()
    kept = []
    for device in ("cpu", DEVICE):
        path = tmp_path / f"{len(kept)}.h5"
        model, data = run_of(kind, images, path, device)
        recording = {} if score in UNRECORDED else {"recording": str(path), "rank": 3}
        mask = kf.prune(model, score=score, compression=4, data=data, options=OPTIONS.get(score), **recording)
        kept.append(mask.kept)
        before = copy.deepcopy(model)
        mask.apply(model)
        torch.nn.functional.cross_entropy(model(data[0]), data[1]).backward()  # masks hold in training too
        held = np.concatenate(
            [
                value.detach().cpu().numpy().ravel()
                for value in mask.state_dict(before).values()
                if value.dtype == torch.float32
            ]
        )
        assert np.count_nonzero(held) < sum(value.numel() for value in before.state_dict().values())
        assert torch.isfinite(mask.shrink(before)(data[0])).all()
    share = np.mean(kept[0] == kept[1])
    print(f"{score}, {kind}: {share:.4f} of the weights are kept or pruned alike (accepted 0.99)")
    assert share >= 0.99


@pytest.mark.parametrize("model", MODELS)
def test_a_pruning_study_has_the_tables_of_the_cpu_and_its_own_twice(model, images, tmp_path):
    methods = {name: PruningMethod(score=name, options=OPTIONS.get(name, {})) for name in SCORES if name != "random"}
    methods["gradual"] = PruningMethod(score="magnitude", schedule="gradual", rounds=2, round_epochs=0.5)
    whole = PruningStudy.load(STUDY | {"model": MODELS[model], "methods": list(methods)})
    tables = []
    for number, device in enumerate(("cpu", DEVICE, DEVICE)):
        path, window = tmp_path / f"{number}.h5", longest_window(whole, methods)
        members = training.Members("tiny", 0, [0, 1])
        networks = training.train(whole, images, members, path, window, device=device)
        with Trajectory(path) as states:
            tables.append(study.run(Job("tiny", whole, methods, images, states, networks, 0, 1e-3, device)))
    here, there, again = (each["accuracy"] for each in tables)
    pd.testing.assert_frame_equal(again, there)
    assert here[["method", "seed"]].equals(there[["method", "seed"]])
    for column in ("accuracy", "accuracy_finetuned"):  # an image is 0.3 %; a kept weight may be another
        near(f"{column} of {model}", there[column], here[column], 0.05)
    overlap = [each["overlap"]["jaccard"].to_numpy() for each in tables[:2]]
    near(f"overlap of methods of {model}", overlap[1], overlap[0], 0.1)


def test_a_chain_of_pruning_rounds_finds_the_cpus_tickets_and_the_same_ones_twice(images, tmp_path):
    setup = {"model": NETWORKS["matrix"], "optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 30}
    chains = [
        kf.iterative_pruning(setup | {"steps": 30}, images, rounds=6, seeds=2, device=device)
        for device in ("cpu", DEVICE, DEVICE)
    ]
    np.testing.assert_allclose(chains[0].densities(), chains[1].densities())
    near("exponents", *(chains[n].exponents()["sigma"] for n in (1, 0)), tolerance=0.05)
    near("accuracy of tickets", *(np.array(chains[n].accuracy) for n in (1, 0)), tolerance=0.03)
    for first, second in zip(chains[1].masks, chains[2].masks):
        assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_rewound_chain_resumes_on_the_device(images, tmp_path):
    setup = {"model": NETWORKS["vmap"], "optimizer": SGD, "batch_size": 30, "steps": 12}
    whole, part = tmp_path / "whole", tmp_path / "part"
    options = {"seeds": 2, "rewind_step": 4, "device": DEVICE}
    expected = kf.iterative_pruning(setup, images, rounds=4, checkpoints=whole, **options)
    kf.iterative_pruning(setup, images, rounds=2, checkpoints=part, **options)
    found = kf.iterative_pruning(setup, images, rounds=4, checkpoints=part, **options)
    assert json.dumps(np.array(found.accuracy).tolist()) == json.dumps(np.array(expected.accuracy).tolist())
    assert all(np.array_equal(found.masks[-1][name], mask) for name, mask in expected.masks[-1].items())
