"""What every command shares: flags made from the config's fields, logging to stderr, exit codes."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bert_tf.config import Config, merge, read_yaml, validate
from bert_tf.data.encodings import AUTO, check_name
from bert_tf.errors import UserError

logger = logging.getLogger("bert_tf")

_NONE_WORDS = ("none", "null")
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class ArgumentParser(argparse.ArgumentParser):
    """argparse that reports a mistake in one line and takes no abbreviated flags."""

    def __init__(self, *, command: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"python -m bert_tf.{command}",
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors on stderr")

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def add_config_flags(parser: argparse.ArgumentParser, schema: type[BaseModel], argv: Sequence[str]) -> None:
    """Adds one dotted flag for each leaf of ``schema``.

    A field that is a free mapping (``data.columns``) takes any name below it: those flags are taken from ``argv``. So
    are the names of sections that the user names (``tasks``).
    """
    for name, field in _leaves(schema, [arg.split("=", 1)[0].removeprefix("--") for arg in argv]):
        if typing.get_origin(field.annotation) is dict:
            given = {arg.split("=", 1)[0] for arg in argv if arg.startswith(f"--{name}.")}
            for flag in sorted(given) or [f"--{name}.KEY"]:
                parser.add_argument(flag, dest=flag[2:], nargs="+", metavar="VALUE", help=field.description)
            continue
        many = "list" in str(field.annotation)
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        extra: Any = field.json_schema_extra or {}
        parser.add_argument(
            f"--{name}",
            *extra.get("other_flags", ()),
            dest=name,
            nargs="+" if many else None,
            metavar=_metavar(field.annotation),
            help=f"{field.description}{_shown(default)}".replace("%", "%%"),
        )


def _shown(default: Any) -> str:
    """A default as a user would type it, in brackets; nothing for what is empty."""
    if default is None or default == []:
        return ""
    if isinstance(default, bool):
        return f" [{str(default).lower()}]"
    return f" [{' '.join(map(str, default)) if isinstance(default, list) else default}]"


def config_values(arguments: argparse.Namespace, schema: type[BaseModel]) -> dict[str, Any]:
    """Returns the flags that were given, as the nested mapping that ``schema`` validates."""
    values: dict[str, Any] = {}
    top = set(schema.model_fields)
    mappings = {name for name, field in _leaves(schema, vars(arguments)) if typing.get_origin(field.annotation) is dict}
    for name, value in vars(arguments).items():
        if value is None or name.split(".")[0] not in top:
            continue
        if isinstance(value, str) and value.lower() in _NONE_WORDS and _is_optional(schema, name):
            value = None
        if isinstance(value, list) and len(value) == 1 and name.rpartition(".")[0] in mappings:
            value = value[0]  # below a free mapping nobody knows yet whether a list is wanted
        section = values
        *parents, leaf = name.split(".")
        for parent in parents:
            section = section.setdefault(parent, {})
        section[leaf] = value
    return values


def read_config(arguments: argparse.Namespace, schema: type[Config]) -> Config:
    """Returns the config of ``--config FILE`` with the flags laid over it.

    Raises:
        UserError: the file cannot be read, or a value in it or a flag is wrong.
    """
    values, lines = read_yaml(arguments.config) if arguments.config else ({}, {})
    given = {name for name, value in vars(arguments).items() if value is not None}
    return validate(
        schema,
        merge(values, config_values(arguments, schema)),
        file=arguments.config,
        lines={key: line for key, line in lines.items() if key not in given},
    )


def add_encoding_flag(parser: argparse.ArgumentParser) -> None:
    """Adds ``--data.encoding``, of the files that ``--data`` names."""
    help_text = "of text files, such as gb18030 (auto: UTF-8, or what the bytes are most probably) [auto]"
    parser.add_argument(
        "--data.encoding", dest="encoding", type=_encoding, default=AUTO, metavar="NAME", help=help_text
    )


def _encoding(text: str) -> str:
    try:
        return check_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> int:
    """Type of a flag that counts something: an integer of 1 or more."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _leaves(schema: type[BaseModel], given: Iterable[str], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Dotted names of what can be set, with their fields; of sections that the user names, those in ``given``."""
    for name, field in schema.model_fields.items():
        path = f"{prefix}{name}."
        named_by_user = typing.get_origin(field.annotation) is dict
        section = typing.get_args(field.annotation)[1] if named_by_user else field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            yield prefix + name, field
        elif named_by_user:
            names = {flag.removeprefix(path).split(".")[0] for flag in given if flag.startswith(path)}
            for each in sorted(names) or ["NAME"]:
                yield from _leaves(section, given, f"{path}{each}.")
        else:
            yield from _leaves(section, given, path)


def _metavar(annotation: Any) -> str:
    options = [annotation, *typing.get_args(annotation)]
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            return "|".join(map(str, typing.get_args(option)))
    if bool in options:
        return "true|false"
    names = {int: "N", float: "X"}
    return next((names[option] for option in options if option in names), "VALUE")


def _is_optional(schema: type[BaseModel], name: str) -> bool:
    field = dict(_leaves(schema, [name])).get(name)
    return field is not None and types.NoneType in typing.get_args(field.annotation)


def start_logging(quiet: bool) -> None:
    """Sends progress to stderr: stdout is for results."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s", force=True)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)


def run(main: Callable[[Sequence[str]], None]) -> NoReturn:
    """Runs a command and ends the process: 0 done, 2 the user's mistake, 130 interrupted."""
    # Without a GPU, TensorFlow reports its absence as an error at every start; what trains where is logged by us.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as interruption:
        print(f"interrupted{': ' if str(interruption) else ''}{interruption}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our stdout (`| head`) has gone: there is nobody left to tell.
        _drop_stdout()
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        print(f"error: {error.filename or 'the output'}: cannot be written ({error.strerror}).", file=sys.stderr)
        _drop_stdout()  # what it still holds would be written, and fail, at the end of the process
        sys.exit(2)
    sys.exit(0)


def _drop_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
