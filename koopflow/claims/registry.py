"""Names of all measures. This module imports none of them."""

from koopflow.core.registry import Registry

MEASURES = Registry(
    "measure",
    {
        "distance_beside_control": "koopflow.claims.training:distance_beside_control",
        "excess_distance": "koopflow.claims.training:excess_distance",
        "grokking_excess": "koopflow.claims.grokking:grokking_excess",
        "grokking_area": "koopflow.claims.grokking:grokking_area",
        "grokking_gain": "koopflow.claims.grokking:grokking_gain",
        "mask_agreement": "koopflow.claims.pruning:mask_agreement",
        "least_mask_agreement": "koopflow.claims.pruning:least_mask_agreement",
        "agreement_gained": "koopflow.claims.pruning:agreement_gained",
        "accuracy_gap": "koopflow.claims.pruning:accuracy_gap",
        "mean_accuracy_gap": "koopflow.claims.pruning:mean_accuracy_gap",
        "spectrum_tells_agreement": "koopflow.claims.pruning:spectrum_tells_agreement",
        "scaling": "koopflow.claims.tickets:scaling",
        "composition": "koopflow.claims.tickets:composition",
        "ticket_gain": "koopflow.claims.transfer:ticket_gain",
        "transfer_share": "koopflow.claims.transfer:transfer_share",
        "exponents_predict_transfer": "koopflow.claims.transfer:exponents_predict_transfer",
        "exponents_agree_where_transfer": "koopflow.claims.transfer:exponents_agree_where_transfer",
        "predictor_correlation": "koopflow.claims.predictors:predictor_correlation",
        "forecast_coverage": "koopflow.claims.predictors:forecast_coverage",
        "answers_right": "koopflow.claims.predictors:answers_right",
        "skill_over_sliding": "koopflow.claims.forecast:skill_over_sliding",
        "skill_of_recall": "koopflow.claims.forecast:skill_of_recall",
        "skill_over_best_baseline": "koopflow.claims.forecast:skill_over_best_baseline",
        "skill_over_series": "koopflow.claims.series:skill_over_series",
    },
)
STAGES = {
    "training": "equivalence",
    "grokking": "grokking",
    "pruning": "pruning",
    "tickets": "tickets",
    "transfer": "tickets",
    "predictors": "tickets",
    "forecast": "forecast",
    "series": "forecast",
}
"""The stage whose tables the measures of each module read."""


def stage_of(measure: str) -> str | None:
    """Return the stage whose tables a registered measure reads; None for a user's own measure.

    >>> stage_of("transfer_share")
    'tickets'
    """
    target = MEASURES.get(measure)
    return STAGES[target.partition(":")[0].rpartition(".")[2]] if target else None
