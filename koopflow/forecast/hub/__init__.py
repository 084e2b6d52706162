"""Forecasts for a hub: from each vintage alone, in the hubverse format, scored beside other
teams'."""
