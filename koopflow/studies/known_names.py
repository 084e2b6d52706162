"""The registered names of all packages, by kind. Their targets are not imported."""

from collections.abc import Collection, Mapping

from koopflow.claims.registry import MEASURES
from koopflow.data.images.registry import SOURCES as IMAGE_SOURCES
from koopflow.data.series.registry import SOURCES as SERIES_SOURCES
from koopflow.forecast.registry import FORECASTERS, PANEL_EXPERTS
from koopflow.pruning.registry import SCORES
from koopflow.rg.registry import COUPLINGS
from koopflow.tickets.predictors.registry import PREDICTORS
from koopflow.training.models.registry import MODELS

KNOWN_NAMES: Mapping[str, Collection[str]] = {
    "model": MODELS,
    "score": SCORES,
    "measure": MEASURES,
    "forecaster": FORECASTERS,
    "panel expert": PANEL_EXPERTS,
    "image source": IMAGE_SOURCES,
    "series source": SERIES_SOURCES,
    "coupling": COUPLINGS,
    "predictor of transfer": PREDICTORS,
}
