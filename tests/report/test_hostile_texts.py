"""Texts of a user are shown as they were written: in the report's opening page, its tables and its
figures."""

import re
import warnings
from html.parser import HTMLParser

import jinja2
import numpy as np
import pandas as pd
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from matplotlib import mathtext

from koopflow.claims.page import as_rst
from koopflow.cli import report_tables
from koopflow.config.own_figures import OwnFigure
from koopflow.core.errors import KoopflowError
from koopflow.core.markup import one_line
from koopflow.figures import claims as page
from koopflow.figures import forecast, futures, pruning, style, tickets
from koopflow.io.columns import CLAIMS, FORECAST_QUANTILES
from koopflow.studies.discovery import discover, settings_model
from koopflow.studies.own_figures import OwnFigures
from koopflow.studies.own_figures import figures as figures_of
from koopflow.studies.report import Contents

MARKUP = [
    *(
        "*emphasis*",
        "**strong**",
        "`role`",
        ":math:`x`",
        "``literal``",
        "|substitution|",
        "name_",
        "`name`_",
        "anonymous__",
    ),
    *(
        "[1]_",
        "[#]_",
        "[CIT2002]_",
        ".. include:: /etc/passwd",
        ".. raw:: html",
        ".. image:: http://evil/x.png",
        ".. |x| replace:: y",
    ),
    *(
        "- item",
        "* item",
        "+ item",
        "• item",
        "1. item",
        "(a) item",
        "#. item",
        "IV) item",
        "A. Einstein",
        "-o option",
        "--long=x",
    ),
    *(
        "/V dos",
        ":field: value",
        "| line block",
        ">>> doctest",
        "====",
        "----",
        "+---+",
        "=== ===",
        "__ target",
        ".. _t: http://evil",
    ),
    *(
        "ends in ::",
        "::",
        "back\\slash",
        "trailing\\",
        "\\*",
        "http://evil/?a=1&b=2",
        "javascript:alert(1)",
        "mailto:a@b.c",
        "a@b.c",
    ),
    *(
        "<b>bold</b>",
        "</td></script><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "&lt;&amp;&#x3c;",
        "\"quoted\" 'too'",
    ),
    *(
        "<!-- comment",
        "]]>",
        "`x <javascript:alert(1)>`_",
        "{{ 7*7 }}",
        "{% for i in x %}z{% endfor %}",
        "{wildcard}",
        "${shell}",
    ),
    *(
        "$x$",
        "$\\frac{1}{2}$",
        "$\\undefined$",
        "costs $5 to $7",
        "\\$5",
        "$",
        "_hidden",
        "%d %s %(a)s",
        "{0}",
        "$(id)",
        "`id`",
    ),
    *(
        "a\nb",
        "a\n\n.. raw:: html\n\n   <script>alert(1)</script>\n\nb",
        "a\n====\nb",
        "a\r\n\tb",
        "a\u2028.. include:: x",
        "a\x85* b",
    ),
    *(
        "a\x0bb\x0cc\x1cd\x1ee",
        "nul\x00byte",
        "bell\x07",
        "\u202eright to left",
        "zero\u200bwidth",
        "é ü ∂ λ",
        "中文",
        "🙂",
        "x" * 3000,
    ),
    *(
        "",
        " ",
        "\t",
        "NaN",
        "null",
        "=1+1",
        "@SUM(A1)",
        "'",
        '"',
        "\\",
        "🏳️\u200d🌈",
        "ends in :",
        "| a | b |",
        "term\n  definition",
    ),
]
"""Texts that are markup somewhere."""
VALUES = {
    "paper": "p",
    "statistic": "s",
    "value": 0.5,
    "ci_low": 0.4,
    "ci_high": 0.6,
    "criterion": "c",
    "verdict": "supported",
    "n": 5,
}
VALUES |= {"unit": "seeds", "above": 0.1, "below": np.nan, "reason": "", "excluded": 0}


def table(**texts: list[str]) -> pd.DataFrame:
    """Return a table of claims with these texts, a row for each."""
    rows = [dict(zip(texts, row)) for row in zip(*texts.values())]
    return pd.DataFrame(
        [{"claim": f"c{i}", "statement": "s"} | VALUES | row for i, row in enumerate(rows)], columns=list(CLAIMS)
    )


def cells(rst: str) -> list[list[str]]:
    """Return the texts of the table's cells; fail if anything but plain text is in the document."""
    tree = publish_doctree(rst, settings_overrides={"report_level": 2, "halt_level": 5, "warning_stream": False})
    allowed = (
        "document",
        "paragraph",
        "table",
        "tgroup",
        "colspec",
        "thead",
        "tbody",
        "row",
        "entry",
        "strong",
        "#text",
    )
    assert {node.tagname for node in tree.findall()} <= set(allowed)
    rows = [[entry.astext() for entry in row.findall(nodes.entry)] for row in tree.findall(nodes.row)]
    return rows[1:]


def test_the_corpus_is_large():
    assert len(set(MARKUP)) > 90


@pytest.mark.parametrize("text", MARKUP)
def test_the_opening_page_shows_a_text_literally(text):
    shown = cells(as_rst(table(statement=[text], paper=[text], reason=[text], statistic=[text])))
    assert shown[0][0] == one_line(f"{text} ({text})")
    assert shown[0][2].startswith(one_line(f"{text}: 0.5"[:900]))
    undecided = table(statement=[text], reason=[text]).assign(value=np.nan)
    assert cells(as_rst(undecided))[0][2] == one_line(text)


