"""The command line: every command is listed, explains itself, and a misspelt one is one line."""

import subprocess
import sys

import pytest

from koopflow.cli import __main__ as command
from tests.architecture.source import ROOT, modules


def test_every_module_with_a_main_is_a_command():
    found = {name.removeprefix("koopflow.cli.") for name, path in modules().items() if "def main(" in path.read_text()}
    assert found - {"__main__"} == set(command.COMMANDS)


@pytest.mark.parametrize("name", [name for name in command.COMMANDS if name != "schema"])
def test_a_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([name, "--help"])
    assert not ended.value.code
    assert capsys.readouterr().out.startswith(f"usage: koopflow {name}")


def test_without_a_command_all_are_listed():
    done = subprocess.run([sys.executable, "-m", "koopflow.cli"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in command.COMMANDS)


def test_a_misspelt_command_is_one_line():
    with pytest.raises(
        SystemExit, match=r"koopflow: no command named 'plna' \(did you mean plan\?\); available: plan, report"
    ):
        command.main(["plna"])
