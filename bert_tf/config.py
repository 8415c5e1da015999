"""The typed experiment config: what a run is, readable from YAML, writable to YAML, validated with clear errors."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bert_tf.encodings import check_name
from bert_tf.errors import UserError
from bert_tf.renamed_options import SCHEMA_VERSION, current_name, migrate


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Config = TypeVar("Config", bound=BaseModel)

TASK_HELP = "what the model answers; its options are --head.*"

DataSpec = Annotated[list[str], BeforeValidator(_as_list)]
"""One data spec or several: a path, a glob, ``tfds:…`` or ``demo:…``; a single string becomes a list of one."""


Encoding = Annotated[str, AfterValidator(check_name)]
"""``auto``, or an encoding by one of Python's names."""

OnBadSequence = Literal["error", "repair", "skip"]


class Section(BaseModel):
    """A part of a config; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)


class TextCleaningConfig(Section):
    """What is removed from a text."""

    unicode: Literal["none", "NFC", "NFKC"] = Field("NFC", description="Unicode normalisation of the texts")
    control_characters: bool = Field(True, description="remove control and invisible format characters")
    html: bool = Field(False, description="remove HTML tags and decode entities such as &amp;")
    whitespace: bool = Field(True, description="collapse runs of whitespace and strip the ends")


class CleaningConfig(TextCleaningConfig):
    """What is removed from the records before anything else sees them. Every option reports what it did."""

    empty: Literal["drop", "error"] = Field("drop", description="what to do with rows whose text is empty")
    duplicates: Literal["keep", "drop"] = Field(
        "keep", description="drop: of rows with equal texts and equal label, keep the first"
    )
    conflicting_labels: Literal["keep", "drop"] = Field(
        "keep", description="drop: remove every row of a text that stands under different labels"
    )


class DataConfig(Section):
    """Where the records come from and how they become batches."""

    train: DataSpec | None = Field(None, description="training data: paths, globs, tfds:NAME or demo:NAME")
    validation: DataSpec | None = Field(None, description="data for early stopping and the best epoch")
    test: DataSpec | None = Field(None, description="held-out data, read by evaluate only")
    split: list[Annotated[float, Field(gt=0, lt=1)]] | None = Field(
        None, description="cut --data.train into train, validation and test, such as 0.8 0.1 0.1 (test is optional)"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="column names: --data.columns.text sentence reads 'text' from 'sentence'"
    )
    header: bool = Field(True, description="CSV/TSV: the first line names the columns (else they are 0, 1, 2, …)")
    quoting: Literal["auto", "on", "off"] = Field(
        "auto", description="CSV/TSV: fields may be quoted (auto: on for CSV, off for TSV)"
    )
    encoding: Encoding = Field(
        "auto", description="of text files, such as gb18030 (auto: UTF-8, or what the bytes are most probably)"
    )
    strip_token_digits: bool = Field(
        False, description="CoNLL: take the digit off tokens of one character and one digit, such as 科0 of Weibo NER"
    )
    labels: list[str] | None = Field(None, description="the labels in their order (default: found in the data, sorted)")
    on_unknown_label: Literal["error", "skip"] = Field(
        "error", description="a label in validation, test or new data that training did not have"
    )
    on_bad_sequence: OnBadSequence = Field(
        "error",
        description="tagging: a sentence whose tags their scheme does not allow (repair: a tag that nothing has begun "
        "begins an entity; skip: leave the sentence out)",
    )
    cleaning: CleaningConfig = Field(default_factory=CleaningConfig)
    sequence_length: int = Field(
        256, ge=4, description="longest input in tokens; shorter texts are padded only to their batch's longest"
    )
    max_tokens_per_batch: int | None = Field(
        None,
        ge=1,
        description="instead of training.batch_size: as many examples a batch as fit into this many tokens, padding "
        "included; of translations, of the longer side",
    )
    length_bucketing: bool = Field(True, description="put texts of similar length into one batch")
    shuffle_buffer: int = Field(100_000, ge=1, description="records held in memory to shuffle the training data")

    @model_validator(mode="after")
    def _split_adds_up(self) -> DataConfig:
        if self.split is not None:
            if len(self.split) not in (2, 3) or abs(sum(self.split) - 1) > 1e-6:
                raise ValueError("split needs two or three fractions that add up to 1, such as 0.8 0.1 0.1")
            if self.validation is not None or (self.test is not None and len(self.split) == 3):
                raise ValueError("split makes validation and test data: drop it, or drop validation and test")
        return self

    @model_validator(mode="after")
    def _tokens_need_lengths(self) -> DataConfig:
        if self.max_tokens_per_batch is not None and not self.length_bucketing:
            raise ValueError("max_tokens_per_batch batches texts of similar length: drop it, or length_bucketing false")
        return self


class TrainingConfig(Section):
    """The recipe. The defaults are those of Devlin et al. 2018, appendix A.3, with a clipped gradient."""

    epochs: int = Field(3, ge=1, description="passes over the training data")
    max_steps: int | None = Field(
        None, ge=1, description="stop after this many weight updates (none: after the epochs)"
    )
    batch_size: int = Field(32, ge=1, description="examples per weight update, over all devices")
    gradient_accumulation_steps: int = Field(
        1, ge=1, description="compute each batch in this many pieces (less memory, equal result)"
    )
    learning_rate: float = Field(5e-5, gt=0, description="peak learning rate")
    optimizer: str = Field("adamw", description="what turns gradients into new weights")
    schedule: str = Field("linear", description="how the rate falls after the warm-up")
    warmup_ratio: float = Field(0.1, ge=0, lt=1, description="share of all steps in which the rate climbs from 0")
    weight_decay: float = Field(0.01, ge=0, description="decoupled weight decay, none on bias and LayerNorm")
    global_clipnorm: float | None = Field(1.0, gt=0, description="max norm of the whole gradient (none: no limit)")
    mixed_precision: Literal["none", "bfloat16", "float16"] = Field("none", description="compute in 16 bits")
    jit_compile: bool = Field(False, description="compile the train step with XLA")
    steps_per_execution: int = Field(1, ge=1, description="weight updates per call of the compiled function")
    evaluate_every: int | None = Field(
        None, ge=1, description="weight updates between two evaluations (none: after each epoch)"
    )
    evaluation_batch_size: int = Field(64, ge=1, description="examples per batch in evaluation and prediction")
    metrics: list[str] = Field(default_factory=list, description="more scores of the evaluation")
    monitor: str | None = Field(None, description="metric that chooses the best epoch (default: the task's)")
    mode: Literal["auto", "min", "max"] = Field("auto", description="whether less or more of the monitor is better")
    early_stopping_patience: int | None = Field(
        None, ge=1, description="stop after this many evaluations without a better value (none: never)"
    )
    checkpoint_every: int = Field(200, ge=1, description="weight updates between two resumable checkpoints")
    max_to_keep: int = Field(2, ge=1, description="resumable checkpoints kept on disk")
    tensorboard: bool = Field(True, description="write logs/ for TensorBoard")


class ScratchConfig(Section):
    """Only for ``--backbone scratch:…``: the vocabulary of a model that starts from random weights."""

    vocabulary: str | None = Field(None, description="vocab.txt to use (default: learned from the training texts)")
    vocabulary_size: int = Field(8000, ge=200, description="size of the learned vocabulary")
    vocabulary_min_frequency: int = Field(
        2, ge=1, description="pieces of words join if they occur this often together; their room goes to characters"
    )
    start: Literal["random", "neighbours"] = Field(
        "random", description="neighbours: two heads begin at the token before and after; learns from much less text"
    )
    lowercase: bool = Field(True, description="lower-case and strip accents, as bert-uncased and bert-chinese do")


class RunConfig(Section, ABC):
    """What every run has, whatever it trains.

    Attributes:
        kind: what the run trains, as its marker says.
    """

    kind: ClassVar[str]

    output: str = Field(..., description="run directory to create")
    seed: int = Field(42, ge=0, lt=2**31, description="seed of weights, order, dropout, splits and masks")
    distribution: Literal["auto", "one_device", "mirrored", "multi_worker"] = Field(
        "auto", description="auto: every GPU of this machine, or the one device there is"
    )

    optimizer: dict[str, Any] = Field(default_factory=dict, description="options of the optimiser")
    schedule: dict[str, Any] = Field(default_factory=dict, description="options of the schedule")
    hooks: dict[str, Any] = Field(
        default_factory=dict, description="hooks of the training with their options: --hooks.ema.decay 0.999"
    )

    def to_yaml(self) -> str:
        """The config as YAML text that :func:`load` reads back to an equal config."""
        values = {"kind": self.kind, "schema_version": SCHEMA_VERSION, **self.model_dump(mode="json")}
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    @abstractmethod
    def training_data(self) -> list[str]:
        """The data specs that decide the run's weights: what trains, and what chooses the best epoch."""

    @abstractmethod
    def as_experiment(self) -> ExperimentConfig:
        """What the config says about its model and data, for whoever evaluates the run."""


