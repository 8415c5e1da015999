"""bert_tf's default recipe in PyTorch, so that a comparison compares toolkits and not recipes.

AdamW with decoupled decay (none on bias and LayerNorm), warm-up, linear decay, gradient norm 1, batches of similar
lengths, weights of the epoch that is best on the validation data.
"""

from __future__ import annotations

import argparse
import copy
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import get_linear_schedule_with_warmup

WINDOW_BATCHES = 50


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of every peer."""
    for name in ("model", "train", "validation", "test"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--learning_rate", type=float, default=5e-5)
    parser.add_argument("--warmup_ratio", type=float, default=0.1)
    parser.add_argument("--max_length", type=int, default=256)
    parser.add_argument("--max_steps", type=int, default=None, help="stop early: measures speed only")


def fine_tune(
    model: torch.nn.Module,
    examples: Sequence[Any],
    *,
    length: Callable[[Any], int],
    loss: Callable[[Sequence[Any]], torch.Tensor],
    arguments: argparse.Namespace,
    score: Callable[[], float] | None = None,
) -> dict[str, Any]:
    """Trains ``model`` and leaves the best epoch's weights in it, without ``score`` the last one's.

    Args:
        model: any module.
        examples: what ``length`` and ``loss`` take.
        length: size of an example, by which batches are sorted.
        loss: mean loss of a batch.
        arguments: of :func:`add_flags`.
        score: of the validation data, larger is better; called after each epoch.

    Returns:
        ``examples_per_second``, ``seconds`` of training, and the scores as ``validation``.
    """
    shuffle = random.Random(arguments.seed)
    decayed = [p for name, p in model.named_parameters() if not name.endswith("bias") and "LayerNorm" not in name]
    others = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=arguments.learning_rate, eps=1e-6)
    steps = arguments.epochs * -(-len(examples) // arguments.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, int(arguments.warmup_ratio * steps), steps)
    validation: list[float] = []
    best = None
    done = trained = 0
    seconds = 0.0
    for _ in range(arguments.epochs):
        model.train()
        started = time.perf_counter()
        for batch in batches(examples, arguments.batch_size, length, shuffle):
            loss(batch).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            done, trained = done + 1, trained + len(batch)
            if done == arguments.max_steps:
                break
        seconds += time.perf_counter() - started
        if done == arguments.max_steps:
            break
        if score is None:
            continue
        model.eval()
        with torch.no_grad():
            validation.append(score())
        if validation[-1] == max(validation):
            best = copy.deepcopy(model.state_dict())
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    return {"examples_per_second": trained / seconds, "seconds": seconds, "validation": validation}


def batches(
    examples: Sequence[Any], size: int, length: Callable[[Any], int], shuffle: random.Random
) -> list[list[Any]]:
    """One epoch: examples shuffled, then sorted by length within windows of some batches."""
    shuffled = shuffle.sample(examples, len(examples))
    cut = []
    for start in range(0, len(shuffled), size * WINDOW_BATCHES):
        window = sorted(shuffled[start : start + size * WINDOW_BATCHES], key=length)
        pieces = [window[i : i + size] for i in range(0, len(window), size)]
        cut += shuffle.sample(pieces, len(pieces))
    return cut
