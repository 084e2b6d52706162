"""Forecasts of series: Koopman models with and without memory, and plain forecasters.

The room is called like a function: ``koopflow.forecast(series, horizon=12)`` is
`koopflow.api.forecasting.forecast`.
"""
