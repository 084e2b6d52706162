"""A run has one configuration and one library: those with which it began."""

import os
import subprocess

import pandas as pd
import yaml

from tests.barrier import Barrier
from tests.house import command, copy_of_the_house

CONFIG = {
    "series": {"wave": {"source": "switching", "length": 400, "period": 1, "window": 40, "delays": 12, "rank": 4, "horizon": 6}},
    "forecast": {"methods": ["persistence", "sliding"], "draws": 100},
}


def test_neither_an_edited_file_nor_an_installed_copy_changes_what_a_run_computes(tmp_path):
    house = copy_of_the_house(tmp_path / "house")
    settings = house / "mine.yaml"
    settings.write_text(yaml.safe_dump(CONFIG))
    installed = tmp_path / "site-packages" / "koopflow"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("raise ImportError('this is the installed copy')\n")
    barrier = Barrier(tmp_path / "barrier", "forecast_series")
    environment = barrier.environment
    environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(installed.parent)])
    with (tmp_path / "output.txt").open("w") as output:
        words = command("forecast", "--configfile", "mine.yaml")
        run = subprocess.Popen(words, cwd=house, env=environment, stdout=output, stderr=output)
        barrier.wait(run)
        settings.write_text(yaml.safe_dump({**CONFIG, "series": {"wave": {**CONFIG["series"]["wave"], "horizon": 3}}}))
        barrier.release()
        assert run.wait(300) == 0, (tmp_path / "output.txt").read_text()[-3000:]
    predictions = pd.read_parquet(house / "results/forecast/predictions.parquet")
    skill = pd.read_csv(house / "results/forecast/skill.csv")
    assert predictions["horizon"].max() == skill["horizon"].max() == 6
    assert "Configuration of this run: .snakemake/koopflow/configuration-" in (tmp_path / "output.txt").read_text()
    again = subprocess.run(command("forecast", "--configfile", "mine.yaml", "--dry-run"), cwd=house, capture_output=True, text=True)
    assert "forecast_series" in again.stdout + again.stderr, "the edited configuration is another study"
