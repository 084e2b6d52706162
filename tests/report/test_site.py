"""The page of results, opened in headless Chromium, wide and narrow, light and dark: no error, nothing
wider than the window, every figure and table there, the search finds, texts do nothing."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from koopflow.cli import site
from koopflow.io.columns import CLAIMS
from koopflow.studies import discovery
from koopflow.studies.report import Contents
from tests.barrier import PATIENCE
from tests.studies.plans import resolved

ROOT = Path(__file__).parents[2]
SCRIPT = "</td></script><script>document.title='TAKEN'</script><img src=x onerror=\"document.title='TAKEN'\"> {{ 7*7 }}"
TOLD = """
<script>
const errors = [];
window.addEventListener("error", event => errors.push(String(event.message)));
window.addEventListener("load", () => {
  const search = document.getElementById("search");
  const seen = {errors, title: document.title, text: document.body.innerText, images: {},
    over: document.documentElement.scrollWidth - window.innerWidth,
    page: getComputedStyle(document.body).backgroundColor, width: window.innerWidth};
  for (const image of document.images) if (image.loading !== "lazy" || image.complete)
    seen.images[image.getAttribute("src")] = image.naturalWidth;
  seen.folded = [...document.querySelectorAll("details")].filter(one => one.open).length;
  seen.words = [...document.querySelectorAll("dt")].length;
  seen.pictured = [...document.querySelectorAll("dd img")].filter(one => one.alt).length;
  search.value = "scaling"; search.dispatchEvent(new Event("input"));
  seen.told = document.getElementById("told").textContent;
  const shown = one => one.offsetParent && !one.closest("details");
  seen.left = [...document.querySelectorAll("h3, dt")].filter(shown).map(one => one.textContent);
  const told = document.createElement("pre");
  told.id = "seen"; told.textContent = JSON.stringify(seen);
  document.body.appendChild(told);
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of a run with two figures of one kind and a table; a claim, a caption and the
    configuration hold a script."""
    results = tmp_path_factory.mktemp("site") / "results"
    for folder in ("figures", "tables", "site"):
        (results / folder).mkdir(parents=True)
    for name in ("claims", "flow_a", "flow_b"):
        Image.new("RGB", (1400, 500)).save(results / f"figures/{name}.png")
    wide = f"<html><body><table><tr>{'<td>number</td>' * 60}</tr></table></body></html>"
    (results / "tables/wins.html").write_text(wide)
    row = dict.fromkeys(CLAIMS, "") | {"paper": "arXiv 2110.03210 (control)", "verdict": "supported"}
    shown = [
        {"path": "figures/claims.png", "section": "Claims", "caption": "claims", "of": ""},
        {"path": "figures/flow_a.png", "section": "Tickets", "caption": "flow", "of": "a"},
        {"path": "figures/flow_b.png", "section": "Tickets", "caption": "flow", "of": SCRIPT},
        {"path": "tables/wins.html", "section": "Tickets", "caption": "wins", "of": ""},
    ]
    captions = {"claims": "**The claims.** All.", "wins": "**Wins.** Numbers."}
    raw = ".. raw:: html\n\n   <script>document.title='TAKEN'</script>\n"
    captions["flow"] = f"**The flow.** In its scaling window.\n\n{raw}"
    pictures = {file.name: file.read_bytes() for file in (ROOT / "docs/figures/glossary").iterdir()}
    content = {
        "papers": site.papers([row], (ROOT / "report/papers.md").read_text(encoding="utf-8")),
        "sections": site.sections(shown, captions, results),
        "glossary": site.glossary((ROOT / "docs/glossary.md").read_text(encoding="utf-8"), pictures),
        "command": "make report",
    }
    written = site.page((ROOT / "report/site.html").read_text(encoding="utf-8"), content, {"seed": SCRIPT})
    assert not re.search(r"(src|href)=\"https?:", written), "the page needs a network"
    file = results / "site/index.html"
    file.write_text(written.replace("<head>", "<head>" + TOLD, 1), encoding="utf-8")
    return file


def opened(page: Path, folder: Path, width: int, dark: bool) -> dict:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser, "the page is tested in Chromium: apt-get install chromium"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    options += [f"--window-size={width},900", f"--user-data-dir={folder}", "--virtual-time-budget=5000", "--dump-dom"]
    options += ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run([browser, *options, page.as_uri()], capture_output=True, text=True, timeout=PATIENCE)
    told = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stderr[-2000:]
    return json.loads(told.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.mark.parametrize(("width", "dark"), [(1300, False), (500, True)], ids=["wide-light", "narrow-dark"])
def test_the_page_reads_in_a_browser_without_a_network(page, tmp_path, width, dark):
    seen = opened(page, tmp_path / "profile", width, dark)
    assert seen["errors"] == []
    assert seen["title"] == "koopflow: results of this run"
    assert seen["over"] <= 0, "the page is wider than its window"
    assert seen["page"] == ("rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)")
    assert seen["images"]["../figures/flow_a.png"] == 1400
    assert "Winning tickets and the renormalization group" in seen["text"]
    assert "1 supported" in seen["text"]
    assert seen["folded"] == 0
    assert seen["pictured"] == seen["words"] >= 15
    # The figure whose caption says it, and the word of the glossary.
    assert seen["told"] == "2 found"
    assert seen["left"] == ["The flow (a)", "Scaling window"]


def test_ones_own_runs_come_first_where_there_are_any():
    stages = discovery.discover()
    for given, first in (
        ({"trajectories": {"mine": {"path": str(ROOT / "config.yaml")}}}, "1 Trajectories of one's own"),
        ({}, "1 Claims"),
    ):
        config = resolved(given)
        plans = {name: stage.plan(config) for name, stage in stages.items()}
        contents = Contents(stages, plans, ROOT / "report")
        figures = discovery.figures_of(stages, plans)
        assert min(contents.place(each.captioned, each.of).section for each in figures) == first
        for each in figures:
            contents.show(f"figures/{each.name}.png", each.captioned, each.of)
        assert contents.shown[0]["section"] == first[2:]


def test_every_paper_of_the_claims_has_its_paragraph():
    known = dict(entry.partition(": ")[::2] for entry, _ in site.entries((ROOT / "report/papers.md").read_text()))
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r'paper: "?((?:arXiv [\d.]+)|(?:NeurIPS \d+))', text))
    assert named
    assert named <= set(known)
