"""Forecasts of series: Koopman models with and without memory, and baseline forecasters.

The package itself is callable: ``koopflow.forecast(series, horizon=12)`` calls
`koopflow.api.forecasting.forecast`.
"""
