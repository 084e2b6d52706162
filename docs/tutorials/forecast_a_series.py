"""
What comes next, and does memory help?
======================================

Forecast a series with prediction intervals, compare forecasters on it, and add one of your own.
"""

# %%
# Forecast
# --------
# `forecast` takes an array, a list, a pandas Series or a table with times. Here the frequency of a
# wave switches between two values every 60 samples, so past regimes return.

import matplotlib.pyplot as plt
import numpy as np

import koopflow as kf

time = np.arange(600)
frequency = np.where((time // 60) % 2 == 0, 0.05, 0.09)
wave = np.sin(2 * np.pi * np.cumsum(frequency)) + 0.05 * np.random.default_rng(0).standard_normal(600)

table = kf.forecast(wave, horizon=20, period=1)
print(table.head().round(2))

# %%
figure, ax = plt.subplots(figsize=(6, 2.5))
ax.plot(time[-120:], wave[-120:], color="black", linewidth=0.8, label="series")
ax.plot(table["time"], table["prediction"], color="C3", label="forecast")
ax.fill_between(table["time"], table["low"], table["high"], color="C3", alpha=0.2, linewidth=0, label="90 % interval")
ax.set_xlabel("time (samples)")
ax.set_ylabel("value")
ax.set_ylim(-1.6, 2)
ax.legend(loc="upper left", ncols=3)
figure.tight_layout()

# %%
# Compare
# -------
# `evaluate` chooses open options on the first 40 % of the series, and forecasts from the samples
# after it; here from every second one. Skill is 1 - MAE / MAE of the better of persistence and
# seasonal naive: 0 is no better, 1 is perfect. `Sliding` forgets everything before its window;
# `Gated` recalls earlier windows with similar spectra, and weighs what it recalls by past errors.
#
# A forecaster of your own is an object with a method ``forecast(values, origins, horizon)``, or
# such a function. Row i of its result may use ``values[: origins[i] + 1]`` and nothing later.


def mean_of_ten(values, origins, horizon):
    """Hold the mean of the last ten values."""
    means = [values[origin - 9 : origin + 1].mean() for origin in origins]
    return np.repeat(np.array(means)[:, None], horizon, axis=1)


scores = kf.evaluate(wave, [kf.Gated(), kf.Sliding(window=40), mean_of_ten], horizon=20, period=1, every=2)
print(scores[scores["horizon"].isin([1, 10, 20])].round(2).to_string(index=False))

# %%
figure, ax = plt.subplots(figsize=(6, 3))
for method, rows in scores.groupby("method", sort=False):
    ax.plot(rows["horizon"], rows["skill"], label=method)
    ax.fill_between(rows["horizon"], rows["ci_low"], rows["ci_high"], alpha=0.2, linewidth=0)
ax.axhline(0, color="grey", linewidth=0.5)
ax.set_xlabel("samples ahead")
ax.set_ylabel("skill (1 - ratio of MAE)")
ax.set_xticks([1, 5, 10, 15, 20])
ax.legend()
figure.tight_layout()

# %%
# In a study
# ----------
# Saved in a file ``mine.py`` beside the configuration, the same function joins a study by its
# name::
#
#     forecast:
#       methods: [sliding, gated, "mine:mean_of_ten"]
#
# The study's check tries it before anything runs, and refuses it if it looks ahead.
