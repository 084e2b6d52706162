"""The report, opened in headless Chromium: no console error, every section reachable, every figure
visible, nothing from the network."""

import json
import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import yaml

from koopflow.core.markup import one_line
from koopflow.studies import discovery
from tests.barrier import PATIENCE
from tests.studies.plans import resolved

ROOT = Path(__file__).parents[2]
WALK = """
<script>
const seen = {errors: [], sections: {}, opening: ""};
window.addEventListener("error", event => seen.errors.push(String(event.message)));
const tell = console.error;
console.error = (...words) => { seen.errors.push(words.join(" ")); tell(...words); };
const pause = () => new Promise(done => setTimeout(done, 300));
const walk = async () => {
  await pause();
  const link = words => [...document.querySelectorAll("a, button")].find(one => one.textContent.trim().endsWith(words));
  seen.opening = document.body.innerText;
  seen.title = document.title;
  document.querySelector(".overflow-auto.h-screen").scrollTop = 0;
  seen.top = document.querySelector(".prose").getBoundingClientRect().top;
  for (const words of ["Workflow", "Statistics"]) {
    link(words).click(); await pause();
    seen.sections[words] = document.querySelectorAll("canvas, svg.marks").length > 0;
  }
  for (const category of Object.keys(categories)) {
    app.setView({navbarMode: "menu"}); await pause();
    (link(category) || link("Results")).click(); await pause();
    seen.sections[category] = document.querySelectorAll("tbody tr").length > 0;
  }
  seen.figures = {};
  seen.tables = {};
  for (const [path, result] of Object.entries(results)) {
    if (path.endsWith(".html")) {
      app.setView({content: "html", contentPath: result.data_uri, resultPath: path}); await pause();
      const page = document.querySelector("iframe");
      seen.tables[path] = {
        shown: page ? page.getBoundingClientRect().width : 0, caption: (result.caption || "").length};
      continue;
    }
    if (!path.endsWith(".png")) continue;
    app.showResultInfo(path); await pause();
    app.setView({content: "img", contentPath: result.data_uri, resultPath: path}); await pause();
    const image = document.querySelector("div.p-3 > img");
    seen.figures[path] = {width: image ? image.naturalWidth : 0, shown: image ? image.getBoundingClientRect().width : 0,
                          caption: (result.caption || "").length};
  }
};
window.addEventListener("load", async () => {
  try { await walk(); } catch (error) { seen.errors.push("walk: " + error); }
  const told = document.createElement("pre");
  told.id = "seen"; told.textContent = JSON.stringify(seen);
  document.body.appendChild(told);
});
</script>
"""


# Claims whose texts are markup in the opening page, the table or the figure.
HOSTILE = {
    "html": "</td></script><script>document.title='TAKEN'</script><img src=x "
    "onerror=\"document.title='TAKEN'\"> $\\frac$ $x$ {{ 7*7 }}",
    "raw": "a\n\n.. raw:: html\n\n   <script>document.title='TAKEN'</script>\n\nb `x "
    "<javascript:alert(1)>`_ |x| *a **b",
    "include": "a\n\n.. include:: /etc/passwd\n\nb {% for i in range(3) %}z{% endfor %} {{ snakemake }} {wildcards}",
}