class ExperimentConfig(RunConfig):
    """One experiment: backbone × task × data × training recipe."""

    kind: ClassVar[str] = "experiment"

    task: str = Field("classification", description=TASK_HELP)
    backbone: str = Field(
        ..., description="preset name, hf://…, kaggle://…, local directory, package://NAME/PATH or scratch:SIZE"
    )
    data: DataConfig = Field(default_factory=DataConfig)
    head: dict[str, Any] = Field(default_factory=dict, description="options of the task: --head.dropout 0.1")
    scratch: ScratchConfig = Field(default_factory=ScratchConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)

    def training_data(self) -> list[str]:
        return [*(self.data.train or []), *(self.data.validation or [])]

    def as_experiment(self) -> ExperimentConfig:
        return self


def read_yaml(path: str | Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Reads a YAML mapping.

    Returns:
        The mapping, and the line (from 1) of every dotted key in it.

    Raises:
        UserError: the file is missing, is not YAML, or is not a mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path}: cannot be read ({getattr(error, 'strerror', error)}).") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: not valid YAML: {getattr(error, 'problem', error)}.") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config is a mapping such as 'task: classification', not {type(values).__name__}.")
    lines: dict[str, int] = {}

    def walk(mapping: yaml.nodes.Node | None, prefix: str) -> None:
        if not isinstance(mapping, yaml.MappingNode):
            return
        for key, value in mapping.value:
            name = f"{prefix}{key.value}"
            lines[name] = key.start_mark.line + 1
            walk(value, name + ".")

    walk(node, "")
    return _of_today(path, values), lines


