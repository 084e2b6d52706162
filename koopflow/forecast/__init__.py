"""Forecasts of series: Koopman models with and without memory, plain forecasters, and their evaluation.

The room is called like a function: ``koopflow.forecast(series, horizon=12)`` is
`koopflow.api.forecasting.forecast`.
"""
