"""Aliases for the module names of version 0.1.

An alias is the module itself, not a copy, so an exception raised under one name is caught under the
other.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

MOVED = {
    "koopflow.errors": "koopflow.core.errors",
    "koopflow.recording": "koopflow.trajectory.adapters",
    "koopflow.recording.folders": "koopflow.trajectory.adapters.folders",
    "koopflow.recording.huggingface": "koopflow.trajectory.adapters.huggingface",
    "koopflow.recording.lightning": "koopflow.trajectory.adapters.lightning",
    "koopflow.plan": "koopflow.cli.plan",
    "koopflow.export": "koopflow.cli.export",
    "koopflow.provenance": "koopflow.cli.provenance",
    "koopflow.verify": "koopflow.cli.verify",
}
"""Old module name (version 0.1) to current name."""


class _Alias(Loader):
    """Loads the module that `MOVED` names."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(MOVED[spec.name])
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # importlib has just replaced it with the alias's spec

    def get_code(self, name: str) -> CodeType | None:
        """Return the code of the module with the old name `name`; ``python -m`` calls this."""
        spec = importlib.util.find_spec(MOVED[name])
        return spec.loader.get_code(spec.name) if spec and isinstance(spec.loader, InspectLoader) else None


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, _Alias(), is_package=name == "koopflow.recording") if name in MOVED else None


def install() -> None:
    """Make the old names importable."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())  # before the finder that would load a second copy by path