def snakemake(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """The report of a run of the optimizer problem and of the claims, in a copy of the workflow."""
    folder = tmp_path_factory.mktemp("run") / "koopflow"
    folder.mkdir()
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("config", "envs", "koopflow", "profiles", "report", "rules", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    study = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    statements = study["claims"]["statements"]
    statements |= {
        name: statements["descents_equal"] | {"statement": text, "paper": text} for name, text in HOSTILE.items()
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    stages = discovery.discover()
    for table in {
        *chain(*discovery.claimed_tables(stages).values()),
        *(table.source for table in discovery.tables_of(stages)),
    }:
        if table != "claims.csv" and not table.startswith(
            "equivalence/optimizers/"
        ):  # what this run leaves out has no row
            (folder / "results" / table).parent.mkdir(parents=True, exist_ok=True)
            (folder / "results" / table).write_text("seed\n")
    rules = [
        "run_optimizers",
        "plot_optimizers",
        "check_stage",
        "judge_claims",
        "plot_claims",
        "claims",
        "write_tables",
        "tables",
    ]
    snakemake(folder, "plot_optimizers", "claims", "tables", "--allowed-rules", *rules)
    snakemake(folder, "plot_optimizers", "claims", "tables", "--report", "report.html", "--allowed-rules", *rules)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def seen(page, tmp_path_factory) -> dict:
    """What a browser without a network sees on a walk through the report."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser, "the report is tested in Chromium: apt-get install chromium"
    folder = tmp_path_factory.mktemp("browser")
    (folder / "walk.html").write_text(page.replace("<head>", "<head>" + WALK, 1), encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--window-size=1400,1000",
    ]
    options += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run(
        [browser, *options, (folder / "walk.html").as_uri()], capture_output=True, text=True, timeout=PATIENCE
    )
    told = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stderr[-2000:]
    return json.loads(told.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def test_no_console_error(seen):
    assert seen["errors"] == []


def test_opening_page_says_what_came_out(seen):
    assert "What came out" in seen["opening"]
    assert "claims this run finds 5 supported" in seen["opening"]
    assert "have nearly the same Koopman spectrum" in seen["opening"]
    assert "snakemake 9" in seen["opening"]
    assert seen["top"] >= 0, "the top of a long opening page cannot be scrolled to"


def test_a_users_texts_are_shown_as_they_were_written_and_do_nothing(seen):
    assert seen["title"] != "TAKEN"
    for text in HOSTILE.values():
        assert one_line(text) in " ".join(seen["opening"].split())
    assert "root:" not in seen["opening"]


def test_every_section_is_reachable(seen):
    assert {"Workflow", "Statistics"} < set(seen["sections"])
    assert len(seen["sections"]) == 9  # and the claims, the published figures, and a section per paper
    assert all(seen["sections"].values()), seen["sections"]


def test_every_figure_is_visible_and_has_a_caption(seen):
    assert len(seen["figures"]) == 3
    for path, figure in seen["figures"].items():
        assert figure["width"] > 600, (path, figure)
        assert figure["shown"] > 300, (path, figure)
        assert figure["caption"] > 200, (path, figure)


def test_every_table_is_visible_and_has_a_caption(seen):
    assert len(seen["tables"]) == len(discovery.tables_of(discovery.discover()))
    for path, table in seen["tables"].items():
        assert table["shown"] > 300, (path, table)
        assert table["caption"] > 200, (path, table)


def test_every_figure_and_table_has_a_caption_with_a_title_and_a_place_in_the_report():
    stages = discovery.discover()
    trajectories = {"mine": {"path": str(ROOT / "config.yaml"), "windows": 10}}
    config = resolved({"trajectories": trajectories, "hub": {"hubs": {"mine": {"folder": "hub"}}}})
    plans = {name: stage.plan(config) for name, stage in stages.items()}
    drawn = {figure.captioned for figure in discovery.figures_of(stages, plans)}
    drawn |= {"tickets_elastic", "pruning_scores", *stages["papers"].section.captions}  # not of this study
    placed = [caption for stage in stages.values() for caption in stage.section.captions]
    captions = {
        path.stem: path.read_text(encoding="utf-8")
        for path in (ROOT / "report").glob("*.rst")
        if path.stem != "workflow"
    }
    assert drawn | {table.caption for table in discovery.tables_of(stages)} == set(placed) == set(captions)
    assert len(placed) == len(set(placed))
    for name, caption in captions.items():
        assert caption.startswith("**"), name
        assert re.search(r"\*(Read|Conclude):\*", caption), f"{name} does not say what to conclude"
