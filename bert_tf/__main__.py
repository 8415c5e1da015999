"""``python -m bert_tf``, also installed as ``bert-tf``: lists the commands and runs them."""

from __future__ import annotations

import ast
import difflib
import importlib
import pkgutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import bert_tf
from bert_tf import command_line
from bert_tf.errors import UserError


def commands() -> dict[str, str]:
    """The commands with a line about each; none is imported.

    A command is a module of this folder that shows examples.
    """
    found = {}
    for module in pkgutil.iter_modules(bert_tf.__path__):
        spec = find_spec(f"bert_tf.{module.name}")
        if module.ispkg or spec is None or spec.origin is None or module.name == "__main__":
            continue
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        names = [
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        ]
        if "EXAMPLES" in names:
            found[module.name] = (ast.get_docstring(tree) or "").partition("``: ")[2].split(".")[0]
    return found


def main(argv: Sequence[str]) -> None:
    """Runs ``argv[0]`` with the other arguments, or says which commands there are.

    Raises:
        UserError: there is no such command.
    """
    name, *rest = argv or ["--help"]
    if name in ("-h", "--help"):
        print(_overview())
    elif name == "--version":
        print(f"bert-tf {bert_tf.__version__}")
    elif name in (known := commands()):
        importlib.import_module(f"bert_tf.{name}").main(rest)
    else:
        near = difflib.get_close_matches(name, known, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"{name}: there is no such command; there are: {', '.join(known)}.{meant}")


def run() -> None:
    """The console script ``bert-tf``."""
    command_line.run(main)


def _overview() -> str:
    known = commands()
    width = max(map(len, known))
    lines = [f"  {name:{width}}  {about}" for name, about in known.items()]
    return (
        "usage: python -m bert_tf COMMAND …     (or: bert-tf COMMAND …)\n\n"
        "commands:\n" + "\n".join(lines) + "\n\n"
        "python -m bert_tf COMMAND --help lists the flags of a command."
    )


if __name__ == "__main__":
    run()
