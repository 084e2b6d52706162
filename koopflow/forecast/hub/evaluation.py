"""All score tables of a hub."""

import pandas as pd

from koopflow.config.hub import HubStudySettings
from koopflow.data.hub.tables import HubData
from koopflow.forecast.hub.scores import Bootstrap, compared, leaderboard, score_rows, seasons


def scored(
    data: HubData, settings: HubStudySettings, quantiles: pd.DataFrame, earlier: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the leaderboard, the pairs and the earlier seasons of a hub, each with a column hub.

    Parameters
    ----------
    data : HubData
    settings : HubStudySettings
    quantiles : DataFrame
        Own forecasts, `koopflow.io.columns.HUB_QUANTILES`.
    earlier : DataFrame
        Own forecasts of earlier seasons; may be empty.
    seed : int
        Of the bootstrap.
    """
    shared = data.submissions[data.submissions["horizon"].isin(settings.horizons)]
    together = pd.concat([quantiles, shared], ignore_index=True) if len(shared) else quantiles
    rows = score_rows(together, data.truth, settings.scored_levels)
    pairs = compared(rows, Bootstrap(seed, settings.draws), data.name)
    own = [f"{settings.team}-{name}" for name in settings.models]
    submitted = sorted(set(rows["model"]) - set(own))
    reference = settings.hubs[data.name].reference or (submitted or own)[0]
    board = leaderboard(rows, pairs, reference)
    plain = next((name for name in own if name.endswith("-persistence")), own[0])
    past = (
        seasons(score_rows(earlier, data.truth, settings.scored_levels), settings.season_starts, plain)
        if len(earlier)
        else pd.DataFrame(
            columns=["season", "target", "model", "n", "wis", "mae", "coverage_80", "against", "ratio", "worst", "mean"]
        )
    )
    return tuple(table.assign(hub=data.name) for table in (board, pairs, past))  # type: ignore[return-value]
