"""A run computes with the library of its checkout, whatever is installed."""

import os
import subprocess

import yaml

from tests.house import command, copy_of_the_house

CONFIG = {
    "series": {
        "wave": {"source": "switching", "length": 400, "period": 1, "window": 40, "delays": 12, "rank": 4, "horizon": 6}
    },
    "forecast": {"methods": ["persistence", "sliding"], "draws": 100},
}


def test_an_installed_copy_does_not_shadow_the_checkout(tmp_path):
    house = copy_of_the_house(tmp_path / "house")
    (house / "mine.yaml").write_text(yaml.safe_dump(CONFIG))
    installed = tmp_path / "site-packages" / "koopflow"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("raise ImportError('this is the installed copy')\n")
    environment = {**os.environ, "PYTHONPATH": str(installed.parent)}
    words = command("results/forecast/skill.csv", "--configfile", "mine.yaml")
    done = subprocess.run(words, cwd=house, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Configuration of this run: .snakemake/koopflow/configuration-" in done.stdout + done.stderr
