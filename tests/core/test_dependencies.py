"""What a module depends on: all that it imports, by statement or by a registry, and nothing
else."""

import ast

from koopflow.core.dependencies import PACKAGE, ROOT, _import_statements, closure, code_digest, module_file


def files_of(module):
    return {file.relative_to(ROOT).as_posix() for file in closure(ROOT, [module_file(ROOT, module)])}


def test_the_trainer_depends_on_its_networks_and_on_no_figure():
    found = files_of("koopflow.training.ensemble")
    assert {
        "koopflow/training/models/residual.py",
        "koopflow/training/engines/dense.py",
        "koopflow/core/seeds.py",
    } <= found
    assert not {
        file for file in found if file.split("/")[1] in ("figures", "cli", "pruning", "tickets", "forecast", "claims")
    }


def test_a_registry_is_followed_by_the_names_in_it_and_the_face_is_not(tmp_path):
    package = tmp_path / "koopflow"
    package.mkdir()
    (package / "__init__.py").write_text('FACE = {"plot": "koopflow.colours:plot"}\n')
    (package / "registry.py").write_text('NAMES = {"one": "koopflow.one:make"}\n')
    (package / "one.py").write_text("def make():\n    import koopflow.two\n")
    for name in ("two", "colours"):
        (package / f"{name}.py").write_text("")
    found = closure(tmp_path, [package / "registry.py"])
    assert [file.name for file in found] == ["__init__.py", "one.py", "registry.py", "two.py"]


def test_equal_code_has_equal_digests():
    assert code_digest("koopflow.core.seeds") == code_digest("koopflow.core.seeds")
    assert code_digest("koopflow.core.seeds") != code_digest("koopflow.core.masks")


def test_the_lines_that_begin_an_import_hold_all_imports_of_the_package():
    def statements(text, whole):
        return sorted(map(ast.dump, _import_statements(text, whole)))

    files = [*(ROOT / PACKAGE).rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    assert len(files) > 300
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert statements(text, whole=False) == statements(text, whole=True), file


def test_a_line_that_only_looks_like_an_import_is_none():
    text = '"""Words.\n\nimport them all, from\nfrom here import it is\n"""\nimport os\n'
    assert [node.names[0].name for node in _import_statements(text, whole=False)] == ["os"]
