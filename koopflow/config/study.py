"""The whole configuration: every block, and the keys that all stages share."""

from typing import Annotated, Literal

from pydantic import Field

from koopflow.config.base import REPLACED, Block
from koopflow.config.claims import ClaimsSettings
from koopflow.config.common import Count, CountOrNull, Name, Natural, PathText
from koopflow.config.data import DataSet
from koopflow.config.equivalence import EquivalenceSettings
from koopflow.config.figures import FiguresSettings
from koopflow.config.forecast import ForecastSettings
from koopflow.config.grokking import GrokkingSettings
from koopflow.config.hub import HubStudySettings
from koopflow.config.pruning import PruningSettings
from koopflow.config.series import SeriesSettings
from koopflow.config.spectra import SpectraSettings, TrajectorySettings
from koopflow.config.tickets import TicketsSettings


class Study(Block):
    """A whole study, as config.yaml describes it."""

    seed: Natural = Field(default=0, description="All randomness derives from this number and from names.")
    results: PathText = Field(default="results", description="Folder for all files that a run makes.")
    data_root: PathText = Field(default="data", description="Folder for data sets, which are downloaded on first use.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Device; auto uses a GPU if there is one."
    )
    gpu: Annotated[Natural, Field(le=1)] = Field(
        default=0, description="GPUs that a training job requests from the scheduler: 0 or 1."
    )
    checkpoint_interval: Count = Field(default=500, description="Optimizer steps between checkpoints of a training.")
    replicas_per_job: CountOrNull = Field(
        default=None, description="Networks per job, to split an ensemble into jobs on a cluster; null makes one job."
    )
    keep: Literal["all", "tables", "figures"] = Field(
        default="all",
        description="Results that stay when nothing needs them any more: all; tables, without trajectories, networks "
        "and chains of pruning rounds; figures, also without masks, tickets and the tables of single jobs. What a "
        "change of settings needs again is computed again; figures, claims and the report need nothing of it.",
    )
    threads: Count = Field(default=1, description="Threads of a training or fitting job.")
    data: dict[Name, DataSet] = Field(default_factory=dict, description="Data sets, by name.")
    trajectories: dict[Name, TrajectorySettings] = Field(
        default_factory=dict, json_schema_extra=REPLACED, description="Training runs recorded elsewhere, by name."
    )
    spectra: SpectraSettings = Field(default=SpectraSettings(), description="Spectra of recorded training runs.")
    equivalence: EquivalenceSettings = Field(
        default=EquivalenceSettings(), description="When training dynamics are equal."
    )
    grokking: GrokkingSettings = Field(
        default=GrokkingSettings(), description="What the first steps tell about generalization."
    )
    pruning: PruningSettings = Field(default=PruningSettings(), description="Pruning by Koopman modes.")
    claims: ClaimsSettings = Field(default=ClaimsSettings(), description="Claims of the papers.")
    forecast: ForecastSettings = Field(default=ForecastSettings(), description="Forecasts with episodic memory.")
    series: dict[Name, SeriesSettings] = Field(
        default_factory=dict, json_schema_extra=REPLACED, min_length=1, description="Series to forecast, by name."
    )
    hub: HubStudySettings = Field(
        default=HubStudySettings(), description="Quantile forecasts for forecasting hubs, from weekly vintages."
    )
    figures: FiguresSettings = Field(default=FiguresSettings(), description="How figures look.")
    tickets: TicketsSettings = Field(default=TicketsSettings(), description="Winning tickets.")
