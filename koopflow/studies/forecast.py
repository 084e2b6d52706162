"""The stage ``forecast``: sliding-window Koopman forecasts that recall earlier times with similar
dynamics."""

import os
from dataclasses import dataclass
from typing import Any

from koopflow.config.common import Name
from koopflow.config.forecast import ForecastSettings
from koopflow.config.series import SeriesSettings
from koopflow.config.study import Study
from koopflow.data.series.published import FILES
from koopflow.forecast.registry import BASELINES
from koopflow.studies.shared import is_measured, some
from koopflow.studies.stage import Check, Figure, Section, Stage, Table
from koopflow.workflow.estimates import LIBRARIES_MB, PER_THREAD, START_SECONDS, Estimate
from koopflow.workflow.workloads import bytes_in

LINE = 30  # bytes of a sample in a CSV file
ROW_BYTES = 16  # of a forecast of one method, in a parquet file: 15 to 17 measured
QUANTILES = 6  # times the bytes of a forecast, with all its quantiles
HORIZON = 20  # of a series whose horizon is not given
SAMPLE_SECONDS = 3.5e-4  # per sample and method: 2 to 6e-4 measured
FIT_OPERATIONS = 360  # per window and squared delay of a Koopman fit, at the speed of products: measured
SEARCH_SECONDS = 3.0  # per estimate of auto_arima, on a monthly series: measured
DOWNLOADED = {"bike_share_hourly": 17544}  # samples of long published series
SAMPLES = 1500  # of a synthetic series whose length is not given


@dataclass(frozen=True)
class Forecast:
    """The series of a study."""

    study: Study

    @property
    def series(self) -> dict[str, SeriesSettings]:
        """The series, by name; those that are downloaded have the folder of downloaded sets, and a file
        that the working folder lacks is looked for there."""
        return {name: self._found(spec) for name, spec in self.study.series.items()}

    def _found(self, spec: SeriesSettings) -> SeriesSettings:
        if spec.source in FILES:
            return SeriesSettings.load({"data_root": self.study.data_root} | spec.dump())
        path = spec.path
        if not path or os.path.isfile(path) or not os.path.isfile(there := os.path.join(self.study.data_root, path)):
            return spec
        return spec.model_copy(update={"path": there})

    def files(self, name: str) -> list[str]:
        """Return the user's file behind a series, if there is one; the stage's check reports a
        missing file."""
        path = self.series[name].path
        return [path] if path and os.path.isfile(path) else []

    def spec(self, name: str) -> dict[str, Any]:
        """Return the settings that the forecasts of a series depend on, as plain values."""
        return {key: value for key, value in self.series[name].dump().items() if key != "group"}

    def kinds(self) -> dict[str, dict[str, str]]:
        """Return, by series, its kind (real or synthetic) and the group with which it counts as
        one."""
        return {
            name: {"kind": "real" if is_measured(spec) else "synthetic", "group": spec.group or name}
            for name, spec in self.study.series.items()
        }

    def estimate(self, name: str) -> Estimate:
        """Return the estimate of forecasting a series with all methods from all origins."""
        spec = self.series[name]
        samples = (
            bytes_in([spec.path]) / LINE if spec.path else spec.length or DOWNLOADED.get(spec.source or "", SAMPLES)
        )
        methods = self.study.forecast.methods
        rows = samples / spec.every * (spec.horizon or HORIZON) * len(methods)
        delays = spec.delays or 0
        fit = FIT_OPERATIONS * max(0, (spec.window or 0) - delays) * (delays + 1) ** 2 / PER_THREAD
        searches = self.study.forecast.estimates if "auto_arima" in methods else 0
        koopman = len([method for method in methods if method not in BASELINES])
        return Estimate(
            LIBRARIES_MB + 0.1 * samples,
            START_SECONDS + SEARCH_SECONDS * searches + samples * (SAMPLE_SECONDS * len(methods) + fit * koopman),
            0.5 + ROW_BYTES * rows * (QUANTILES if self.study.forecast.quantiles else 1) / 2**20,
        )


def figures(plan: Forecast) -> list[Figure]:
    """Return the figures of the stage: three per series, and four of all series."""
    kinds = (("future", "future_series"), ("forecast", "forecast_series"), ("recurrence", "recurrence_series"))
    own = [Figure(stem, name, caption) for stem, caption in kinds for name in plan.series]
    return own + [Figure(f"forecasts_{kind}") for kind in ("errors", "skill", "skill_naive", "over_series")]


STAGE = Stage(
    name="forecast",
    order=40,
    blocks={"forecast": ForecastSettings, "series": dict[Name, SeriesSettings]},
    plan=Forecast,
    section=Section(
        "Forecasting with episodic memory",
        place=50,
        captions=(
            "future_series",
            "forecasts_over_series",
            "forecasts_over_series_table",
            "forecasts_skill",
            "forecasts_table",
            "forecasts_skill_naive",
            "forecasts_errors",
            "forecast_series",
            "recurrence_series",
        ),
    ),
    figures=figures,
    tables=(
        Table("forecasts_table", "forecast/skill.csv", "koopflow.cli.report_tables:skill"),
        Table("forecasts_over_series_table", "forecast/over_series.csv", "koopflow.cli.report_tables:over_series"),
    ),
    claimed=("forecast/skill.csv",),
    check=Check(
        "koopflow.studies.checks.forecast:check",
        settings=lambda plan: {
            "series": {name: spec.dump() for name, spec in plan.series.items()},
            "forecast": some(plan.study.forecast, "forecasters", "methods"),
            "seed": plan.study.seed,
        },
        environment=lambda plan: "forecast",
        files=lambda plan: [file for name in plan.series for file in plan.files(name)],
    ),
)
