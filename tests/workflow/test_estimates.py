"""What jobs ask of a scheduler: it follows the size of the study, and grows with each attempt."""

import pytest

from koopflow.workflow import estimates

MNIST = {"spec": {"source": "mnist"}, "named": {}}
DIGITS = {"spec": {"source": "digits"}, "named": {}}
SETUP = {"model": {"name": "mlp", "widths": [10]}, "batch_size": 60, "steps": 1000}


def test_a_job_asks_for_more_with_each_attempt():
    asked = estimates.asked(estimates.Size(mem_mb=1000, seconds=1000))
    assert [asked["mem_mb"](None, attempt) for attempt in (1, 2, 3)] == [2000, 4000, 6000]
    assert [asked["runtime"](None, attempt) for attempt in (1, 2, 3)] == [50, 100, 150]
    assert asked["expected_s"](None) == 1000
    long = estimates.asked(estimates.Size(mem_mb=1000, seconds=100 * 3600))
    assert [long["runtime"](None, attempt) for attempt in (1, 3)] == [2880, 2880]


def test_a_size_may_follow_the_wildcards():
    asked = estimates.asked(lambda wildcards: estimates.Size(mem_mb=wildcards * 1000, seconds=1))
    assert asked["mem_mb"](3, 1) > asked["mem_mb"](1, 1)
    assert asked["runtime"](3, 1) == 10, "no job asks for less than ten minutes"


@pytest.mark.parametrize(("data", "replicas", "measured_mb", "measured_s"), [(DIGITS, 80, 907, 6.9), (MNIST, 250, 1139, 12.2)])
def test_ensembles_get_what_they_were_measured_to_take(data, replicas, measured_mb, measured_s):
    # The default study's width-10, and the 750 networks' width-10 on MNIST; max_rss and s of Snakemake's benchmark files.
    expected = estimates.ensemble(SETUP, data, replicas)
    assert measured_s / 2 < expected.seconds < 4 * measured_s
    asked = estimates.asked(expected)
    assert measured_mb + estimates.INTERPRETERS_MB - 100 < asked["mem_mb"](None, 1) < 4 * measured_mb


def test_memory_and_time_grow_with_the_study():
    small, large = (estimates.ensemble(SETUP, DIGITS, replicas) for replicas in (10, 10000))
    assert large.mem_mb > small.mem_mb
    assert large.seconds > small.seconds
    chain = SETUP | {"model": {"name": "resnet20"}, "seeds": 5}
    cifar = {"spec": {"source": "image_folder", "size": 32}, "named": {}}
    assert estimates.chain(chain, cifar, 10).seconds > 5 * estimates.chain(chain, cifar, 1).seconds
    assert estimates.chain(chain, cifar, 1, gpu=1).seconds < estimates.chain(chain, cifar, 1).seconds


def test_a_data_set_like_another_has_its_size():
    named = {"mine": {"source": "mnist"}, "theirs": {"source": "teacher", "like": "mine"}}
    like = {"spec": {"source": "gaussian_clusters", "like": "theirs"}, "named": named}
    assert estimates.ensemble(SETUP, like, 10) == estimates.ensemble(SETUP, MNIST, 10)
    assert estimates.ensemble(SETUP, like, 10).mem_mb > estimates.ensemble(SETUP, DIGITS, 10).mem_mb


def test_a_tree_of_images_is_counted_by_its_first_class_and_imagenet_is_assumed_before_it_is_there(tmp_path):
    spec = {"source": "image_folder", "path": str(tmp_path), "size": 64}
    setup = SETUP | {"model": {"name": "resnet50"}}
    before = estimates.ensemble(setup, {"spec": spec, "named": {}}, 1)
    assert before.mem_mb > 12 * 1.28e6 * 3 * 64 * 64 / 2**20
    for label in ("a", "b"):
        (tmp_path / "train" / label).mkdir(parents=True)
        for number in range(5):
            (tmp_path / "train" / label / f"{number}.png").touch()
    assert estimates.ensemble(setup, {"spec": spec, "named": {}}, 1).mem_mb < before.mem_mb / 10


def test_the_work_of_a_residual_network_grows_with_its_images():
    setup = SETUP | {"model": {"name": "resnet50"}}
    small, large = ({"spec": {"source": "image_folder", "size": side}, "named": {}} for side in (64, 224))
    ratio = estimates.ensemble(setup, large, 1).seconds / estimates.ensemble(setup, small, 1).seconds
    assert 11 < ratio <= (224 / 64) ** 2
