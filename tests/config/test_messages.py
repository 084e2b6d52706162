"""Messages: one line that names the key, says what it must be, and what was found."""

import pytest

from koopflow.config.resolution import resolve
from koopflow.config.study import Study
from koopflow.core.errors import KoopflowError

KNOWN = {"model": ["mlp", "convnet"]}
TEXT = "; YAML reads 1e-3 and values nested after --config as text; write {} without quotes in a file"


def base(**keys):
    return {"equivalence": {"training": {"base": keys}}}


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"seed": "three"}, "seed must be a whole number (got 'three')"),
        ({"seed": "3"}, "seed must be a whole number (got '3')" + TEXT.format(3)),
        ({"seed": True}, "seed must be a whole number (got True)"),
        ({"seed": -1}, "seed must be at least 0 (got -1)"),
        ({"seed": 2**63}, "seed must be a finite number below 2^63 in magnitude (got 9223372036854775808)"),
        ({"replicas_per_job": "x"}, "replicas_per_job must be a whole number or null (got 'x')"),
        ({"results": "a{b}"}, "results must be a path without braces, angle brackets and line breaks (got 'a{b}')"),
        ({"device": "cup"}, "device must be one of auto, cpu, cuda (got 'cup'); did you mean cpu?"),
        ({"device": "mps"}, "device must be one of auto, cpu, cuda (got 'mps')"),
        ({"device": "cuda:1"}, "device must be one of auto, cpu, cuda (got 'cuda:1'); did you mean cuda?"),
        (
            {"equivalence": {"optimizers": {"states": 30, "delays": 29}}},
            "equivalence.optimizers.delays must be at most 28, because a trajectory has 30 states (got 29)",
        ),
        (
            {"equivalence": {"optimizers": {"dimension": 20}}},
            "equivalence.optimizers.grid must be small enough for at most 10,000 runs, grid^20 (got 5)",
        ),
        ({"equivalence": "none"}, "equivalence must be a mapping of keys (got 'none')"),
        ({"figures": {"style": {"line_width": 0}}}, "figures.style.line_width must be greater than 0 (got 0)"),
        (
            {"data": {"a": {"source": "modular_addition", "prime": 12}}},
            "data.a.prime must be a prime number, such as 113 (got 12)",
        ),
        ({"grokking": {"settings": {"a": {"prime": 1}}}}, "grokking.settings.a.prime must be at least 2 (got 1)"),
        (
            {"grokking": {"settings": {"a": {"prime": 121}}}},
            "grokking.settings.a.prime must be a prime number, such as 113 (got 121)",
        ),
        ({"spectra": {"level": 1.2}}, "spectra.level must be strictly between 0 and 1 (got 1.2)"),
        ({"spectra": {"level": "0.5"}}, "spectra.level must be a number (got '0.5')" + TEXT.format(0.5)),
        ({"series": {}}, "series must have at least 1 entry (got {})"),
        ({"series": {"a": {"transform": 3}}}, "series.a.transform must be text or a list (got 3)"),
        ({"series": {"a": {"time": ["a"]}}}, "series.a.time must have at least 2 entries (got ['a'])"),
        (
            {"series": {"a": {"time": ["a", "b", "c"]}}},
            "series.a.time must have at most 2 entries (got ['a', 'b', 'c'])",
        ),
        ({"series": {"a": {"separator": ";;"}}}, "series.a.separator must have at most 1 character (got ';;')"),
        ({"series": {"a": {"value": ""}}}, "series.a.value must not be empty (got '')"),
        ({"data": {"a": {"path": "b"}}}, "data.a.source is missing"),
        (
            {"data": {"a b": {"source": "digits"}}},
            "data: each key must be a name: a letter or digit, then up to 99 letters, digits, '_', '-' "
            "and '.' (got 'a b')",
        ),
        (
            {"figures": {"style": {"widht": 3}}},
            "figures.style.widht: unknown key; known keys here are colours, font_size, line_width, png_dpi",
        ),
        ({"forecast": {"methods": ["a", "b"]}}, "forecast.methods must contain sliding (got ['a', 'b'])"),
        (
            base(model={"name": "mpl"}),
            "equivalence.training.base.model.name: no model named 'mpl' (did you mean mlp?); "
            "available: mlp, convnet, or package.module:name",
        ),
        (base(model={"widths": [5, 0]}), "equivalence.training.base.model.widths.1 must be at least 1 (got 0)"),
        (
            base(koopman={"observables": [""]}),
            "equivalence.training.base.koopman.observables.0 must not be empty (got '')",
        ),
        (base(batch_size=None), "equivalence.training.base.batch_size must be a whole number (got None)"),
    ],
)
def test_a_mistake_is_told_in_one_line(wrong, line):
    with pytest.raises(KoopflowError) as caught:
        Study.load(wrong, known=KNOWN)
    assert str(caught.value) == line


def test_the_least_deep_mistake_is_told_first():
    wrong = {"figures": {"style": {"line_width": 0}}, "tickets": {"margin": -1}, "seed": -1}
    with pytest.raises(KoopflowError, match=r"^seed must"):
        Study.load(wrong)
    with pytest.raises(KoopflowError, match=r"^tickets\.margin must"):
        Study.load({**wrong, "seed": 1})


def test_a_missing_key_is_a_mistake_of_its_block():
    with pytest.raises(KoopflowError, match=r"^data\.a\.source is missing$"):
        Study.load({"data": {"a": {"cache": 3, "transform": {"noise": -1}}}})


def test_a_mapping_given_for_a_number_is_refused_though_it_vanishes_when_merged():
    with pytest.raises(KoopflowError, match=r"^seed must be a whole number \(got \{\}\)$"):
        resolve({"series": {"a": {}}, "seed": 1}, {"seed": {}})


def test_options_of_a_measure_are_free_in_a_users_file():
    claim = {"paper": "p", "statement": "s", "measure": "m", "anything": [1]}
    merged = {"series": {"a": {}}, "claims": {"statements": {"a": claim}}}
    assert resolve(merged, {"claims": merged["claims"]}).claims.statements["a"].options == {"anything": [1]}


def test_what_was_found_is_cut_to_one_short_line():
    with pytest.raises(KoopflowError, match=r"^seed must be a whole number \(got '(x){70,80}\.\.\.\)$"):
        Study.load({"seed": "x" * 1000})
