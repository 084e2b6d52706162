"""The ticket studies of the papers' scale, in small: the blocks of config/paper.yaml themselves, on
a tiny ImageFolder."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from tests.house import command, copy_of_the_house

ROOT = Path(__file__).resolve().parents[2]


def image_folder(root: Path) -> None:
    """Three classes, told apart by which channel is bright."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 4)):
        for channel, label in enumerate(("cat", "dog", "emu")):
            folder = root / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 128, (40, 36, 3), dtype=np.uint8)
                pixels[:, :, channel] += 100
                Image.fromarray(pixels).save(folder / f"{number}.jpg")


def snakemake(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(*words), cwd=folder, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The studies of ResNet-50 and of depths, as config/paper.yaml has them, with fewer steps,
    rounds and channels."""
    folder = copy_of_the_house(tmp_path_factory.mktemp("house") / "koopflow")
    image_folder(folder / "data" / "imagenet")
    paper = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    blocks = paper["tickets"]["studies"]
    studies = {"resnet50": blocks["resnet50_cifar100"], "resnet14": blocks["resnet14"], "resnet20": blocks["resnet20"]}
    assert studies["resnet50"]["model"] == {"name": "resnet50"}
    small = {"batch_size": 6, "steps": 6, "seeds": 2, "rounds": 3, "rewind_step": 2, "controls": {"rounds": [2]}}
    for name, study in studies.items():
        study |= small | {"tasks": ["imagenet"], "composition": {"seeds": 0}}
        study["rounds_per_job"] = 1 if name == "resnet50" else None
        # The large network's block is kept with a smaller one of torchvision's, whose file is a
        # tenth as large.
        study["model"] = {"name": "resnet18"} if name == "resnet50" else study["model"] | {"width": 2}
        schedule = {"warmup": 2} if name == "resnet50" else {}
        study["optimizer"]["schedule"] = {"name": "step", "milestones": [3, 5], "factor": 0.1} | schedule
    config = {
        "data": {"imagenet": {"source": "image_folder", "path": "data/imagenet", "size": 32}},
        "tickets": {
            "studies": studies,
            "elastic": {"depths": {"studies": ["resnet14", "resnet20"], "rounds": [2]}},
            "window": {"minimum_rounds": 3},
        },
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    done = snakemake(folder, "tickets", "--configfile", "mine.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def test_an_image_folder_is_pruned_round_by_round_job_by_job(finished):
    rounds = pd.read_csv(finished / "results/tickets/rounds.csv")
    own = rounds[rounds["model"] == "resnet18"]
    assert set(own["control"]) == {"ticket", "random_mask", "reinitialized", "one_shot"}
    assert own["accuracy"].between(0, 1).all()
    np.testing.assert_allclose(sorted(own["density"].unique()), [0.64, 0.8, 1.0], atol=1e-5)
    chains = sorted(path.name for path in (finished / "results/tickets/chains/resnet50/imagenet").glob("*.npz"))
    assert chains == ["rounds-1.npz", "rounds-2.npz", "rounds-3.npz"]
    flow = pd.read_csv(finished / "results/tickets/flow.csv")
    assert "layer4.1" in set(flow.loc[flow["model"] == "resnet18", "layer"])


def test_tickets_are_stretched_both_ways_with_the_exponents_of_each_depth(finished):
    elastic = pd.read_csv(finished / "results/tickets/elastic.csv")
    assert set(zip(elastic["source"], elastic["target"])) == {
        ("resnet14-2", "resnet20-2"),
        ("resnet20-2", "resnet14-2"),
    }
    shares = elastic[["density", "accuracy", "accuracy_own", "accuracy_random"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    exponents = pd.read_csv(finished / "results/tickets/exponents.csv")
    assert exponents.groupby("model")["layer"].nunique()[["resnet14-2", "resnet20-2"]].to_list() == [8, 11]
    for figure in ("tickets_elastic_depths", "tickets_flow_resnet20", "tickets_exponents_resnet50"):
        assert (finished / f"results/figures/{figure}.png").read_bytes().startswith(b"\x89PNG")


def test_a_longer_chain_is_planned_without_its_finished_rounds(finished):
    config = yaml.safe_load((finished / "mine.yaml").read_text())
    config["tickets"]["studies"]["resnet50"]["rounds"] = 4
    (finished / "longer.yaml").write_text(yaml.safe_dump(config))
    planned = snakemake(finished, "tickets", "--dry-run", "--configfile", "longer.yaml")
    assert planned.returncode == 0, planned.stderr
    counts = dict(
        line.split() for line in (planned.stdout + planned.stderr).splitlines() if line.startswith("train_rounds ")
    )
    assert counts == {"train_rounds": "1"}


def test_a_study_alone_finds_its_chains(finished):
    config = yaml.safe_load((finished / "mine.yaml").read_text())
    config["tickets"] |= {"studies": {"resnet20": config["tickets"]["studies"]["resnet20"]}, "elastic": {}}
    (finished / "alone.yaml").write_text(yaml.safe_dump(config))
    done = snakemake(finished, "results/tickets/exponents.csv", "--configfile", "alone.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    assert set(pd.read_csv(finished / "results/tickets/exponents.csv")["model"]) == {"resnet20-2"}
