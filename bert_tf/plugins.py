"""Plug-ins: one registry for every kind of file that a user can add, ours and those of other packages.

A plug-in is a module. Ours are the files of a folder; another package names its own by an entry point of the group
``bert_tf.KIND``, in its ``pyproject.toml``:

```toml
[project.entry-points."bert_tf.optimizers"]
lion8bit = "my_package.lion8bit"
```

Names are listed without importing a plug-in, and so without TensorFlow.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from bert_tf.config import Section, validate
from bert_tf.errors import UserError

_LIGHT_MODULES = ("__future__", "typing", "collections.abc", "pydantic", "bert_tf.config")


class Registry:
    """The plug-ins of one kind.

    Args:
        kind: singular, for messages: ``optimizer``.
        package: the folder with our own files: ``bert_tf.optimization.optimizers``.
        flag: what names a plug-in on the command line: ``--training.optimizer``.
    """

    def __init__(self, kind: str, package: str, flag: str) -> None:
        self.kind = kind
        self.package = package
        self.flag = flag
        self.group = f"bert_tf.{package.rpartition('.')[2]}"

    def names(self) -> list[str]:
        """All names, sorted; nothing is imported but the folder itself.

        Raises:
            UserError: two plug-ins claim one name.
        """
        return sorted({*self._own, *self._foreign})

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._foreign

    def module(self, name: str) -> ModuleType:
        """Imports a plug-in.

        Raises:
            UserError: there is none of this name, or it cannot be imported.
        """
        self._check(name)
        if name in self._own:
            return importlib.import_module(f"{self.package}.{name}")
        point = self._foreign[name]
        try:
            return importlib.import_module(point.module)
        except ImportError as error:
            owner = point.dist.name if point.dist else point.value
            raise UserError(
                f"{self.flag} {name}: the plug-in of the package {owner} cannot be imported ({error})."
            ) from None

    def modules(self) -> list[ModuleType]:
        """Imports all plug-ins, in the order of their names."""
        return [self.module(name) for name in self.names()]

    def options(self, name: str) -> type[Section]:
        """The options that a plug-in declares as its class ``Options``, read without importing it; none without one.

        Raises:
            UserError: there is no plug-in of this name.
        """
        self._check(name)
        module = f"{self.package}.{name}" if name in self._own else self._foreign[name].module
        return declared_options(module)

    def validated(self, name: str, values: Mapping[str, Any], section: str) -> Section:
        """The options of a plug-in by a config.

        Args:
            name: of the plug-in.
            values: what the config has.
            section: where the config has it, for messages: ``optimizer``.

        Raises:
            UserError: there is no such plug-in or option, or a value does not fit.
        """
        return validate(self.options(name), values, flag_prefix=f"{section}.")

    def _check(self, name: str) -> None:
        if name not in self:
            raise UserError(f"{self.flag} {name}: {unknown(name, self.names(), self.kind)}")

    @cached_property
    def _own(self) -> frozenset[str]:
        package = importlib.import_module(self.package)
        return frozenset(module.name for module in pkgutil.iter_modules(package.__path__))

    @cached_property
    def _foreign(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            if point.name in self._own or found.get(point.name, point).value != point.value:
                raise UserError(
                    f"two plug-ins claim the {self.kind} {point.name!r}; one of them is {point.value}. "
                    "Uninstall the package that you do not need."
                )
            found[point.name] = point
        return found


@cache
def declared_options(module: str) -> type[Section]:
    """The class ``Options`` of a module, without running the rest of it.

    What a plug-in does needs TensorFlow, which takes seconds to import; ``--help`` and the check of the flags need its
    options alone. So ``Options`` may use pydantic, ``typing``, ``bert_tf.config`` and what the module assigns to plain
    names before it, such as ``Kind = Literal["a", "b"]``.

    Args:
        module: dotted name.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return Section
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    options = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Options"), None)
    if options is None:
        return Section
    used = {node.id for node in ast.walk(options) if isinstance(node, ast.Name)}
    kept = [node for node in tree.body if node is options or _is_light(node, used)]
    namespace: dict[str, Any] = {"__name__": module}
    exec(compile(ast.Module(kept, []), spec.origin, "exec"), namespace)
    declared: type[Section] = namespace["Options"]
    return declared


def _is_light(node: ast.stmt, used: set[str]) -> bool:
    """Whether a statement of a module may be needed by its ``Options``, and costs nothing."""
    if isinstance(node, ast.ImportFrom):
        return node.module in _LIGHT_MODULES
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id in used for target in targets)


def unknown(name: str, known: list[str], kind: str) -> str:
    """What a message says about a name that is not known, with the nearest one that is."""
    near = difflib.get_close_matches(name, known, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"there is no such {kind}; there are: {', '.join(known)}.{meant}"
