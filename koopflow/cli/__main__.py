"""The command line: ``koopflow COMMAND``, or ``python -m koopflow.cli COMMAND`` in a checkout."""

import importlib
import sys
from collections.abc import Mapping

from koopflow.core.suggest import nearest

COMMANDS: Mapping[str, str] = {
    "plan": "list the remaining jobs of a study, the resources they request, and expected node hours",
    "report": "write the report of a study, after running what it needs",
    "provenance": "show what made a file, and whether a run would make it again",
    "verify": "read every file in a results folder, and name those that are damaged",
    "export": "write an archive of a study: tables, figures, report, configuration, provenance",
    "schema": "write the JSON schema of the configuration and the page of its keys",
}
USAGE = "usage: koopflow COMMAND [options]; `koopflow COMMAND --help` explains one"


def main(words: list[str] | None = None) -> None:
    """Run the command given on the command line."""
    name, *rest = (sys.argv[1:] if words is None else words) or ["--help"]
    if name in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        print(USAGE, "", *(f"  {command.ljust(width)}  {what}" for command, what in COMMANDS.items()), sep="\n")
    elif name in COMMANDS:
        importlib.import_module(f"koopflow.cli.{name}").main(rest)
    else:
        sys.exit(f"koopflow: no command named {name!r}{nearest(name, COMMANDS)}; available: {', '.join(COMMANDS)}")


if __name__ == "__main__":
    main()
