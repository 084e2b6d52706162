"""What a run took for a part of the papers, from its benchmark files."""

import re

import pytest

from koopflow.papers.times import Took, in_words, took
from koopflow.studies.papers import plan
from tests.house import ROOT
from tests.studies.plans import resolved


@pytest.fixture
def benchmarks(tmp_path):
    (tmp_path / "train_ensemble").mkdir()
    for name, seconds in {"a-0": "40.5", "a-1": "30.5", "b-0": "NA"}.items():
        (tmp_path / f"train_ensemble/{name}.tsv").write_text(f"s\tcpu_time\n99\t{seconds}\n")
    return tmp_path


def test_the_parts_of_a_training_are_added_and_jobs_without_a_number_counted(benchmarks):
    assert took(benchmarks, ["train_ensemble/a-*"]) == Took(71.0, 2, 2)
    assert took(benchmarks, ["train_ensemble/a-*", "train_ensemble/b-*", "fit_spectra/a"]) == Took(71.0, 4, 2)
    assert in_words(took(benchmarks, ["fit_spectra/a"])) == ""


def test_every_job_of_a_part_has_a_rule_that_measures_it():
    """A rule that is renamed would leave the page without its time."""
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    paths = re.findall(r'"<benchmarks>/(\S+)\.tsv"', rules)
    measured = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in paths]
    windows = {"w": {"steps": 40, "window": 20, "epoch": 10, "koopman": {"rank": 5}}}
    study = resolved({"equivalence": {"windows": windows}})
    for part in plan(study).parts:
        assert part.jobs, part.name
        for job in part.jobs:
            assert any(rule.fullmatch(job.replace("*", "a-0")) for rule in measured), job


@pytest.mark.parametrize(("shared_job", "shared"), [(60, True), (0, False)])
def test_set_ups_that_share_a_job_are_told_its_time_and_others_their_own(shared_job, shared):
    study = resolved({"equivalence": {"training": {"shared_job": shared_job}}})
    jobs = next(part.jobs for part in plan(study).parts if part.name == "setups")
    assert ("train_short_setups" in jobs) == shared
    assert any(job.startswith("train_ensemble/") for job in jobs) != shared
