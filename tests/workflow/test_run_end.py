"""What a run says at its end: the report's command has the options of the run."""

import shlex

import pytest

from koopflow.cli.report import command, command_of_what_is_there
from koopflow.core.errors import KoopflowError
from koopflow.workflow.run_end import report_command, where_to_look


def test_the_report_is_asked_for_with_the_runs_own_options(tmp_path):
    options = ["--configfile", "my study.yaml", "other.yaml", "--config", "seed=3", "results=a b"]
    words = shlex.split(report_command(options))
    assert words == ["snakemake", "--cores", "all", "report", *options]
    made = ["a b/site/index.html"]
    assert where_to_look("a b", made, [], options).splitlines()[-1].strip() == report_command(options)


def test_the_default_study_has_the_short_command():
    assert report_command([]) == "make report"
    assert where_to_look("results", ["results/site/index.html"], []).splitlines()[-1].strip() == "make report"


def test_after_one_stage_the_whole_study_is_offered_with_the_runs_own_options():
    options, figure = ["--configfile", "my study.yaml"], "results/figures/a.png"
    told = where_to_look("results", ["results/a.csv", figure], [figure], options).splitlines()
    assert shlex.split(told[-3])[1:] == ["-m", "koopflow.cli.report", "--of", "results", "--", *options]
    assert told[-2] == "The whole study, on one page (results/site/index.html):"
    assert shlex.split(told[-1]) == ["snakemake", "--cores", "all", *options]


def test_the_first_picture_of_the_report_that_the_run_has_is_opened_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/claims.rst").write_text("Of 2 claims this run finds 1 supported.\n\nMore.\n")
    pictures = [f"out/figures/{name}.png" for name in ("claims", "first", "second")]
    made = ["out/a.csv", *pictures[:0:-1]]
    told = where_to_look("out", made, pictures)
    assert told.splitlines()[0] == "1 table and 2 figures in out."
    assert "Open out/figures/first.png first. These figures" in told
    told = where_to_look("out", [*made, "out/claims.rst", "out/report.html"], pictures)
    assert told.splitlines()[0] == "Of 2 claims this run finds 1 supported."
    assert told.splitlines()[-1] == "Open out/report.html: every figure with its caption."
    page = "out/site/index.html"
    assert f"Open {page} first: every figure" in where_to_look("out", [*made, page], pictures)
    assert f"Open {page} first; out/report.html adds" in where_to_look(
        "out", [*made, page, "out/report.html"], pictures
    )


def test_the_target_comes_before_options_that_take_several_words():
    words = command(["--configfile", "a.yaml"])
    assert words.index("report") < words.index("--configfile")
    assert words[words.index("--cores") + 1] == "all"
    assert "all" not in command(["--cores", "3"])


def test_a_report_of_what_is_there_names_the_figures_and_tables_that_exist(tmp_path):
    with pytest.raises(KoopflowError, match="no figure or table"):
        command_of_what_is_there(tmp_path, [])
    for name in ("figures/a.png", "figures/a.pdf", "tables/b.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    words = command_of_what_is_there(tmp_path, ["--configfile", "a.yaml"])
    assert words[3:5] == [str(tmp_path / "figures" / "a.png"), str(tmp_path / "tables" / "b.html")]
    assert words[words.index("--report") + 1] == str(tmp_path / "report.html")
