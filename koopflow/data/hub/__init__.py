"""Tables of forecasting hubs: final values, vintages and submissions."""
