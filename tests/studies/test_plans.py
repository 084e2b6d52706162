"""The plans of the stages: what their jobs are made from, found without Snakemake."""

from pathlib import Path

import pytest
import yaml

from koopflow.core.errors import KoopflowError
from koopflow.studies import claims, discovery, equivalence, forecast, pruning, spectra, tickets
from koopflow.studies.report import Contents
from koopflow.studies.shared import ranges, selection
from koopflow.studies.stage import Figure, Section, Stage
from tests.studies.plans import ROOT, resolved

SMALL = {"model": {"name": "mlp", "widths": [4]}, "rounds": 7, "controls": {"rounds": [3]}, "transfer": {"rounds": [4]}}


def ticket_plan(**study):
    return tickets.plan(
        resolved({"tickets": {"studies": {"mine": {"tasks": ["digits", "clusters"], **SMALL, **study}}}})
    )


def test_a_data_set_comes_with_those_it_refers_to():
    study = resolved({"data": {"a": {"source": "teacher", "like": "b"}, "b": {"source": "teacher", "like": "digits"}}})
    assert list(selection(study, "a").named) == ["b", "digits"]
    assert selection(study, "digits").dump() == {"spec": {"source": "digits"}, "named": {}, "root": "data"}


def test_an_ensemble_splits_into_whole_groups_of_copies():
    def parts(seeds: int, copies: int, replicas_per_job: int | None) -> list[tuple[int, int]]:
        training = {"seeds": seeds, "copies": copies}
        return equivalence.plan(
            resolved({"equivalence": {"training": training}, "replicas_per_job": replicas_per_job})
        ).parts

    assert parts(5, 10, None) == [(0, 5)]
    assert parts(5, 10, 20) == [(0, 2), (2, 4), (4, 5)]
    assert parts(2, 10, 3) == [(0, 1), (1, 2)]
    assert ranges(5, 2) == [(0, 2), (2, 4), (4, 5)]


def sharing(training: dict | None = None, **study) -> list[str]:
    """The set-ups of an equivalence study that share their jobs."""
    setups = {"slow": {"steps": 90000}, "middle": {"steps": 3000}, "short": {"steps": 500}, "shortest": {"steps": 400}}
    given = {"setups": setups, "comparisons": {}, **(training or {})}
    return equivalence.plan(resolved({"equivalence": {"training": given}, **study})).together


def test_short_setups_share_their_jobs_and_the_shortest_come_first():
    assert sharing() == ["middle", "short", "shortest"]  # in the order of the configuration
    assert sharing({"shared_job": 6}) == ["short", "shortest"]
    assert sharing({"shared_job": 4}) == sharing({"shared_job": 0}) == []  # one set-up shares with no other
    assert sharing(replicas_per_job=80) == []  # a study in parts wants more jobs, not fewer


def test_a_shared_job_takes_no_longer_than_its_key_says():
    plan = equivalence.plan(resolved())
    assert plan.together == list(plan.setups)
    assert plan.alone == []
    jobs = plan.trainings_estimate(plan.together), plan.all_fits_estimate(plan.together)
    assert max(job.seconds for job in jobs) <= plan.training.shared_job
    one_by_one = sum(plan.training_estimate(name, 0).seconds for name in plan.setups)
    assert jobs[0].seconds < 0.6 * one_by_one  # the rest is the import of torch, thirteen times
    assert jobs[0].disk_mb == pytest.approx(sum(plan.training_estimate(name, 0).disk_mb for name in plan.setups))


def test_the_networks_of_a_pruning_study_are_cut_into_jobs_but_not_those_of_a_users_trajectory():
    config = str(ROOT / "config.yaml")
    study = resolved({"replicas_per_job": 2, "pruning": {"studies": {"a": {}, "b": {"trajectory": config}}}})
    assert pruning.plan(study).parts == {"a": [(0, 2), (2, 4), (4, 5)], "b": [(0, 5)]}
    files = pruning.plan(study).part_files("results", "accuracy")
    assert files == [
        "results/a/0/accuracy.csv",
        "results/a/1/accuracy.csv",
        "results/a/2/accuracy.csv",
        "results/b/0/accuracy.csv",
    ]


def test_a_training_records_the_longest_window_of_all_methods_that_are_looked_at():
    study = {"methods": ["global_magnitude"], "pairs": [["wide", "global_magnitude"]], "window": 30}
    methods = {"wide": {"score": "koopman_magnitude", "window": 50}, "wider": {"score": "magnitude", "window": 80}}
    plan = pruning.plan(resolved({"pruning": {"studies": {"mine": study}, "methods": methods}}))
    assert plan.window("mine") == 50


