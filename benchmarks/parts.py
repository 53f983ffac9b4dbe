"""What the parts of an answer cost in bare loops: the least that an answer can cost on this machine."""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.photos import KINDS, made
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.checks import Checks
from data_modelling.inference.details import Details
from data_modelling.inference.photos import read_square
from data_modelling.inference.predictor import Predictor

DECODE, CHECKS, MODEL, ANSWER = "decode", "checks", "model", "whole answer, without HTTP"
BATCH_SECONDS = 0.2  # of a loop between two looks at the clock


def parts(bundle: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of processor time of each part, one value a round; `decode` once a kind of photo."""
    checked = load_bundle(bundle)
    predictor, checks = Predictor(checked), Checks(checked)
    files = {kind.name: made(kind)[0] for kind in KINDS}
    small = next(iter(files.values()))
    photo, side = read_square(small, predictor.edge)
    embedding = predictor.embedding(photo, Details())
    loops: dict[str, Callable[[], object]] = {
        **{
            f"{DECODE} {name}": lambda data=data: read_square(data, predictor.edge)
            for name, data in files.items()
        },
        CHECKS: lambda: checks.of(photo, side, embedding),
        MODEL: lambda: predictor.logits(photo, Details()),
        ANSWER: lambda: predictor.answer(small),
    }
    found: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            found[name].append(_milliseconds(loop))
    return found


def _milliseconds(loop: Callable[[], object]) -> float:
    loop()
    begun, count = time.process_time(), 0
    while (spent := time.process_time() - begun) < BATCH_SECONDS:
        loop()
        count += 1
    return 1000 * spent / count
