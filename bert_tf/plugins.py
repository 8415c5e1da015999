"""Plug-ins: one registry for every kind of file that a user can add, ours and those of other packages.

A plug-in is a module. Ours are the files of a folder; another package names its own by an entry point of the group
``bert_tf.KIND``, in its ``pyproject.toml``:

```toml
[project.entry-points."bert_tf.optimizers"]
lion8bit = "my_package.lion8bit"
```

Names, options and other constants are read without importing a plug-in, and so without TensorFlow.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from bert_tf.config import Section, validate
from bert_tf.declarations import about, declared
from bert_tf.errors import UserError


@cache
def installed(group: str) -> EntryPoints:
    """The entry points of a group, of all installed packages, read once.

    ``installed.cache_clear()`` makes plug-ins visible whose package was installed while the process runs.
    """
    return entry_points(group=group)


class Registry:
    """The plug-ins of one kind.

    Args:
        kind: singular, for messages: ``optimizer``.
        package: the folder with our own files: ``bert_tf.optimization.optimizers``.
        flag: what names a plug-in on the command line: ``--training.optimizer``; ``demo:`` where it begins a spec.
        group: of the entry points; default ``bert_tf.`` and the folder's name.
        marker: of a folder that holds other files too: a plug-in assigns this name.
    """

    def __init__(self, kind: str, package: str, flag: str, *, group: str = "", marker: str = "") -> None:
        self.kind = kind
        self.package = package
        self.flag = flag
        self.group = group or f"bert_tf.{package.rpartition('.')[2]}"
        self.marker = marker

    def names(self) -> list[str]:
        """All names, sorted; nothing is imported but the folder itself.

        Raises:
            UserError: two plug-ins claim one name.
        """
        return sorted({*self._own, *self._foreign()})

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._foreign()

    def check(self, name: str) -> None:
        """Checks a name.

        Raises:
            UserError: there is no plug-in of this name.
        """
        if name not in self:
            spelled = f"{self.flag}{'' if self.flag.endswith(':') else ' '}{name}"
            raise UserError(f"{spelled}: {unknown(name, self.names(), self.kind)}")

    def owner(self, name: str) -> str:
        """The package that a plug-in comes with."""
        return "bert_tf" if name in self._own else _owner(self._foreign()[name])

    def module_name(self, name: str) -> str:
        """The module of a plug-in.

        Raises:
            UserError: there is no plug-in of this name.
        """
        self.check(name)
        return f"{self.package}.{name}" if name in self._own else self._foreign()[name].module

    def module(self, name: str) -> ModuleType:
        """Imports a plug-in.

        Raises:
            UserError: there is none of this name, or it cannot be imported.
        """
        module = self.module_name(name)
        if name in self._own:
            return importlib.import_module(module)
        try:
            return importlib.import_module(module)
        except ImportError as error:
            raise self._not_importable(name, error) from None

    def modules(self) -> list[ModuleType]:
        """Imports all plug-ins, in the order of their names."""
        return [self.module(name) for name in self.names()]

    def declared(self, name: str, attribute: str, default: Any = None) -> Any:
        """What a plug-in assigns to a name, read without importing the plug-in.

        Args:
            name: of the plug-in.
            attribute: of its module.
            default: where it assigns nothing.

        Raises:
            UserError: there is no plug-in of this name, or it cannot be read.
        """
        module = self.module_name(name)
        try:
            return declared(module, attribute, default)
        except (ImportError, SyntaxError) as error:
            raise self._not_importable(name, error) from None

    def options(self, name: str) -> type[Section]:
        """The options that a plug-in declares as its class ``Options``; none without one.

        Raises:
            UserError: there is no plug-in of this name.
        """
        options: type[Section] = self.declared(name, "Options", Section)
        return options

    def about(self, name: str) -> str:
        """The first paragraph of a plug-in's docstring, in one line."""
        return about(self.module_name(name))

    def claims(self, attribute: str) -> dict[str, str]:
        """Who claims what, such as the suffix of a file: each claim with the name of its plug-in.

        Args:
            attribute: a string or several that a plug-in assigns, such as ``SUFFIXES``.

        Raises:
            UserError: two plug-ins claim the same.
        """
        owners: dict[str, str] = {}
        for name in self.names():
            claimed = self.declared(name, attribute, ())
            for claim in [claimed] if isinstance(claimed, str) else claimed:
                if claim in owners:
                    self.refuse(claim, owners[claim], name)
                owners[claim] = name
        return owners

    def refuse(self, claim: str, first: str, second: str) -> None:
        """Refuses two plug-ins that claim one spec.

        Raises:
            UserError: always.
        """
        owners = " and ".join(f"{name} (of the package {self.owner(name)})" for name in (first, second))
        raise UserError(f"two plug-ins claim {claim!r}: {self.kind}s {owners}. Uninstall one of the packages.")

    def validated(self, name: str, values: Mapping[str, Any], section: str) -> Section:
        """The options of a plug-in by a config.

        Args:
            name: of the plug-in.
            values: what the config has.
            section: where the config has it, for messages: ``optimizer``; empty for flags of their own.

        Raises:
            UserError: there is no such plug-in or option, or a value does not fit.
        """
        return validate(self.options(name), values, flag_prefix=f"{section}." if section else "")

    def _not_importable(self, name: str, error: Exception) -> UserError:
        return UserError(
            f"{self.flag} {name}: the plug-in of the package {self.owner(name)} cannot be imported ({error})."
        )

    @cached_property
    def _own(self) -> frozenset[str]:
        spec = find_spec(self.package)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        assigns = re.compile(rf"^{self.marker}\b", re.MULTILINE)
        return frozenset(
            module.name
            for module in pkgutil.iter_modules(folders)
            if not self.marker or assigns.search(_source(folders[0], module.name))
        )

    def _foreign(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in installed(self.group):
            other = found.get(point.name, point)
            if point.name in self._own or other.value != point.value:
                first = "bert_tf" if point.name in self._own else _owner(other)
                raise UserError(
                    f"two plug-ins claim the {self.kind} {point.name!r}: those of the packages {first} and "
                    f"{_owner(point)}. Uninstall the package that you do not need."
                )
            found[point.name] = point
        return found


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module.partition(".")[0]


def _source(folder: str, module: str) -> str:
    file = Path(folder) / f"{module}.py"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def unknown(name: str, known: list[str], kind: str) -> str:
    """What a message says about a name that is not known, with the nearest one that is."""
    near = difflib.get_close_matches(name, known, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"there is no such {kind}; there are: {', '.join(known)}.{meant}"
