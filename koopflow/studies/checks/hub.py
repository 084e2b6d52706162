"""The check of ``hub``: the tables of every hub, and the names of every model's experts."""

from typing import Any

from koopflow.config.hub import HubStudySettings
from koopflow.core.errors import KoopflowError
from koopflow.data.hub.tables import read_hub
from koopflow.forecast.panels.forecaster import check_panel_experts


def check(hub: dict[str, Any], folders: dict[str, str]) -> dict[str, Any]:
    """Read the tables of every hub; return the number of dates, series and submitted models.

    Raises
    ------
    KoopflowError
        For the first file that breaks a rule, or the first unknown expert or reference.
    """
    settings = HubStudySettings.load(hub, "hub")
    for name, model in settings.models.items():
        check_panel_experts(model.experts, f"hub.models.{name}.experts")
    found = {}
    for name, each in settings.hubs.items():
        data = read_hub(folders[name], name, f"hub.hubs.{name}.folder", each.renamed)
        models = sorted(data.submissions["model"].unique())
        own = [f"{settings.team}-{model}" for model in settings.models]
        if each.reference is not None and each.reference not in [*models, *own]:
            raise KoopflowError(
                f"hub.hubs.{name}.reference: no model named {each.reference!r}; available: {', '.join([*models, *own])}"
            )
        series = len(data.vintages[["target", "location"]].drop_duplicates())
        found[name] = {"dates": len(data.dates), "series": series, "submitted": models}
    return found
