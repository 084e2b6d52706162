"""The interactive figures open in headless Chromium without an error and without a network, and say on
hover what they promise."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from snakemake.assets import Assets

from koopflow.cli import interactive, interactive_episodes
from tests.barrier import PATIENCE

TOLD = r"""<script>
window.addEventListener("load", () => setTimeout(() => {
  const canvas = document.querySelector("canvas"), box = canvas.getBoundingClientRect();
  let told = "";
  const hovered = document.querySelector("h1").innerText === "Koopman eigenvalues";
  for (let y = 4; hovered && !told && y < box.height; y += 4) for (let x = 4; x < box.width; x += 4) {
    canvas.dispatchEvent(new MouseEvent("mousemove", {clientX: box.x + x, clientY: box.y + y, bubbles: true}));
    const words = document.getElementById("vg-tooltip-element");
    if (words && words.innerText.trim()) { told = words.innerText; break; }
  }
  document.title = [document.querySelectorAll("canvas").length, canvas.width > 300].join();
  document.body.setAttribute("data-told", told.replace(/\s+/g, " "));
}, 1500));
window.addEventListener("unhandledrejection", event => { document.title = "error " + event.reason; });
</script>"""


def spectra() -> dict[str, pd.DataFrame]:
    rows = [("a", 0, 0, 0.99, 0.0, 1e-3), ("a", 0, 1, 0.9, 0.2, np.nan), ("b</script>", 1, 0, np.nan, 0.0, 0.1)]
    return {"training": pd.DataFrame(rows, columns=["setting", "seed", "mode", "real", "imag", "residual"])}


def wave(times: np.ndarray) -> dict:
    recalled = [(origin, match, origin - 20 * match, 0.1) for origin in (70, 80) for match in (1, 2, 3, 4)]
    table = pd.DataFrame(recalled, columns=["origin", "match", "recalled_origin", "distance"])
    values = np.sin(np.arange(100) / 3)
    values[5] = np.nan
    return {"name": "wave", "values": values, "times": times, "window": 12, "horizon": 6, "recalled": table}


@pytest.mark.parametrize("kind", ["eigenvalues", "episodes"])
def test_a_page_draws_its_figure(kind, tmp_path):
    days = np.datetime64("2001-01-01") + np.arange(100)
    if kind == "eigenvalues":
        title, spec = interactive.EIGENVALUES[0], interactive.eigenvalues(spectra())
    else:
        title, spec = interactive_episodes.EPISODES[0], interactive_episodes.episodes([wave(days)])
    scripts = [Assets.get_content(name) for name in interactive.SCRIPTS]
    page = interactive.page(title, "Words.", spec, scripts).replace("<head>", "<head>" + TOLD, 1)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser, "the pages are tested in Chromium: apt-get install chromium"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=8000", "--dump-dom"]
    words = [browser, *options, (tmp_path / "page.html").as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert re.search("<title>(.*?)</title>", done.stdout)[1] == "1,true"
    if kind == "eigenvalues":
        told = re.search('data-told="(.*?)"', done.stdout)[1]
        assert re.search(r"mode:? *[01]\b.*residual", told), told


def test_an_eigenvalue_tells_its_mode_and_residual():
    layer = interactive.eigenvalues(spectra())["layer"][0]
    assert {"mode", "residual", "seed", "period"} <= {told["field"] for told in layer["encoding"]["tooltip"]}
    real, turning = layer["data"]["values"]  # and no point where a fit has no number
    assert (real["mode"], real["residual"], real["period"]) == (0, 1e-3, "does not oscillate")
    assert (turning["mode"], turning["residual"]) == (1, None)
    assert turning["period"] == f"{2 * np.pi / np.arctan2(0.2, 0.9):.4g} steps"


def test_a_forecast_shows_the_windows_that_it_recalled():
    found = interactive_episodes.episodes([wave(np.arange(100.0))])
    rows = found["datasets"]["recalled"]
    assert [(row["origin"], row["match"]) for row in rows] == [(o, m) for o in (70, 80) for m in (1, 2, 3)]
    first = rows[0]
    assert (first["start"], first["stop"], first["after"]) == (39, 50, 56)
    (held,) = (each["value"] for each in found["params"] if each["name"] == "held")
    assert held["wave"][5] is None
    assert held["wave"][6] == pytest.approx(np.sin(2))
