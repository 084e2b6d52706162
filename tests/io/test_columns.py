"""The columns of all tables stand in one module, agree with the house plan's contracts, and nobody
spells them a second time."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from koopflow.io import columns

ROOT = Path(__file__).resolve().parents[2]
PLAN = ROOT.parent / "shared" / "DESIGN.md"
PROMISED = {
    "equivalence/optimizers/eigenvalues.csv": "algorithm, mode, real, imag, residual",
    "equivalence/optimizers/distances.csv": "a, b, distance, p_shuffle",
    "equivalence/training/eigenvalues.csv": "setting, seed, mode, real, imag, residual",
    "equivalence/training/distances.csv": "comparison, a, b, seed, distance, p_shuffle",
    "equivalence/training/tests.csv": "comparison, a, b, between, within, p_permutation, p_adjusted, verdict",
    "equivalence/windows/distances.csv": "run, seed, window_a, window_b, distance",
    "pruning/accuracy.csv": "study, method, epoch, compression, seed, accuracy, accuracy_finetuned",
    "pruning/overlap.csv": "study, method_a, method_b, epoch, compression, seed, jaccard, expected_jaccard",
    "tickets/rounds.csv": "task, model, control, seed, round, density, accuracy",
    "tickets/flow.csv": "task, model, seed, round, layer, density, coupling",
    "tickets/exponents.csv": "task, model, layer, sigma, ci_low, ci_high, r2, first_round, last_round",
    "tickets/composition.csv": "task, model, seed, density, layer, coupling_a, coupling_b, jaccard",
    "tickets/transfer.csv": "source, target, model, seed, density, accuracy, accuracy_own, accuracy_random, "
    "exponent_distance",
    "forecast/predictions.parquet": "series, method, origin, horizon, prediction, truth",
    "forecast/skill.csv": "series, method, horizon, n, mae, rmse, mase, skill_vs_sliding, ci_low, ci_high",
    "claims.csv": "claim, paper, statement, statistic, value, ci_low, ci_high, criterion, verdict, n",
}
"""The house plan's table of contracts."""
WRITERS = {"write_csv": 2, "read_csv": 1, "read_parquet": 1}
"""Functions that take columns, and the place of that argument."""
CODE = sorted(
    path for folder in ("koopflow", "scripts") for path in (ROOT / folder).rglob("*.py") if path.name != "columns.py"
)


@pytest.mark.parametrize("path", PROMISED)
def test_a_table_begins_with_the_columns_that_the_plan_promises(path):
    promised = tuple(PROMISED[path].split(", "))
    assert columns.CONTRACTS[path][: len(promised)] == promised


@pytest.mark.skipif(not PLAN.is_file(), reason="the house plan stands beside the repository, not in it")
def test_the_promises_are_those_of_the_plan():
    rows = re.findall(
        r"^\| `([^`*<]+\.(?:csv|parquet))` \| ([^|]+?) \|$", PLAN.read_text(encoding="utf-8"), re.MULTILINE
    )
    plain = {path: re.sub(r" \([^)]*\)|;.*", "", what) for path, what in rows}
    assert {path: what for path, what in plain.items() if path in PROMISED} == PROMISED


def test_no_contract_names_a_column_twice():
    for path, names in columns.CONTRACTS.items():
        assert len(set(names)) == len(names), path


def test_looking_up_columns_imports_nothing():
    code = "import sys; before = set(sys.modules); import koopflow.io.columns; print(*set(sys.modules) - before)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {name.partition(".")[0] for name in found} <= {"koopflow", "importlib", "types"} | set(
        sys.stdlib_module_names
    )


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_script_or_module_spells_a_tables_columns(path):
    contracts = {names for names in columns.CONTRACTS.values() if len(names) > 2}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            passed = node.args[WRITERS[name] : WRITERS[name] + 1] if name in WRITERS else []
            passed += [word.value for word in node.keywords if name in WRITERS and word.arg == "columns"]
            assert not any(isinstance(each, ast.List | ast.Tuple) for each in passed), (
                f"line {node.lineno}: columns spelled out"
            )
        if isinstance(node, ast.List | ast.Tuple):
            texts = tuple(
                each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )
            spelled = [names for names in contracts if texts[: len(names)] == names]
            assert not spelled, f"line {node.lineno}: {', '.join(spelled[0])}; use koopflow.io.columns"