def test_methods_and_compressions_do_not_decide_a_training():
    plan = pruning.plan(resolved())
    assert set(plan.trained("digits_mlp").dump()) == {"model", "optimizer", "batch_size", "epochs", "prune_epochs"}


def test_a_chain_is_cut_into_jobs_that_go_on_from_one_another():
    plan = ticket_plan(rounds=8, rounds_per_job=3)
    assert plan.stops("mine") == [3, 6, 8]
    assert [plan.previous("mine", stop) for stop in (3, 6, 8)] == [0, 3, 6]
    assert ticket_plan().stops("mine") == [7]


@pytest.mark.parametrize(
    ("config", "measured"), [("config.yaml", 9.2), ("config/transfer.yaml", 15.0), ("config/smoke.yaml", 3.1)]
)
def test_collecting_chains_takes_the_measured_time_within_a_factor_of_two(config, measured):
    """Processor time in the benchmark files of finished runs, with 19, 32 and 6 chains."""
    plan = tickets.plan(resolved(yaml.safe_load((ROOT / config).read_text(encoding="utf-8"))))
    assert measured / 2 < plan.collection_estimate().seconds < 2 * measured


def test_the_length_of_a_chain_does_not_decide_its_training():
    assert ticket_plan(rounds=7).job("mine") == ticket_plan(rounds=8).job("mine")
    assert ticket_plan(steps=50).job("mine") != ticket_plan(steps=60).job("mine")


def test_a_ticket_study_has_the_figures_that_its_tasks_allow():
    kinds = [kind for kind, _ in ticket_plan().figures()]
    assert kinds == ["accuracy", "flow", "slices", "exponents", "composition", "transfer_matrix"]
    four = ticket_plan(tasks=["digits", "clusters", "digits_rotated", "digits_noisy"], composition={"seeds": 0})
    assert [kind for kind, _ in four.figures()] == [
        "accuracy",
        "flow",
        "slices",
        "exponents",
        "transfer_matrix",
        "transfer_prediction",
    ]
    alone = ticket_plan(tasks=["digits"])
    assert [kind for kind, _ in alone.figures()] == ["accuracy", "flow", "slices", "exponents", "composition"]


def test_claims_on_real_and_synthetic_series_name_the_series_of_the_run(tmp_path):
    series = {"mine": {"path": "mine.csv"}, "sun": {"source": "sunspots"}, "made": {"source": "jump"}}
    statements = claims.Claims(resolved({"series": series})).claims()["statements"]
    assert statements["memory_helps_real"]["series"] == ["mine", "sun"]
    assert statements["memory_helps_synthetic"]["series"] == ["made"]


def test_the_file_behind_a_series_is_an_input_where_it_is_there(tmp_path):
    (tmp_path / "here.csv").touch()
    plan = forecast.Forecast(
        resolved({"series": {name: {"path": str(tmp_path / f"{name}.csv")} for name in ("here", "gone")}})
    )
    assert plan.files("here") == [str(tmp_path / "here.csv")]
    assert plan.files("gone") == []


def test_a_file_that_the_working_folder_lacks_is_looked_for_in_data_root(tmp_path):
    (tmp_path / "weekly").mkdir()
    (tmp_path / "weekly" / "mine.csv").touch()
    series = {"mine": {"path": "weekly/mine.csv"}, "gone": {"path": "weekly/gone.csv"}}
    plan = forecast.Forecast(resolved({"data_root": str(tmp_path), "series": series}))
    assert plan.files("mine") == [plan.spec("mine")["path"]] == [str(tmp_path / "weekly" / "mine.csv")]
    assert (plan.files("gone"), plan.spec("gone")["path"]) == ([], "weekly/gone.csv")


def test_the_group_of_a_series_reruns_no_forecast():
    plans = [
        forecast.Forecast(resolved({"series": {"mine": {"source": "eeg"} | more}})) for more in ({}, {"group": "heads"})
    ]
    assert plans[0].spec("mine") == plans[1].spec("mine")
    assert plans[1].kinds() == {"mine": {"kind": "real", "group": "heads"}}


