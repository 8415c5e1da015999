"""What a module declares, read without running the rest of it.

What a plug-in does needs TensorFlow, which takes seconds to import; ``--help`` and the check of the flags need its
options and a few constants alone.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any


def declared(module: str, name: str, default: Any = None) -> Any:
    """The value that a module gives to a name, found by running only those of its statements that the value needs.

    So a class ``Options`` may use other names of its module and any import; a heavy one costs its time only if the
    class needs it.

    Args:
        module: dotted name.
        name: of a class, a function or a constant at the top of the module.
        default: where the module does not have it.

    Raises:
        ImportError: there is no such module, or what the value needs cannot be imported.
        SyntaxError: the module is not Python.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {module!r}")
    statements = _statements(spec.origin)
    needed = _needed(name, statements)
    if not needed:
        return default
    return vars(_run(module, spec.origin, needed)).get(name, default)


def about(module: str) -> str:
    """The first paragraph of a module's docstring, in one line, without markup; the module is not run.

    Args:
        module: dotted name.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].replace("``", "").split())


@cache
def _statements(file: str) -> tuple[tuple[ast.stmt, frozenset[str]], ...]:
    """The statements of a file with the names that each binds."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"), file)
    return tuple((node, frozenset(_bound(node))) for node in tree.body)


def _bound(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Import(names) | ast.ImportFrom(names=names):
            for alias in names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.ClassDef(name) | ast.FunctionDef(name):
            yield name
        case ast.Assign(targets):
            for target in targets:
                yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))
        case ast.AnnAssign(target=ast.Name(name)):
            yield name


def _needed(name: str, statements: tuple[tuple[ast.stmt, frozenset[str]], ...]) -> tuple[int, ...]:
    """The places of the statements that bind a name, and those that bind the names which these use."""
    wanted, found = [name], set[int]()
    while wanted:
        name = wanted.pop()
        for place, (node, bound) in enumerate(statements):
            if name in bound and place not in found:
                found.add(place)
                wanted += [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
    return tuple(sorted(found))


@cache
def _run(module: str, file: str, places: tuple[int, ...]) -> ModuleType:
    """A module of some statements; it is known to Python, because pydantic looks names of types up there."""
    statements = _statements(file)
    future = [node for node, _ in statements if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    kept = [node for place in places if (node := statements[place][0]) not in future]
    made = ModuleType(f"{module}:declared:{'-'.join(map(str, places))}")
    made.__package__ = module.rpartition(".")[0]
    made.__file__ = file
    sys.modules[made.__name__] = made
    exec(compile(ast.Module([*future, *kept], []), file, "exec"), vars(made))
    return made
