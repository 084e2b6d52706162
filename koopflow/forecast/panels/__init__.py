"""Forecasts of many related series at once, learned jointly: regions, viruses, products."""
