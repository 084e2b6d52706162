"""The columns of every table: names and order are guaranteed; more columns may follow.

One constant per table. `CONTRACTS` and `NETWORK_TABLES` give their paths. This module imports
nothing, so it is cheap to import.
"""

Columns = tuple[str, ...]

CLAIMS: Columns = (
    "claim",
    "paper",
    "statement",
    "statistic",
    "value",
    "ci_low",
    "ci_high",
    "criterion",
    "verdict",
    "n",
)
CLAIMS += ("unit", "above", "below", "reason", "excluded", "sensitivity")

# Equivalence. `a` and `b` are the two sides of a comparison.
OPTIMIZER_EIGENVALUES: Columns = ("algorithm", "mode", "real", "imag", "residual")
OPTIMIZER_DISTANCES: Columns = ("a", "b", "distance", "p_shuffle", "ci_low", "ci_high", "n")
PER_STEP: Columns = ("interval", "step_real", "step_imag", "growth", "frequency")
"""Optimizer steps between recorded states, the eigenvalue per step, and its continuous-time view:
growth rate (per step) and frequency (radians per step). See `koopflow.koopman.steps`.
"""
SETUP_EIGENVALUES: Columns = ("setting", "seed", "mode", "real", "imag", "residual", *PER_STEP)
SETUP_DISTANCES: Columns = ("comparison", "a", "b", "seed", "distance", "p_shuffle")
"""Seed is "i-j" for seed i of a and seed j of b, or "i" if both are i. Rows within one set-up have
a = b. Only rows with one seed have a shuffle control.
"""
STABILITY: Columns = ("setting", "rank", "scatter", "spacing", "ratio", "chosen")
"""Distance between seeds and between neighbouring eigenvalues, by rank."""
RANK_TESTS: Columns = ("comparison", "a", "b", "rank", "excess", "ci_low", "ci_high", "verdict", "chosen")
DISTANCE_TESTS: Columns = ("comparison", "a", "b", "distance", "excess", "ci_low", "ci_high", "verdict", "chosen")
RANK_DISTANCES: Columns = ("comparison", "a", "b", "seed", "distance", "rank", "offset")
"""As `SETUP_DISTANCES`, at the ranks below and above the chosen one."""
SETUP_MATRIX: Columns = ("setting",)
"""One column per set-up follows."""
SETUP_LOSSES: Columns = ("setting", "step", "loss", "low", "high", "n")
SETUP_EXCLUSIONS: Columns = ("setting", "replica", "diverged_at")
REPLICAS: Columns = ("replica", "accuracy", "loss", "diverged_at")
TESTS: Columns = ("comparison", "a", "b", "between", "within", "p_permutation", "p_adjusted", "verdict")
TESTS += ("excess", "ci_low", "ci_high", "n", "excluded_a", "excluded_b", "significant")
TESTS += ("rank", "sensitivity")

WINDOW_EIGENVALUES: Columns = ("run", "seed", "window", "mode", "real", "imag", "residual")
"""`window` is the first iteration of a window along one training."""
WINDOW_DISTANCES: Columns = ("run", "seed", "window_a", "window_b", "distance")
"""Rows between seeds have window_a = window_b and a seed of the form "i-j"."""

# Grokking.
GROKKING_CURVES: Columns = ("setting", "seed", "step", "train_loss", "test_loss", "train_accuracy", "test_accuracy")
GROKKING_CURVES += ("weight_norm",)
GROKKING_EIGENVALUES: Columns = ("setting", "seed", "mode", "real", "imag", "residual")
GROKKING_DISTANCES: Columns = ("a", "b", "seed", "distance")
GROKKING_RANK_DISTANCES: Columns = (*GROKKING_DISTANCES, "rank")
"""Seed is "i-j" for seed i of a and seed j of b; rows within one setting have a = b."""
GROKKING_PREDICTION: Columns = ("setting", "seed", "predictor", "score", "groks")
GROKKING_AREAS: Columns = ("predictor", "against", "value", "ci_low", "ci_high", "n", "n_groks")
"""Area under the curve of a predictor; with `against`, how much larger it is than the other's."""