class Texts(HTMLParser):
    """Collects the texts of cells, and every tag."""

    def __init__(self):
        super().__init__()
        self.cells, self.tags, self.inside = [], set(), False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "td":
            self.cells.append("")
        self.inside = tag == "td"

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def test_the_tables_show_texts_literally():
    parser = Texts()
    parser.feed(
        report_tables.page(
            report_tables.claims, "results<script>/claims.csv", table(statement=MARKUP, paper=MARKUP, reason=MARKUP)
        )
    )
    assert parser.tags <= {
        "html",
        "head",
        "meta",
        "style",
        "body",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "p",
        "code",
    }
    assert parser.cells[0::8] == [one_line(text) for text in MARKUP]
    assert parser.cells[7::8] == [one_line(text) for text in MARKUP]


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """Every text that matplotlib reads as mathematics."""
    found: list[str] = []
    parse = mathtext.MathTextParser.parse
    monkeypatch.setattr(
        mathtext.MathTextParser,
        "parse",
        lambda self, s, *rest, **more: (found.append(s), parse(self, s, *rest, **more))[1],
    )
    return found


def draw(figure, folder) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the font has no Chinese letters
        style.save(figure, folder / "figure")


def test_the_figure_of_claims_shows_texts_literally(parsed, tmp_path):
    style.use()
    draw(page.plot(table(statement=MARKUP, paper=MARKUP, reason=MARKUP)), tmp_path)
    draw(page.plot(table(statement=MARKUP, paper=MARKUP, reason=MARKUP).assign(value=np.nan)), tmp_path)
    assert parsed == []


def test_figures_show_layers_and_columns_literally(parsed, tmp_path):
    style.use()
    names = [text for text in MARKUP if text.strip()]
    for start in range(0, len(names), 8):
        some = names[start : start + 8]
        kept = pd.DataFrame(
            [("s", "random", 1.0, 16.0, seed, name, 10, 5, 0.5) for name in some for seed in (0, 1)],
            columns=["study", "method", "epoch", "compression", "seed", "layer", "size", "kept", "density"],
        )
        figure = pruning.layers(kept)
        assert [each.get_text() for each in figure.axes[0].get_xticklabels()]
        draw(figure, tmp_path)
    rows = [("t", "m", seed, n, name, 0.8**n, 0.1 * 0.9**n) for name in names[:5] for seed in (0, 1) for n in range(6)]
    flow = pd.DataFrame(rows, columns=["task", "model", "seed", "round", "layer", "density", "coupling"])
    windows = [("t", "m", name, 0.5, 0.9, 2, 0, 5) for name in names[:5]]
    columns = ["task", "model", "layer", "sigma", "r2", "n", "first_round", "last_round"]
    draw(tickets.flow(flow, pd.DataFrame(windows, columns=columns), ["t"]), tmp_path)
    # Tick labels of log axes are mathematics, and ours.
    assert not [text for text in parsed if not text.startswith("$\\mathdefault")]


@pytest.mark.parametrize("text", ["$x$", "_a", "a\nb", "<b>", "$\\undefined$", "x" * 3000, "{a}", "\x00"])
def test_the_name_of_a_column_labels_its_axis_literally(text, parsed, tmp_path):
    style.use()
    rows = [
        ("s", method, origin, h, 1.0, 1.0, 0.5, 1.5)
        for method in ("sliding", "gated")
        for origin in (20, 24)
        for h in (1, 2)
    ]
    predictions = pd.DataFrame(
        rows, columns=["series", "method", "origin", "horizon", "prediction", "truth", "lower", "upper"]
    )
    recalled = pd.DataFrame(
        [("s", "gated", 24, 1, 10, 0.1)], columns=["series", "method", "origin", "match", "recalled_origin", "distance"]
    )
    choices = forecast.Choices(early=8, window=6, horizon=2, label=text, step=text)
    values, times = np.linspace(0, 1, 30), (np.arange(30.0), np.arange(30.0, 32.0))
    draw(forecast.forecasts(predictions, recalled, values, times, choices), tmp_path)
    quantiles = pd.DataFrame([("s", "gated", text, h, 0.5, 1.0) for h in (1, 2)], columns=list(FORECAST_QUANTILES))
    draw(futures.future(quantiles, predictions.assign(mae=1.0), values, times, choices, ["sliding"]), tmp_path)
    assert parsed == []


@pytest.mark.parametrize(
    "text", [text for text in MARKUP if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text)]
)
def test_a_name_made_of_markup_is_refused_in_one_line(text):
    model = settings_model(discover())
    for block in (
        {"series": {text: {"source": "switching"}}},
        {"claims": {"statements": {text: {}}}},
        {"data": {text: {"source": "digits"}}},
    ):
        with pytest.raises(KoopflowError) as caught:
            model.load(block)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 5000


@pytest.mark.parametrize("text", [text for text in MARKUP if text.strip()])
def test_the_caption_of_ones_own_figure_is_literal_in_the_report_and_in_its_label(text, tmp_path):
    figure = OwnFigure.load({"draw": "m:f", "tables": ["t.csv"], "caption": f"{text}. {text} *Read:* {text}"})
    plans = {"own_figures": OwnFigures({"mine": figure})}
    rendered = (
        jinja2.Environment(undefined=jinja2.StrictUndefined)
        .from_string(figures_of(plans["own_figures"])[0].text)
        .render()
    )
    tree = publish_doctree(rendered, settings_overrides={"report_level": 2, "halt_level": 5, "warning_stream": False})
    assert {node.tagname for node in tree.findall()} <= {"document", "paragraph", "strong", "emphasis", "#text"}
    assert [node.astext() for node in tree.findall(nodes.emphasis)][-1:] in (["Read:"], [])
    assert one_line(text)[:100].rstrip(".") in tree.astext()
    stage = discover()["own_figures"]
    _, label = Contents({"own_figures": stage}, plans, tmp_path).place("own_mine", "mine")
    assert "{" not in label
    assert "\n" not in label
