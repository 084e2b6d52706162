"""A stranger adds a stage: new files only, and it is checked, run, drawn, put into the report and asked for by `snakemake all`."""

import json
import subprocess
from pathlib import Path

import pytest

from koopflow.studies import discovery
from tests.house import command, copy_of_the_house, digests

FILES = {
    "koopflow/studies/tides.py": '''
        """The stage ``tides``: heights of the sea at one place."""

        from pydantic import Field

        from koopflow.config.base import Block
        from koopflow.config.common import Count, Positive
        from koopflow.config.study import Study
        from koopflow.studies.stage import Check, Figure, Section, Stage, Table


        class TidesSettings(Block):
            """Heights of the sea."""

            samples: Count = Field(default=40, description="Samples.")
            period: Positive = Field(default=12.4, description="Samples per tide.")


        def plan(study: Study) -> TidesSettings:
            """Return the settings of the stage."""
            return study.tides


        STAGE = Stage(
            name="tides",
            order=60,
            blocks={"tides": TidesSettings},
            plan=plan,
            section=Section("Tides", place=70),
            figures=lambda plan: [Figure("tides_curve", text="**The sea rises and falls.** One line.")],
            tables=(
                Table("tides_table", "tides/heights.csv", "koopflow.tides:shown", "**Heights of the sea.** *Read:* the numbers."),
            ),
            claimed=("tides/heights.csv",),
            check=Check("koopflow.tides:check", settings=lambda plan: plan.dump(), environment=lambda plan: "figures"),
        )
    ''',
    "koopflow/tides.py": '''
        """Heights of the sea."""

        import numpy as np
        import pandas as pd

        from koopflow.core.errors import KoopflowError


        def check(samples: int, period: float) -> dict[str, int]:
            """Refuse a series that is shorter than a tide."""
            if samples < period:
                raise KoopflowError(f"tides.samples must be at least {period:g} (got {samples})")
            return {"samples": samples}


        def heights(samples: int, period: float) -> pd.DataFrame:
            """Return the height at each sample."""
            return pd.DataFrame({"sample": np.arange(samples), "height": np.sin(2 * np.pi * np.arange(samples) / period)})


        def shown(frame: pd.DataFrame) -> pd.DataFrame:
            """Return the heights as a reader sees them."""
            return frame.round(2).head(3)
    ''',
    "scripts/run_tides.py": '''
        """Compute the heights of the sea, and draw them."""

        from koopflow.workflow.job import job

        with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
            from matplotlib import pyplot as plt

            from koopflow.config.figures import StyleSettings
            from koopflow.figures.style import save, use
            from koopflow.io.tables import write_csv
            from koopflow.tides import heights

            use(StyleSettings.load(snakemake.params.style, "figures.style"))
            found = heights(**snakemake.params.settings)
            write_csv(found, snakemake.output.heights, list(found))
            figure, axes = plt.subplots()
            axes.plot(found["sample"], found["height"])
            save(figure, snakemake.output.curve[0])
    ''',
    "rules/tides.smk": """
        # Heights of the sea.
        rule run_tides:
            input:
                code=library("run_tides"),
            output:
                heights="<results>/tides/heights.csv",
                curve=figure("tides_curve"),
            log:
                "<logs>/run_tides.log",
            benchmark:
                "<benchmarks>/run_tides.tsv"
            conda:
                "../envs/figures.yaml"
            threads: 1
            resources:
                **SMALL,
            params:
                settings=PLANS["tides"].dump(),
                style=SETTINGS.figures.style.dump(),
            message:
                "Computing the heights of the sea"
            script:
                "../scripts/run_tides.py"


        rule tides:
            input:
                "<results>/checks/tides.json",
                rules.run_tides.output,
    """,
    "mine.yaml": "tides: {samples: 30}",
}
pytestmark = pytest.mark.slow
OWN = ("check_stage", "run_tides", "tides", "write_tables", "tables")


def snakemake(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(*words, "--configfile", "mine.yaml"), cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """A copy of the code, and the stranger's files beside it; the tables of the other stages are there without a row."""
    folder = copy_of_the_house(tmp_path_factory.mktemp("stranger") / "koopflow")
    for name, text in FILES.items():
        assert not (folder / name).exists(), "the stranger edits no file"
        lines = text.strip("\n").splitlines()
        (folder / name).write_text("\n".join(line.removeprefix("        ") for line in lines).rstrip() + "\n")
    for table in discovery.tables_of(discovery.discover()):
        (folder / "results" / table.source).parent.mkdir(parents=True, exist_ok=True)
        (folder / "results" / table.source).write_text("seed\n")
    (folder / "results" / "claims.rst").write_text("No claims.\n")
    return folder


@pytest.fixture(scope="module")
def finished(house) -> Path:
    """The folder in which the stranger's stage has run."""
    done = snakemake(house, "tides", "tables", "--allowed-rules", *OWN)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return house


def test_the_stage_is_checked_run_and_drawn(finished):
    assert json.loads((finished / "results/checks/tides.json").read_text()) == {"samples": 30}
    assert len((finished / "results/tides/heights.csv").read_text().splitlines()) == 31
    assert (finished / "results/figures/tides_curve.pdf").read_bytes().startswith(b"%PDF")
    assert "0.49" in (finished / "results/tables/tides_table.html").read_text()


def test_the_stage_has_a_section_with_captions_in_the_report(finished):
    before = digests(finished / "results")
    done = snakemake(finished, "tides", "tables", "--report", "report.html", "--allowed-rules", *OWN)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (finished / "report.html").read_text(encoding="utf-8")
    for words in ("7 Tides", "1. The sea rises and falls", "2. Heights of the sea", "One line."):
        assert words in page, words
    assert digests(finished / "results") == before


def test_everything_includes_the_stage_and_claims_may_be_judged_from_its_tables(house):
    done = snakemake(house, "all", "--dry-run", "--quiet", "host", "--forceall")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-3000:]
    counts = dict(line.split() for line in told.splitlines() if len(line.split()) == 2 and line.split()[1].isdigit())
    assert counts["run_tides"] == "1"
    assert counts["check_stage"] == "6"
    assert counts["total"] == "79", "the 77 jobs of the default study, the stage and its check"
    judged = told.split("Judging the claims from the tables of this run")[1].split("output:")[0]
    assert "results/tides/heights.csv" in judged


def test_its_mistakes_are_one_line(house):
    (house / "short.yaml").write_text("tides: {samples: 3}")
    (house / "unknown.yaml").write_text("tides: {sample: 30}")
    (house / "other.yaml").write_text("tide: {samples: 30}")
    said = {}
    for name in ("short", "unknown", "other"):
        words = command("tides", "--configfile", f"{name}.yaml", "--config", "results=elsewhere")
        done = subprocess.run(words, cwd=house, capture_output=True, text=True, timeout=300)
        assert done.returncode != 0
        (said[name],) = {line for line in (done.stdout + done.stderr).splitlines() if line.startswith("koopflow: ")}
    assert said["short"] == "koopflow: tides.samples must be at least 12.4 (got 3)"
    assert "tides.sample" in said["unknown"]
    assert "did you mean samples?" in said["unknown"]
    assert "did you mean tides?" in said["other"]