# A user's trajectories. Tables of their runs use SETUP_EIGENVALUES, with the trajectory as
# `setting` and the run as `seed`.
TRAJECTORY_EIGENVALUES: Columns = ("trajectory", "mode", "real", "imag", "residual", "amplitude", "believed")
TRAJECTORY_EIGENVALUES += ("real_low", "real_high", "imag_low", "imag_high", "resampled", "rank", "delays")
TRAJECTORY_EIGENVALUES += ("runs", "steps", "dimension", "route", "complete", *PER_STEP, "p_random_walk")
TRAJECTORY_DISTANCES: Columns = ("a", "b", "distance", "distance_weighted", "p_shuffle")
TRAJECTORY_EXCLUSIONS: Columns = ("trajectory", "run", "reason")
"""A row without a run: no run of the trajectory could be fitted."""

# Pruning.
PRUNING_ACCURACY: Columns = ("study", "method", "epoch", "compression", "seed", "accuracy", "accuracy_finetuned")
PRUNING_OVERLAP: Columns = (
    "study",
    "method_a",
    "method_b",
    "epoch",
    "compression",
    "seed",
    "jaccard",
    "expected_jaccard",
)
PRUNING_SPECTRUM: Columns = ("study", "epoch", "seed", "window", "rank", "mode", "real", "imag", "amplitude", "present")
PRUNING_SPECTRUM += ("residual", "prediction_error")
PRUNING_LAYERS: Columns = ("study", "method", "epoch", "compression", "seed", "layer", "size", "kept", "density")
PRUNING_COST: Columns = ("study", "epoch", "seed", "window", "rank", "training_seconds", "koopman_seconds")
PRUNING_COST += ("magnitude_seconds", "share_of_training")
PRUNING_EXCLUSIONS: Columns = ("study", "seed", "diverged_at")
PRUNING_DIFFERENCES: Columns = (
    "study",
    "method_a",
    "method_b",
    "epoch",
    "compression",
    "n",
    "difference",
    "ci_low",
    "ci_high",
)
PRUNING_DIFFERENCES += ("beyond_chance",)
PRUNING_BEST: Columns = (
    "study",
    "epoch",
    "compression",
    "method",
    "accuracy",
    "runner_up",
    "margin",
    "ci_low",
    "ci_high",
    "n",
)
PRUNING_ONSET: Columns = ("study", "method_a", "method_b", "seed", "from_epoch", "agreement_first", "agreement_last")
PRUNING_ONSET += ("gap_first", "gap_last")
PRUNING_PREDICTORS: Columns = ("study", "method_a", "method_b", "quantity", "n", "rho", "ci_low", "ci_high")
PRUNING_WINS: Columns = ("study", "epoch", "compression", "koopman", "other", "n", "difference", "ci_low", "ci_high")
TRAINING_COST: Columns = ("seconds_per_step",)

# Tickets.
TICKET_ROUNDS: Columns = ("task", "model", "control", "seed", "round", "density", "accuracy")
TICKET_FLOW: Columns = ("task", "model", "seed", "round", "layer", "density", "coupling")
TICKET_EXPONENTS: Columns = ("task", "model", "layer", "sigma", "ci_low", "ci_high", "r2", "first_round", "last_round")
TICKET_EXPONENTS += ("class", "n", "interval", "drift", "drift_low", "drift_high")
TICKET_COMPOSITION: Columns = ("task", "model", "seed", "density", "layer", "coupling_a", "coupling_b", "jaccard")
TICKET_COMPOSITION += ("comparison",)
TICKET_RATIOS: Columns = ("task", "model", "ratio", "ci_low", "ci_high", "n")
TICKET_FIXED_POINT: Columns = ("task", "model", "seed", "round", "density", "distance")
TICKET_LINEARIZATION: Columns = ("task", "model", "mode", "real", "imag", "exponent", "ci_low", "ci_high", "r2", "note")
TICKET_TRANSFER: Columns = ("source", "target", "model", "seed", "density", "accuracy", "accuracy_own")
TICKET_TRANSFER += ("accuracy_random", "exponent_distance")
TICKET_CORRELATIONS: Columns = ("model", "observable", "density", "correlation", "ci_low", "ci_high", "p", "tasks")
TICKET_ELASTIC: Columns = (
    "comparison",
    "task",
    "source",
    "target",
    "seed",
    "round",
    "density",
    "accuracy",
    "accuracy_own",
)
TICKET_ELASTIC += ("accuracy_random",)
TICKET_SCORES: Columns = ("source", "target", "seed", "round", "density", "predictor", "score", "needs", "passes")
TICKET_SCORES += ("training",)
"""One row per ticket and predictor; passes and training are costs in forward passes of single images."""
TICKET_PREDICTORS: Columns = ("predictor", "source", "target", "density", "score", "transfer", "registered", "model")
TICKET_PREDICTORS += ("chosen", "reliability")
TICKET_PREDICTOR_TESTS: Columns = ("model", "predictor", "registered", "density", "correlation", "ci_low", "ci_high")
TICKET_PREDICTOR_TESTS += ("p", "p_adjusted", "within_target", "tasks", "pairs", "reliability", "needs", "passes")
TICKET_PREDICTOR_TESTS += ("cost", "decision")
TICKET_FORECASTS: Columns = ("model", "source", "target", "density", "share", "ci_low", "ci_high", "answer", "transfer")
TICKET_FORECASTS += ("inside", "left_out", "cost", "level", "threshold")
TICKET_COMMON: Columns = (
    "task",
    "model",
    "layer",
    "sigma",
    "ci_low",
    "ci_high",
    "r2",
    "first_round",
    "last_round",
    "n",
)
TICKET_INITIALIZATIONS: Columns = ("task", "model", "layer", "seed", "sigma", "r2", "first_round", "last_round")
TICKET_VERDICTS: Columns = ("model", "layer", "between", "within", "ratio", "ci_low", "ci_high", "verdict", "tasks")
TICKET_VERDICTS += ("seeds", "lowest_r2", "first_round", "last_round")
TICKET_DEPTH: Columns = ("task", "model", "spread", "ci_low", "ci_high", "layers", "n")
TICKET_FIXED_POINTS: Columns = ("task", "model", "layer", "share", "r2")

