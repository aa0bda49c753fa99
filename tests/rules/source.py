"""The modules of the product as text and syntax trees. Nothing is imported, so a rule sees what stands there."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    name: str
    path: Path

    @property
    def tree(self) -> ast.Module:
        return _tree(self.path)

    @property
    def text(self) -> str:
        return self.path.read_text()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@cache
def modules(top: str = "skyloom") -> dict[str, Module]:
    """Name -> module, packages under the name that they are imported by."""
    found = {}
    for path in sorted((ROOT / top).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = Module(name, path)
    return found


def imports(module: Module, at_start_only: bool = False) -> Iterator[str]:
    """What the module imports: modules of ours by their full name, libraries by their first name, no standard ones.

    `at_start_only` leaves out what stands in a function.
    """
    nodes = _outside_functions(module.tree) if at_start_only else ast.walk(module.tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name}: a relative import"
            targets = [_joined(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        for target in targets:
            first = target.partition(".")[0]
            if first in ("skyloom", "tests"):
                yield target
            elif first not in sys.stdlib_module_names:
                yield first


def _joined(module: str, name: str) -> str:
    """`from a import b` means the module a.b if there is one, else something in a."""
    return f"{module}.{name}" if f"{module}.{name}" in modules() else module


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _outside_functions(node)
