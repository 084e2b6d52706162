"""The tables of a pruning study and the columns that readers may rely on; what follows them is extra."""

ACCURACY = ["study", "method", "epoch", "compression", "seed", "accuracy", "accuracy_finetuned"]
OVERLAP = ["study", "method_a", "method_b", "epoch", "compression", "seed", "jaccard", "expected_jaccard"]
SPECTRUM = ["study", "epoch", "seed", "window", "rank", "mode", "real", "imag", "amplitude", "present", "residual"]
SPECTRUM += ["prediction_error"]
LAYERS = ["study", "method", "epoch", "compression", "seed", "layer", "size", "kept", "density"]
COST = ["study", "epoch", "seed", "window", "rank", "training_seconds", "koopman_seconds", "magnitude_seconds", "share_of_training"]
EXCLUSIONS = ["study", "seed", "diverged_at"]
TABLES = {"accuracy": ACCURACY, "overlap": OVERLAP, "spectrum": SPECTRUM, "layers": LAYERS, "cost": COST}
TABLES |= {"exclusions": EXCLUSIONS}
