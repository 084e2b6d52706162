"""Names under which modules were imported before version 0.2: they go on working.

An alias is the module itself, not a copy, so that an exception caught under its old name is the one that was raised.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
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
"""Old name: new name."""


class _Alias(Loader):
    """Loads a module under its old name: what `import` gets is the module of the new name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self._own = (module := importlib.import_module(MOVED[spec.name])).__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # importlib has just replaced it by the alias's

    def get_code(self, name: str) -> CodeType | None:
        """Return the code of the module called `name` before, for ``python -m``."""
        spec = importlib.util.find_spec(MOVED[name])
        return spec.loader.get_code(spec.name) if spec and spec.loader else None  # type: ignore[attr-defined]


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, _Alias(), is_package=name == "koopflow.recording") if name in MOVED else None


def install() -> None:
    """Make the old names importable."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())  # before the finder that would load a second copy by path
