"""Forecasts that left the finite numbers are left out for every method alike, and counted."""

import numpy as np
import pandas as pd

from koopflow.forecast.skill import skill_table


def test_forecasts_that_are_not_finite_are_left_out_for_all_and_counted():
    generator = np.random.default_rng(0)
    truth = generator.normal(size=40)
    rows = [
        {
            "series": "s",
            "method": method,
            "origin": origin,
            "horizon": 1,
            "prediction": value + generator.normal(),
            "truth": value,
        }
        for method in ("sliding", "gated", "persistence")
        for origin, value in enumerate(truth)
    ]
    frame = pd.DataFrame(rows)
    whole = skill_table(frame, {"s": 1.0}, seed=0, draws=100)
    assert set(whole["excluded"]) == {0}
    frame.loc[(frame["method"] == "gated") & (frame["origin"] == 3), "prediction"] = np.inf
    frame.loc[(frame["method"] == "gated") & (frame["origin"] == 4), "prediction"] = np.nan
    frame.loc[(frame["method"] == "sliding") & (frame["origin"] == 5), "prediction"] = -np.inf
    frame.loc[frame["origin"] == 6, "truth"] = np.nan
    table = skill_table(frame, {"s": 1.0}, seed=0, draws=100).set_index("method")
    assert set(table["n"]) == {36}
    assert set(table["excluded"]) == {3}
    assert table["missing"].to_dict() == {"gated": 2, "persistence": 0, "sliding": 1}
    assert np.isfinite(table["mae"]).all()
    kept = frame[~frame["origin"].isin([3, 4, 5, 6])]
    pd.testing.assert_series_equal(
        table["mae"], skill_table(kept, {"s": 1.0}, seed=0, draws=100).set_index("method")["mae"]
    )