def _of_today(path: str | Path, values: dict[str, Any]) -> dict[str, Any]:
    """Takes off what only says how a run wrote its config, and gives one of an earlier version the names of today."""
    values.pop("kind", None)
    version = values.pop("schema_version", None)
    if version is None:
        written_by_a_run = {"output", "seed", "distribution", "training"} <= values.keys()
        return migrate(values) if written_by_a_run else values
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path}: the config has schema_version {version}, and this version of bert_tf reads {SCHEMA_VERSION}. "
            "Use the bert_tf that wrote it."
        )
    return values


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``base`` with the values of ``override`` laid over it, section by section."""
    merged = dict(base)
    for key, value in override.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def validate(
    schema: type[Config],
    values: Mapping[str, Any],
    *,
    file: str | None = None,
    lines: Mapping[str, int] | None = None,
    flag_prefix: str = "",
) -> Config:
    """Builds the config, or says which flag or which line of the file is wrong and why.

    Raises:
        UserError: a key is unknown, a value is missing, of the wrong type or out of range.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        problems = [_explain(problem, file, lines or {}, flag_prefix, schema) for problem in error.errors()]
        raise UserError("\n".join(problems)) from None


def _explain(
    problem: Any, file: str | None, lines: Mapping[str, int], flag_prefix: str, schema: type[BaseModel]
) -> str:
    path = [str(part) for part in problem["loc"]]
    key = flag_prefix + ".".join(part for part in path if not part.isdigit())
    where = f"--{key}" if key else "config"
    if key in lines and file is not None:
        where = f"{file} line {lines[key]}: {key}"
    message = problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "missing":
            return f"{where} is required."
        case "extra_forbidden":
            if new := current_name(key):
                return f"{where}: this option is called {'' if key in lines else '--'}{new} now."
            prefix, _, leaf = key.rpartition(".")
            known = {name: f"--{prefix}{'.' if prefix else ''}{name}" for name in _fields_at(schema, path[:-1])}
            if near := difflib.get_close_matches(leaf, known, 1):
                return f"{where}: there is no such option. Did you mean {known[near[0]]}?"
            return f"{where}: there is no such option; there are: {', '.join(known.values())}."
        case "value_error":
            return f"{where}: {message}."
    return f"{where}: {message[0].lower()}{message[1:]}, not {problem['input']!r:.100}."


def _fields_at(schema: Any, path: Sequence[str]) -> Iterable[str]:
    """Names of the fields of the section at ``path``; of a mapping, the section of its values."""
    for name in path:
        schema = get_args(schema)[1] if get_origin(schema) is dict else schema.model_fields[name].annotation
    return getattr(schema, "model_fields", ())


def load(path: str | Path, schema: type[Config]) -> Config:
    """Reads and validates a config file.

    Raises:
        UserError: as :func:`read_yaml` and :func:`validate`.
    """
    values, lines = read_yaml(path)
    return validate(schema, values, file=str(path), lines=lines)
