"""Foundations of every other room: errors, seeds, intervals, masks, name patterns, registries."""