# Forecasts.
FORECAST_PREDICTIONS: Columns = ("series", "method", "origin", "horizon", "prediction", "truth")
FORECAST_QUANTILES: Columns = ("series", "method", "origin", "horizon", "quantile", "value")
FORECAST_RECALLED: Columns = ("series", "method", "origin", "match", "recalled_origin", "distance", "continuation")
FORECAST_SKILL: Columns = ("series", "method", "horizon", "n", "mae", "rmse", "mase", "skill_vs_sliding")
FORECAST_SKILL += ("ci_low", "ci_high")
FORECAST_OVER_SERIES: Columns = ("kind", "method", "reference", "series", "groups", "ratio", "ci_low", "ci_high")
FORECAST_OVER_SERIES += ("p_sign_flip", "p_signed_rank", "better")
FORECAST_LEFT_OUT: Columns = ("entry", "series", "reason")

# Hubs.
HUB_QUANTILES: Columns = ("model", "reference_date", "target", "location", "horizon", "quantile", "value")
HUB_LEADERBOARD: Columns = ("hub", "target", "model", "n", "wis", "mae")
HUB_LEADERBOARD += ("coverage_50", "coverage_80", "coverage_90", "coverage_95", "relative_skill")
HUB_LEADERBOARD += ("reference", "n_shared", "ratio", "ci_low", "ci_high")
HUB_PAIRS: Columns = ("hub", "target", "model", "against", "n", "ratio", "ci_low", "ci_high", "error_ratio")
HUB_SEASONS: Columns = ("hub", "season", "target", "model", "n", "wis", "mae", "coverage_80")
HUB_SEASONS += ("against", "ratio", "worst", "mean")

NETWORK_TABLES = {
    "accuracy": PRUNING_ACCURACY,
    "overlap": PRUNING_OVERLAP,
    "spectrum": PRUNING_SPECTRUM,
    "layers": PRUNING_LAYERS,
    "cost": PRUNING_COST,
    "exclusions": PRUNING_EXCLUSIONS,
}
"""Tables that each job of a pruning study writes about its networks, by name."""

PRUNING_SUMMARIES = {
    "differences": PRUNING_DIFFERENCES,
    "best": PRUNING_BEST,
    "onset": PRUNING_ONSET,
    "predictors": PRUNING_PREDICTORS,
    "wins": PRUNING_WINS,
}
"""Tables that compare the pruning methods over all networks, by name."""

