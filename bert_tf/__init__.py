"""BERT from zero to production with TensorFlow and Keras 3.

What is here is imported when it is first used, so that ``import bert_tf`` costs nothing:

```python
import bert_tf

bert_tf.train({"backbone": "zh_mini", "data": {"train": "train.tsv"}, "output": "runs/x"})
bert_tf.load("runs/x").answer(["这本书很差。"])  # [{"label": "negative", "score": 0.98, …}]
```
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "load": "bert_tf.runs.loaded_run",
    "ExperimentConfig": "bert_tf.config",
    "UserError": "bert_tf.errors",
    "TextClassifier": "bert_tf.tasks.classification",
    "DocumentClassifier": "bert_tf.tasks.document_classification",
    "MultiLabelClassifier": "bert_tf.tasks.multi_label",
    "OrdinalClassifier": "bert_tf.tasks.ordinal",
    "TextRegressor": "bert_tf.tasks.regression",
    "SequenceTagger": "bert_tf.tasks.tagging",
    "QuestionAnswerer": "bert_tf.tasks.question_answering",
    "SentenceEncoder": "bert_tf.tasks.embedding",
    "ChoiceScorer": "bert_tf.tasks.multiple_choice",
    "Translator": "bert_tf.tasks.translation",
    "MaskedTokenFiller": "bert_tf.tasks.fill",
}
__all__ = ["__version__", "train", *_HOMES]


def __getattr__(name: str) -> Any:
    if name == "train":  # the module, which can be called
        return importlib.import_module("bert_tf.train")
    if name not in _HOMES:
        raise AttributeError(f"module 'bert_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
