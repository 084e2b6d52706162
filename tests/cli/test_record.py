"""The record of a run: every run writes one, it follows the Provenance Run Crate profile, and it
names no person and no machine."""

import getpass
import json
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from koopflow.cli import crate, record
from koopflow.core.errors import KoopflowError
from koopflow.data.images import published
from koopflow.workflow import host
from tests.cli.profile import violations
from tests.house import command, copy_of_the_house

CONFIG = {
    "seed": 5,
    "series": {
        "wave": {"path": "wave.csv", "time": "t", "value": "v", "window": 40, "delays": 12, "rank": 4, "horizon": 6}
    },
    "forecast": {"methods": ["persistence", "sliding"], "draws": 100},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """A finished run of one table, from a series outside the checkout."""
    folder = tmp_path_factory.mktemp("house")
    house = copy_of_the_house(folder / "house")
    mine = folder / "private" / "wave.csv"
    mine.parent.mkdir()
    mine.write_text("t,v\n" + "".join(f"{t},{(t % 20) + t / 1000}\n" for t in range(300)))
    series = {"wave": CONFIG["series"]["wave"] | {"path": str(mine)}}
    (house / "mine.yaml").write_text(yaml.safe_dump(CONFIG | {"series": series}))
    words = command("results/forecast/skill.csv", "--configfile", "mine.yaml")
    done = subprocess.run(words, cwd=house, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return house


def told(house: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "koopflow.cli", *words], cwd=house, capture_output=True, text=True, timeout=900
    )


def test_the_record_of_a_run_follows_the_profile_and_the_validator_sees_what_is_missing(house, tmp_path):
    assert violations(house / "results") == []
    shutil.copytree(house / "results", tmp_path / "results")
    file = tmp_path / "results" / crate.NAME
    whole = json.loads(file.read_text())
    for broken in (
        lambda graph: graph["./"].pop("license"),
        lambda graph: graph["#job/1"].update(instrument={"@id": "#seed"}),
        lambda graph: graph["workflow/Snakefile"].update({"@type": "File"}),
        lambda graph: graph["#step/score_forecasts"].update(workExample={"@id": "#seed"}),
        lambda graph: graph["#seed"].update(exampleOfWork={"@id": "#nothing"}),
    ):
        document = json.loads(json.dumps(whole))
        broken({entity["@id"]: entity for entity in document["@graph"]})
        file.write_text(json.dumps(document))
        assert violations(tmp_path / "results"), "the damage was not seen"


def test_it_holds_data_seed_configuration_code_packages_machine_and_times(house):
    graph = record.read(house / "results")
    data = [entity for name, entity in graph.items() if name.startswith("#data/")]
    assert [entity["name"] for entity in data] == ["wave"]
    assert len(data[0]["sha256"]) == 64
    assert graph["#seed"]["value"] == 5
    assert json.loads((house / "results/workflow/configuration.json").read_text())["seed"] == 5
    assert graph["workflow/Snakefile"]["version"].startswith("0.")
    assert {"numpy", "snakemake", "Python"} <= {e["name"] for name, e in graph.items() if name.startswith("#software/")}
    facts = {entity["name"] for name, entity in graph.items() if name.startswith("#host/")}
    assert {"cpu", "cores", "system", "python", "blas", "device", "environment", "threads"} <= facts
    digest = next(e["value"] for n, e in graph.items() if n.startswith("#host/") and e["name"] == "environment")
    assert any(line.startswith("numpy==") for line in environment(house, digest).splitlines())
    jobs = [entity for name, entity in graph.items() if name.startswith("#job/") and entity["@type"] == "CreateAction"]
    assert {job["name"] for job in jobs} >= {"Run of forecast_series", "Run of score_forecasts"}
    assert all(job["startTime"] <= job["endTime"] for job in jobs)
    skill = graph["forecast/skill.csv"]
    assert skill["sha256"] == sums(house / "results/forecast/skill.csv")


def environment(house: Path, digest: str) -> str:
    return (house / f"results/workflow/environment-{digest}.txt").read_text()


def sums(path: Path) -> str:
    from koopflow.io.checksums import checksum

    return checksum(path).removeprefix("sha256:")


def test_it_names_no_folder_user_or_machine(house):
    files = [house / "results" / crate.NAME, *(house / "results/workflow").iterdir()]
    text = "\n".join(file.read_text() for file in files)
    assert "wave.csv" in text
    for private in (str(house), str(house.parent), "private", platform.node()):
        assert private not in text, private
    if len(user := getpass.getuser()) > 4:  # "root" is also a word of the standard
        assert user not in text


def test_provenance_shows_it(house):
    shown = told(house, "provenance").stdout
    assert "completed" in shown
    assert "wave, sha256 " in shown
    assert "  host           " in shown
    assert "device cpu" in shown
    one = told(house, "provenance", "results/forecast/skill.csv", "--", "--configfile", "mine.yaml").stdout
    assert "  host       " in one
    assert "environment " in one
    assert told(house, "provenance", "koopflow").stderr.startswith("koopflow: koopflow/ro-crate-metadata.json: no such")


def test_an_archive_holds_a_record_of_what_is_in_it(house, tmp_path):
    done = told(house, "export", f"{tmp_path}/study.tar.gz", "--configfile", "mine.yaml", "--largest", "0")
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "study.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    assert not (tmp_path / "results/forecast/series/wave/windows.npz").exists()
    assert violations(tmp_path / "results") == []
    left_out = record.read(tmp_path / "results")["#left-out/forecast/series/wave/windows.npz"]
    assert int(left_out["contentSize"]) > 0


def test_a_damaged_record_is_one_line(tmp_path):
    (tmp_path / crate.NAME).write_text("{")
    with pytest.raises(KoopflowError, match="not a readable record"):
        record.read(tmp_path)


def test_absolute_paths_of_a_configuration_lose_their_folders(tmp_path):
    values = {"path": str(tmp_path / "a.csv"), "data": ["~/b", "data/c", "D:\\runs\\d"], "up": "../../runs/e.csv"}
    assert crate.anonymous(values) == {"path": ".../a.csv", "data": [".../b", "data/c", ".../d"], "up": ".../e.csv"}


def test_published_checksums_are_those_of_torchvision_and_of_the_real_files(shared_data, tmp_path):
    from torchvision import datasets

    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        assert dict(getattr(datasets, name).resources).items() <= published.known(name).items()
    batches = [*datasets.CIFAR10.train_list, *datasets.CIFAR10.test_list]
    assert {name: md5 for name, md5 in batches}.items() <= published.known("CIFAR10").items()
    packed = shared_data / "MNIST/raw/t10k-labels-idx1-ubyte.gz"
    assert published.compare("MNIST", [packed]) == {packed.name: "as published"}
    damaged = tmp_path / packed.name
    damaged.write_bytes(packed.read_bytes()[:-1] + b"x")
    assert published.compare("MNIST", [damaged]) == {packed.name: "differs from the published file"}
    assert published.compare("KMNIST", [tmp_path / "train-labels-idx1-ubyte"]) == {
        "train-labels-idx1-ubyte": "no published checksum"
    }


def test_the_environments_digest_follows_the_installed_versions(tmp_path):
    for name in ("numpy-2.4.6.dist-info", "a_b-1.0.dist-info", "notes.txt"):
        (tmp_path / name).mkdir()
    assert host.installed([str(tmp_path), str(tmp_path / "absent")]) == ["a-b==1.0", "numpy==2.4.6"]
