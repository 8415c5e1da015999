"""Records that are typed on the command line: one flag for each column, several values for several records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf.data.records import Row
from bert_tf.errors import UserError


def typed_rows(given: Mapping[str, Sequence[Any]], needed: Sequence[str]) -> list[Row]:
    """Rows of what was typed.

    Args:
        given: column to its values, in the order of the records; one value alone goes with every record.
        needed: the columns that the model reads.

    Raises:
        UserError: a column is missing, is not read, or has another number of values than the others.
    """
    if missing := [name for name in needed if name not in given]:
        raise UserError(f"--{missing[0]} is required: this model reads {' and '.join(needed)}.")
    if surplus := [name for name in given if name not in needed]:
        raise UserError(f"--{surplus[0]}: this model reads {' and '.join(needed)} only.")
    counts = {name: len(values) for name, values in given.items()}
    records = max(counts.values())
    if wrong := [name for name, count in counts.items() if count not in (1, records)]:
        other = max(counts, key=lambda name: counts[name])
        raise UserError(
            f"--{wrong[0]} has {counts[wrong[0]]} values, --{other} has {records}: give one for each, or one for all."
        )
    return [
        Row(
            f"--{needed[0]}",
            number + 1,
            {name: given[name][number if counts[name] > 1 else 0] for name in needed},
            f"(number {number + 1})" if records > 1 else "",
        )
        for number in range(records)
    ]