TICKET_TABLES = {
    "rounds": TICKET_ROUNDS,
    "flow": TICKET_FLOW,
    "exponents": TICKET_EXPONENTS,
    "composition": TICKET_COMPOSITION,
    "ratios": TICKET_RATIOS,
    "fixed_point": TICKET_FIXED_POINT,
    "linearization": TICKET_LINEARIZATION,
    "transfer": TICKET_TRANSFER,
    "universality": TICKET_CORRELATIONS,
    "predictors": TICKET_PREDICTORS,
    "predictor_tests": TICKET_PREDICTOR_TESTS,
    "will_transfer": TICKET_FORECASTS,
    "common_exponents": TICKET_COMMON,
    "initialization_exponents": TICKET_INITIALIZATIONS,
    "exponent_verdicts": TICKET_VERDICTS,
    "depth": TICKET_DEPTH,
    "fixed_points": TICKET_FIXED_POINTS,
    "elastic": TICKET_ELASTIC,
}
"""Tables of the ticket studies, by name."""

PAPER_FIGURES: Columns = ("paper", "figure", "variant", "shows", "source", "picture", "verdict", "differs", "quantity")
PAPER_FIGURES += ("published", "published_spread", "published_n", "number_source", "ours", "ours_spread", "ci_low")
PAPER_FIGURES += ("ci_high", "n", "agrees", "reason")
"""One row per published number."""
IMPROVEMENT: Columns = ("series", "horizon", "improvement", "ci_low", "ci_high", "skill", "n", "method")
"""In percent of the error with memory."""
EXAMPLE_WEIGHTS: Columns = ("setting", "iteration", "weight", "value")

CONTRACTS = {
    "claims.csv": CLAIMS,
    "papers/figures.csv": PAPER_FIGURES,
    "papers/equivalence/weights.csv": EXAMPLE_WEIGHTS,
    "papers/memory/improvement.csv": IMPROVEMENT,
    "equivalence/optimizers/eigenvalues.csv": OPTIMIZER_EIGENVALUES,
    "equivalence/optimizers/distances.csv": OPTIMIZER_DISTANCES,
    "equivalence/training/eigenvalues.csv": SETUP_EIGENVALUES,
    "equivalence/training/distances.csv": SETUP_DISTANCES,
    "equivalence/training/tests.csv": TESTS,
    "equivalence/training/distance_matrix.csv": SETUP_MATRIX,
    "equivalence/training/stability.csv": STABILITY,
    "equivalence/training/rank_tests.csv": RANK_TESTS,
    "equivalence/training/rank_distances.csv": RANK_DISTANCES,
    "equivalence/training/distance_tests.csv": DISTANCE_TESTS,
    "equivalence/training/losses.csv": SETUP_LOSSES,
    "equivalence/training/exclusions.csv": SETUP_EXCLUSIONS,
    "equivalence/windows/eigenvalues.csv": WINDOW_EIGENVALUES,
    "equivalence/windows/distances.csv": WINDOW_DISTANCES,
    "grokking/curves.csv": GROKKING_CURVES,
    "grokking/eigenvalues.csv": GROKKING_EIGENVALUES,
    "grokking/distances.csv": GROKKING_DISTANCES,
    "grokking/rank_distances.csv": GROKKING_RANK_DISTANCES,
    "grokking/prediction.csv": GROKKING_PREDICTION,
    "grokking/areas.csv": GROKKING_AREAS,
    "spectra/eigenvalues.csv": TRAJECTORY_EIGENVALUES,
    "spectra/distances.csv": TRAJECTORY_DISTANCES,
    "spectra/tests.csv": TESTS,
    "spectra/stability.csv": STABILITY,
    "spectra/exclusions.csv": TRAJECTORY_EXCLUSIONS,
    "spectra/windows.csv": WINDOW_DISTANCES,
    **{f"pruning/{name}.csv": columns for name, columns in NETWORK_TABLES.items() if name != "cost"},
    **{f"pruning/{name}.csv": columns for name, columns in PRUNING_SUMMARIES.items()},
    **{f"tickets/{name}.csv": columns for name, columns in TICKET_TABLES.items() if name != "ratios"},
    "tickets/composition_ratios.csv": TICKET_RATIOS,
    "forecast/predictions.parquet": FORECAST_PREDICTIONS,
    "forecast/quantiles.parquet": FORECAST_QUANTILES,
    "forecast/skill.csv": FORECAST_SKILL,
    "forecast/future.csv": FORECAST_QUANTILES,
    "forecast/over_series.csv": FORECAST_OVER_SERIES,
    "forecast/left_out.csv": FORECAST_LEFT_OUT,
    "hub/leaderboard.csv": HUB_LEADERBOARD,
    "hub/pairs.csv": HUB_PAIRS,
    "hub/seasons.csv": HUB_SEASONS,
}
"""Columns by table path, relative to the results folder."""
