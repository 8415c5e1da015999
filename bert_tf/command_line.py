"""What every command shares: flags made from the config's fields, logging to stderr, exit codes."""

from __future__ import annotations

import argparse
import difflib
import errno
import logging
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bert_tf.config import Config, merge, read_yaml, validate
from bert_tf.encodings import AUTO, check_name
from bert_tf.errors import UserError
from bert_tf.renamed_options import current_name

logger = logging.getLogger("bert_tf")

_NONE_WORDS = ("none", "null")
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class ArgumentParser(argparse.ArgumentParser):
    """argparse that reports a mistake in one line and takes no abbreviated flags."""

    def __init__(self, *, command: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"python -m bert_tf.{command}",
            usage="%(prog)s [flags]",
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors on stderr")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse has it; of a flag that it does not know, the nearest is named."""
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._nearest(unknown)}")
        return arguments

    def _nearest(self, unknown: Sequence[str]) -> str:
        flag = next((word.split("=", 1)[0] for word in unknown if word.startswith("--")), "")
        if new := current_name(flag.removeprefix("--")):
            return f". It is called --{new} now"
        known = [name for name in self._option_string_actions if name.startswith("--")]
        section, _, leaf = flag.rpartition(".")
        beside = {name.rpartition(".")[2]: name for name in known if section and name.rpartition(".")[0] == section}
        near = [beside[name] for name in difflib.get_close_matches(leaf, beside, 1)]
        if not beside:
            near = difflib.get_close_matches(flag, known, 1, 0.7) or [n for n in known if n.endswith(f".{flag[2:]}")]
        if near:
            return f". Did you mean {near[0]}?"
        return f"; there are: {', '.join(beside.values())}" if beside else ""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def add_config_flags(parser: argparse.ArgumentParser, schema: type[BaseModel], argv: Sequence[str]) -> None:
    """Adds one dotted flag for each leaf of ``schema``, grouped by its sections.

    A field that is a free mapping (``data.columns``) takes any name below it: those flags are taken from ``argv``. So
    are the names of sections that the user names (``tasks``).
    """
    groups: dict[str, argparse._ActionsContainer] = {"": parser}
    for name, field, section in _leaves(schema, [arg.split("=", 1)[0].removeprefix("--") for arg in argv]):
        prefix = name.rpartition(".")[0]
        if prefix not in groups:
            about = (section.__doc__ or "").split("\n\n")[0].replace("``", "")
            groups[prefix] = parser.add_argument_group(f"--{prefix}.*", about)
        group = groups[prefix]
        if typing.get_origin(field.annotation) is dict:
            given = {arg.split("=", 1)[0] for arg in argv if arg.startswith(f"--{name}.")}
            for flag in sorted(given) or [f"--{name}.KEY"]:
                group.add_argument(flag, dest=flag[2:], nargs="+", metavar="VALUE", help=field.description)
            continue
        extra: Any = field.json_schema_extra or {}
        switch = bool(extra.get("switch"))
        many = not switch and "list" in str(field.annotation)
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        group.add_argument(
            f"--{name}",
            *extra.get("other_flags", ()),
            dest=name,
            nargs="+" if many else None,
            metavar="true|false" if switch else _metavar(field.annotation),
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
    leaves = list(_leaves(schema, vars(arguments)))
    mappings = {leaf.name for leaf in leaves if typing.get_origin(leaf.field.annotation) is dict}
    optional = {leaf.name for leaf in leaves if types.NoneType in typing.get_args(leaf.field.annotation)}
    for name, value in vars(arguments).items():
        if value is None or name.split(".")[0] not in top:
            continue
        if isinstance(value, str) and value.lower() in _NONE_WORDS and name in optional:
            value = None
        if isinstance(value, list) and len(value) == 1 and name.rpartition(".")[0] in mappings:
            value = value[0]  # below a free mapping nobody knows yet whether a list is wanted
        section = values
        *parents, leaf = name.split(".")
        for parent in parents:
            inner = section.setdefault(parent, {})
            if inner == "false":
                raise UserError(f"--{name}: another flag switches this off. Leave one out.")
            if not isinstance(inner, dict):  # --hooks.ema true, beside an option of it
                inner = section[parent] = {}
            section = inner
        section[leaf] = value
    return values


def read_config(arguments: argparse.Namespace, schema: type[Config], flags: type[BaseModel] | None = None) -> Config:
    """Returns the config of ``--config FILE`` with the flags laid over it.

    Args:
        arguments: the parsed flags.
        schema: of the config.
        flags: a stricter schema of which the flags were made: the config must fit it, too.

    Raises:
        UserError: the file cannot be read, or a value in it or a flag is wrong.
    """
    values, lines = read_yaml(arguments.config) if arguments.config else ({}, {})
    given = {name for name, value in vars(arguments).items() if value is not None}
    lines = {key: line for key, line in lines.items() if key not in given}
    merged = merge(values, config_values(arguments, flags or schema))
    if flags is not None:
        validate(flags, merged, file=arguments.config, lines=lines)
    return validate(schema, merged, file=arguments.config, lines=lines)


def peek(argv: Sequence[str], flag: str) -> str | None:
    """The value of a flag that decides which other flags there are; ``None`` if it is not given."""
    value = None
    for position, word in enumerate(argv):
        if word == flag and position + 1 < len(argv):
            value = argv[position + 1]
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
    return value


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
    """A whole number of 1 or more, as the type of a flag."""
    return _whole_number(text, 1)


def not_negative(text: str) -> int:
    """A whole number of 0 or more, as the type of a flag."""
    return _whole_number(text, 0)


def _whole_number(text: str, lowest: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
    if number < lowest:
        raise argparse.ArgumentTypeError(f"must be at least {lowest}, not {number}")
    return number


class _Leaf(NamedTuple):
    """What can be set: its dotted name, its field, and the section that the field stands in."""

    name: str
    field: FieldInfo
    section: type[BaseModel]


def _leaves(schema: type[BaseModel], given: Iterable[str], prefix: str = "") -> Iterator[_Leaf]:
    """What can be set; of sections that the user names, those in ``given``."""
    for name, field in schema.model_fields.items():
        path = f"{prefix}{name}."
        named_by_user = typing.get_origin(field.annotation) is dict
        section = typing.get_args(field.annotation)[1] if named_by_user else field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            yield _Leaf(prefix + name, field, schema)
        elif named_by_user:
            names = {flag.removeprefix(path).split(".")[0] for flag in given if flag.startswith(path)}
            for each in sorted(names) or ["NAME"]:
                yield from _leaves(section, given, f"{path}{each}.")
        else:
            if isinstance(extra := field.json_schema_extra, dict) and extra.get("switch"):
                yield _Leaf(prefix + name, field, schema)
            yield from _leaves(section, given, path)


def _metavar(annotation: Any) -> str:
    options = [annotation, *typing.get_args(annotation)]
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            words = map(str, typing.get_args(option))
            return "|".join([*words, *(["X"] if float in options else [])])
    if bool in options:
        return "true|false"
    names = {int: "N", float: "X"}
    return next((names[option] for option in options if option in names), "VALUE")


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
