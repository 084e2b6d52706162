"""The rooms of koopflow: a module imports from its own room and lower ones, and no two modules
import each other."""

from tests.architecture.source import PACKAGE, imports, modules, room

ROOMS = (
    *("core", "io", "config", "trajectory", "data", "koopman", "training", "rg", "equivalence", "pruning", "tickets"),
    *("forecast", "figures", "claims", "papers", "workflow", "studies", "cli", "api"),
)
"""From low to high."""
FREE_OF_TORCH = ("koopman", "equivalence", "rg", "forecast", "figures")


def test_every_module_stands_in_a_room():
    assert {room(name) for name in modules()} <= {PACKAGE, *ROOMS}


def test_no_room_is_reached_from_below():
    height = {name: place for place, name in enumerate((PACKAGE, *ROOMS))}
    found = {
        f"{name} -> {other}"
        for name in modules()
        for other in imports(name)
        if height[room(other)] > height[room(name)] > 0
    }
    assert found == set(), "a module may import from its own room and lower ones"


def test_no_circle_of_imports():
    found = {" ".join(sorted(circle)) for circle in circles()}
    assert found == set(), "these modules import each other, at their top or inside functions"


def circles() -> list[set[str]]:
    """Return the strongly connected components of more than one module, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(imports(name)):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            component = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            if len(component) > 1:
                found.append(component)

    for name in modules():
        if name not in index:
            visit(name)
    return found