def test_a_search_for_orders_takes_its_time_at_each_estimate():
    def seconds(**options):
        study = {"series": {"mine": {"source": "eeg"}}, "forecast": options}
        return forecast.Forecast(resolved(study)).estimate("mine").seconds

    methods = {name: ["sliding", name] for name in ("ets", "auto_arima")}
    assert seconds(methods=methods["auto_arima"], estimates=3) - seconds(methods=methods["ets"]) == pytest.approx(9.0)
    assert seconds(methods=methods["auto_arima"], estimates=1) - seconds(methods=methods["ets"]) == pytest.approx(3.0)


def test_checkpoints_are_read_where_torch_is(tmp_path):
    (tmp_path / "1.pt").touch()
    assert spectra.plan(resolved({"trajectories": {"mine": {"path": str(tmp_path)}}})).environment == "checkpoints"
    assert (
        spectra.plan(resolved({"trajectories": {"mine": {"path": str(ROOT / "config.yaml")}}})).environment == "koopman"
    )


def test_a_trajectory_that_is_not_there_is_refused_at_once():
    with pytest.raises(KoopflowError, match=r"trajectories\.mine\.path: nowhere\.h5 does not exist"):
        spectra.plan(resolved({"trajectories": {"mine": {"path": "nowhere.h5"}}}))


def test_stages_come_in_the_order_in_which_data_flow():
    assert list(discovery.discover()) == [
        "spectra",
        "equivalence",
        "grokking",
        "pruning",
        "forecast",
        "hub",
        "tickets",
        "claims",
        "papers",
        "own_figures",
    ]


def test_every_stage_has_a_rule_file_a_target_a_check_and_environments():
    for name, stage in discovery.discover().items():
        rules = (ROOT / "rules" / f"{name}.smk").read_text(encoding="utf-8")
        assert f"\nrule {name}:\n" in rules
        if stage.check is None:
            assert not stage.blocks, "a stage with settings of its own checks what they name"
            continue
        assert f"<results>/checks/{name}.json" in rules
        assert (ROOT / "envs" / f"{stage.check.environment(stage.plan(resolved()))}.yaml").is_file()


def test_every_block_belongs_to_a_stage_or_to_all():
    common = {
        "seed",
        "results",
        "data_root",
        "device",
        "gpu",
        "threads",
        "replicas_per_job",
        "checkpoint_interval",
        "keep",
        "data",
        "figures",
    }
    stages = discovery.discover()
    owned = {block for stage in stages.values() for block in stage.blocks}
    assert set(discovery.settings_model(stages).model_fields) == common | owned


def test_a_caption_has_one_place_in_the_report(tmp_path):
    (tmp_path / "b.rst").write_text("**Why.** Because.")
    sections = {"x": Section("X", 2), "y": Section("Y", 1, ("b", "c"))}
    drawn = [Figure("c", text="**How.** So."), Figure("b", "mine")]
    stages = {name: Stage(name, 1, {}, id, each, lambda plan: drawn if plan else []) for name, each in sections.items()}
    contents = Contents(stages, {"x": 0, "y": 1}, tmp_path)
    assert contents.place("b", "mine") == ("1 Y", "1. Why (mine)")
    assert contents.place("c") == ("1 Y", "2. How")
    assert [contents.reading_order(each) for each in drawn] == [(1, 2), (1, 1)]
    with pytest.raises(KoopflowError, match="no stage has the caption d"):
        contents.place("d")
    assert contents.file("b", None) == str(tmp_path / "b.rst")
    assert contents.file("c", None) is None
    assert Path(contents.file("c", tmp_path / "written")).read_text() == "**How.** So."


def test_a_figure_is_named_after_what_it_shows():
    assert (Figure("a").name, Figure("a", "b").name, Figure("a", "b", "c").captioned) == ("a", "a_b", "c")


def test_reliability_needs_spectra_of_one_size():
    training = {"distance": "reliability", "setups": {"a": {}, "b": {"koopman": {"rank": 0.9}}}}
    training |= {"comparisons": {"x": ["a", "b"]}}
    with pytest.raises(KoopflowError, match=r"setups\.b\.koopman\.rank: must be stable, or a whole number that all"):
        equivalence.plan(resolved({"equivalence": {"training": training}}))


def test_operators_are_kept_where_they_are_compared():
    plans = {
        kind: equivalence.plan(resolved({"equivalence": {"training": {"distance": kind}}}))
        for kind in ("wasserstein", "dsa")
    }
    assert plans["wasserstein"].with_operators == []
    assert plans["dsa"].with_operators == list(plans["dsa"].setups)
