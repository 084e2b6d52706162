"""Registered names whose rooms have no registry."""

IMAGE_SOURCES = ("digits", "mnist", "fashion_mnist", "kmnist", "cifar10", "npz", "image_folder", "gaussian_clusters", "teacher")
SERIES_SOURCES = ("switching", "drifting", "seasons", "jump", "sunspots", "co2", "elnino", "csv")
