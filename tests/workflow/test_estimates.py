"""What jobs ask of a scheduler: it follows the size of the study, and grows with each attempt."""

import dataclasses

import pytest

from koopflow.config.data import DataSelection
from koopflow.config.training import ModelSettings
from koopflow.workflow import estimates
from koopflow.workflow.estimates import Estimate, Machine, Training, loading, training

MNIST = DataSelection.load({"spec": {"source": "mnist"}})
DIGITS = DataSelection.load({"spec": {"source": "digits"}})
WORK = Training(ModelSettings(name="mlp", widths=[10]), DIGITS, batch_size=60, steps=1000, replicas=10)


def work(**changes: object) -> Training:
    return dataclasses.replace(WORK, **changes)


def folder(**options: object) -> DataSelection:
    return DataSelection.load({"spec": {"source": "image_folder", **options}})


def test_a_job_asks_for_more_with_each_attempt():
    asked = estimates.asked(Estimate(mem_mb=1000, seconds=1000))
    assert [asked["mem_mb"](None, attempt) for attempt in (1, 2, 3)] == [2000, 4000, 6000]
    assert [asked["runtime"](None, attempt) for attempt in (1, 2, 3)] == [60, 120, 180]
    assert asked["expected_s"](None) == 1000 + estimates.QUEUE_SECONDS
    long = estimates.asked(Estimate(mem_mb=1000, seconds=100 * 3600))
    assert [long["runtime"](None, attempt) for attempt in (1, 3)] == [2880, 2880]


def test_an_estimate_may_follow_the_wildcards():
    asked = estimates.asked(lambda wildcards: Estimate(mem_mb=wildcards * 1000, seconds=1))
    assert asked["mem_mb"](3, 1) > asked["mem_mb"](1, 1)
    assert asked["runtime"](3, 1) == 10, "no job asks for less than ten minutes"


@pytest.mark.parametrize(
    ("data", "replicas", "measured_mb", "measured_s"), [(DIGITS, 80, 907, 6.9), (MNIST, 250, 1139, 12.2)]
)
def test_ensembles_get_what_they_were_measured_to_take(data, replicas, measured_mb, measured_s):
    # The default study's width-10, and the 750 networks' width-10 on MNIST; max_rss and s of
    # Snakemake's benchmark files.
    expected = training(work(data=data, replicas=replicas))
    assert measured_s / 2 < expected.seconds < 4 * measured_s
    asked = estimates.asked(expected)
    assert measured_mb + estimates.INTERPRETERS_MB - 100 < asked["mem_mb"](None, 1) < 4 * measured_mb


def test_memory_and_time_grow_with_the_study():
    small, large = (training(work(replicas=replicas)) for replicas in (10, 10000))
    assert large.mem_mb > small.mem_mb
    assert large.seconds > small.seconds
    chain = work(model=ModelSettings(name="resnet20"), data=folder(size=32), replicas=5)
    assert training(dataclasses.replace(chain, runs=10)).seconds > 5 * training(chain).seconds
    assert training(chain, Machine(gpu=1)).seconds < training(chain).seconds


def test_a_data_set_like_another_has_its_size():
    named = {"mine": {"source": "mnist"}, "theirs": {"source": "teacher", "like": "mine"}}
    like = DataSelection.load({"spec": {"source": "gaussian_clusters", "like": "theirs"}, "named": named})
    assert training(work(data=like)) == training(work(data=MNIST))
    assert training(work(data=like)).mem_mb > training(WORK).mem_mb


@pytest.mark.parametrize(
    ("source", "measured_mb", "measured_s"),
    [("mnist", 1173, 3.7), ("gaussian_clusters", 1165, 6.3), ("teacher", 1605, 10.5)],
)
def test_a_check_gets_what_loading_the_largest_set_was_measured_to_take(source, measured_mb, measured_s):
    chosen = DataSelection.load({"spec": {"source": source, **({} if source == "mnist" else {"like": "mnist"})}})
    expected = loading([chosen])
    assert measured_mb / 2 < expected.mem_mb < 2 * measured_mb
    assert measured_s / 2 - 1.5 < expected.seconds < 2 * measured_s + 1.5
    assert loading([DIGITS]).mem_mb < 800
    both = loading([DIGITS, chosen, chosen])
    assert both.mem_mb == expected.mem_mb
    assert both.seconds > expected.seconds


def test_a_tree_of_images_is_counted_by_its_first_class_and_imagenet_is_assumed_before_it_is_there(tmp_path):
    large = work(model=ModelSettings(name="resnet50"), data=folder(path=str(tmp_path), size=64), replicas=1)
    before = training(large)
    assert before.mem_mb > 12 * 1.28e6 * 3 * 64 * 64 / 2**20
    for label in ("a", "b"):
        (tmp_path / "train" / label).mkdir(parents=True)
        for number in range(5):
            (tmp_path / "train" / label / f"{number}.png").touch()
    assert training(large).mem_mb < before.mem_mb / 10


def test_the_work_of_a_residual_network_grows_with_its_images():
    model = ModelSettings(name="resnet50")
    small, large = (training(work(model=model, data=folder(size=side), replicas=1)).seconds for side in (64, 224))
    assert 11 < large / small <= (224 / 64) ** 2


def test_a_job_on_a_gpu_starts_later_and_needs_more_of_the_hosts_memory():
    here, there = (training(work(steps=1), Machine(gpu=gpu)) for gpu in (0, 1))
    assert there.seconds - here.seconds == pytest.approx(estimates.GPU_SECONDS, abs=0.01)
    assert there.mem_mb - here.mem_mb == estimates.GPU_MB
