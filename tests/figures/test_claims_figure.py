"""The page of claims says every statement and verdict, draws what was computed, and gives the
reason for what was not."""

import pandas as pd

from koopflow.claims.tables import Tables
from koopflow.claims.verdicts import judge
from koopflow.config.claims import ClaimsSettings
from koopflow.figures import claims as page
from koopflow.figures import style


def test_every_claim_is_on_the_page_with_its_verdict_and_reason():
    pairs = [("m", "g", 0.01), ("m", "b", 1.0), ("g", "b", 1.0)]
    rows = [(a, b, apart, 0.9 * apart, 1.1 * apart, 25) for a, b, apart in pairs]
    distances = pd.DataFrame(rows, columns=["a", "b", "distance", "ci_low", "ci_high", "n"])
    common = {"paper": "arXiv 2302.09160", "measure": "distance_beside_control", "a": "m", "b": "g", "below": 0.5}
    statements = {
        "near": common | {"statement": "They are near.", "control": "b"},
        "lost": common | {"statement": "They are lost.", "control": "nobody"},
    }
    table = judge(ClaimsSettings.load({"statements": statements}), Tables(given={page_table(): distances}))
    style.use()
    figure = page.plot(table)
    words = [text.get_text() for text in figure.axes[0].texts]
    for row in table.itertuples():
        assert row.statement in words
        assert row.verdict in words
    assert any("nobody" in word for word in words)
    lines = figure.axes[0].lines
    (value,) = (line for line in lines if line.get_label() == page.VALUE)
    (bar,) = (line for line in lines if line.get_linewidth() > 3)
    low, high = bar.get_xdata()
    assert low < value.get_xdata()[0] < high  # the line of the statistic does not hide its interval
    numbers = [word.get_text() for word in figure.axes[0].texts if word.get_fontsize() < 5]
    assert {"0", "0.2", "0.4"} <= set(numbers)  # the row has an axis in the units of its statistic


def page_table() -> str:
    return "equivalence/optimizers/distances.csv"
