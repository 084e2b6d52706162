"""The figure of methods compared over series shows each series, their mean and its interval."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from koopflow.figures import over_series, style
from koopflow.forecast.over_series import over_series as table_of

RATIOS = [0.5, 0.8, 0.9, 0.7, 1.1, 0.95, 20.0]


@pytest.fixture
def skill() -> pd.DataFrame:
    rows = []
    for kind, ratios in (("real", RATIOS), ("synthetic", [0.3, 0.4])):
        for place, ratio in enumerate(ratios):
            errors = {"sliding": 1.0, "gated": ratio, "persistence": 2.0, "gated_without_recall": 0.9}
            rows += [
                {
                    "series": f"{kind}{place}",
                    "group": f"{kind}{place}",
                    "kind": kind,
                    "horizon": 1,
                    "method": m,
                    "mae": e,
                }
                for m, e in errors.items()
            ]
    return pd.DataFrame(rows)


def test_means_intervals_and_series_are_drawn(skill, tmp_path):
    style.use()
    table = table_of(skill)
    figure = over_series.plot(skill, table)
    against_sliding = figure.axes[0]
    assert [ax.get_title(loc="left")[3:] for ax in figure.axes] == [
        "against sliding",
        "against the better naive forecast",
    ]
    assert "Gated, against\ngated without recall" in [t.get_text() for t in against_sliding.get_yticklabels()]
    row = table.query("kind == 'real' and method == 'gated' and reference == 'sliding'").iloc[0]
    lines = [line.get_xdata() for line in against_sliding.lines]
    assert any(len(x) == 1 and np.isclose(x[0], row["ratio"]) for x in lines)
    assert any(len(x) == 2 and np.isclose(x[0], row["ci_low"]) for x in lines)
    assert any(np.allclose(x, RATIOS[:6]) for x in lines if len(x) == 6)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == [
        "real (n = 7 series)",
        "synthetic (n = 2 series, too few for an interval)",
        "one series or group",
    ]
    style.save(figure, tmp_path / "figure")
    plt.close(figure)


def test_a_run_without_references_says_so(skill):
    alone = skill[skill["method"] == "gated"]
    assert over_series.plot(alone, table_of(alone)).axes[0].texts
