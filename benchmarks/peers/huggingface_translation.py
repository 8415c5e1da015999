"""The peer: Hugging Face transformers + PyTorch translate, by an EncoderDecoderModel from random weights.

    python benchmarks/peers/huggingface_translation.py --train train.tsv --validation dev.tsv --test test.tsv \
        --columns en zh --predictions out.json

The encoder is a BERT of 4 layers x 256, the decoder has 2; both vocabularies are learned from the training rows. Label
smoothing 0.1, beam search with 4 beams. The epoch with the lowest validation loss is used, since searching after each
one would take longer than training. ``--model`` is taken and has no effect. Prints one JSON object; writes the
translations of the test rows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import torch
from huggingface_classification import read
from recipe import add_flags, fine_tune
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertTokenizerFast, EncoderDecoderConfig, EncoderDecoderModel

SHAPE = {"hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024}
Pair = tuple[str, str]


def learn(texts: Iterable[str], size: int, *, lowercase: bool) -> BertTokenizerFast:
    learner = BertWordPieceTokenizer(lowercase=lowercase, strip_accents=lowercase)
    learner.train_from_iterator(texts, vocab_size=size, show_progress=False)
    return BertTokenizerFast(vocab=learner.get_vocab(), do_lower_case=lowercase, strip_accents=lowercase)


def main() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    parser.add_argument("--columns", nargs=2, required=True)
    parser.add_argument("--source_vocabulary_size", type=int, default=8000)
    parser.add_argument("--target_vocabulary_size", type=int, default=4000)
    parser.add_argument("--decoder_layers", type=int, default=2)
    parser.add_argument("--predictions", required=True)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    train, validation, test = (
        [(texts[0], translation) for texts, translation in read(getattr(arguments, name), arguments.columns)]
        for name in ("train", "validation", "test")
    )
    source = learn((text for text, _ in train), arguments.source_vocabulary_size, lowercase=True)
    target = learn((text for _, text in train), arguments.target_vocabulary_size, lowercase=False)
    config = EncoderDecoderConfig.from_encoder_decoder_configs(
        BertConfig(vocab_size=len(source), num_hidden_layers=4, **SHAPE),
        BertConfig(
            vocab_size=len(target),
            num_hidden_layers=arguments.decoder_layers,
            is_decoder=True,
            add_cross_attention=True,
            **SHAPE,
        ),
    )
    model = EncoderDecoderModel(config)
    smoothed = torch.nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=target.pad_token_id)

    def loss(pairs: list[Pair], criterion: torch.nn.Module = smoothed) -> torch.Tensor:
        limits = {"padding": True, "truncation": True, "max_length": arguments.max_length, "return_tensors": "pt"}
        features = source([text for text, _ in pairs], **limits)
        written = target([text for _, text in pairs], **limits)
        logits = model(
            input_ids=features["input_ids"],
            attention_mask=features["attention_mask"],
            decoder_input_ids=written["input_ids"][:, :-1],
            decoder_attention_mask=written["attention_mask"][:, :-1],
        ).logits
        return criterion(logits.flatten(0, 1), written["input_ids"][:, 1:].flatten())

    def validate() -> float:
        plain = torch.nn.CrossEntropyLoss(ignore_index=target.pad_token_id)
        size = arguments.batch_size
        losses = [loss(validation[at : at + size], plain).item() for at in range(0, len(validation), size)]
        return -sum(losses) / len(losses)

    def length(pair: Pair) -> int:
        return len(pair[0])

    result = {"seed": arguments.seed} | fine_tune(
        model, train, length=length, loss=loss, arguments=arguments, score=validate
    )
    translations = []
    for start in range(0, len(test), arguments.batch_size):
        features = source(
            [text for text, _ in test[start : start + arguments.batch_size]], padding=True, return_tensors="pt"
        )
        with torch.no_grad():
            ids = model.generate(
                input_ids=features["input_ids"],
                attention_mask=features["attention_mask"],
                num_beams=4,
                max_length=arguments.max_length,
                length_penalty=0.6,
                early_stopping=True,
                decoder_start_token_id=target.cls_token_id,
                eos_token_id=target.sep_token_id,
                pad_token_id=target.pad_token_id,
            )
        translations += target.batch_decode(ids, skip_special_tokens=True)
    # Chinese is written without the spaces that part its tokens.
    joined = ["".join(text.split()) for text in translations]
    Path(arguments.predictions).write_text(json.dumps(joined, ensure_ascii=False), encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
