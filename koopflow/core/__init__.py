"""What every room builds on: errors, seeds, intervals, masks, name patterns, registries. Imports no
other room."""
