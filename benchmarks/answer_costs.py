"""Measure the parts of an answer in loops without HTTP, to find how much processor time an answer needs at least."""

import math
import shutil
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from werkzeug.test import TestResponse

from app import create_app
from app.settings import Settings
from benchmarks.photos import KINDS, SMALL, make_photos
from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.checks.photo_checks import PhotoChecks
from data_modelling.inference.decision import NO_CANCER_CLASS, StatusThresholds
from data_modelling.inference.details import Details
from data_modelling.inference.explanation.neighbours import INDEX_FILE
from data_modelling.inference.photo.reader import read_photo_and_edge
from data_modelling.inference.predictor import Predictor

DECODE, CHECKS, MODEL, ANSWER = "decode", "checks", "model", "whole answer, without HTTP"
NEIGHBOUR_PAGE, PLAIN_PAGE = "page with known photos", "page without known photos"
FIRST_FRAME, FIVE_FRAMES = "answer that the first frame decides", "answer that needs all five frames"
BATCH_SECONDS = 0.2  # each loop runs for at least this processor time


def measure_answer_costs(bundle: Path, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Return the processor time of each part of an answer, by its name: milliseconds, one value for each round.

    `decode` is measured for each kind of photo, the other parts for a small photo. The pages with and without known
    photos (similar published photos) are measured only if the bundle has an index of known photos. folder: where a copy
    of the bundle without this index is made.
    """
    loaded = load_bundle(bundle)
    predictor, checks = Predictor(loaded), PhotoChecks(loaded)
    files = {kind.name: make_photos(kind)[0] for kind in KINDS}
    small = next(iter(files.values()))
    photo, edge = read_photo_and_edge(small, predictor.edge)
    embedding = predictor.embedding(photo, Details())
    loops: dict[str, Callable[[], object]] = {
        **{
            f"{DECODE} {name}": partial(read_photo_and_edge, data, predictor.edge)
            for name, data in files.items()
        },
        CHECKS: lambda: checks.of(photo, edge, embedding),
        MODEL: lambda: predictor.logits(photo, Details()),
        ANSWER: lambda: predictor.answer(small),
    }
    if (bundle / INDEX_FILE).exists():
        plain = Path(shutil.copytree(bundle, folder / bundle.name))
        (plain / INDEX_FILE).unlink()
        write_checksums(plain)
        loops |= {NEIGHBOUR_PAGE: page_loop(bundle, small), PLAIN_PAGE: page_loop(plain, small)}
    costs: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            costs[name].append(_times(loop)[1])
    return costs


def measure_frame_costs(bundle: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the milliseconds of an answer that the first frame decides, and of an answer that needs all five frames.

    The first frame is the crop (the square cut from the photo); the others are smaller squares at the crop's corners.
    `clock` is the time from the bytes to the answer, `cpu` the processor time, with a value for each round. Both
    answers are for the same photo. If its cancer probability is below the clear threshold, the predictor also looks at
    the corner frames, because the status may become "no_cancer_class". For the first answer, this threshold is 0; for
    the second, it is above 1. Returns {} if the bundle's checks doubt the photo, because this forbids the status.
    """
    mole = make_photos(SMALL, 2)[1]
    costs: dict[str, dict[str, list[float]]] = {}
    for name, clear in ((FIRST_FRAME, 0.0), (FIVE_FRAMES, math.inf)):
        predictor = Predictor(load_bundle(bundle))
        predictor.thresholds = StatusThresholds(cancer=math.inf, melanoma=math.inf, clear=clear)
        is_clear = predictor.answer(mole, dermatoscope=True).status == NO_CANCER_CLASS
        if is_clear != (name == FIVE_FRAMES):
            return {}
        loop = partial(predictor.answer, mole, dermatoscope=True)
        times = [_times(loop) for _ in range(rounds)]
        costs[name] = {"clock": [clock for clock, _ in times], "cpu": [cpu for _, cpu in times]}
    return costs


def page_loop(bundle: Path, photo: bytes) -> Callable[[], TestResponse]:
    """Return a function that posts the form to the app and returns the answer page, compressed as for a browser."""
    settings = Settings(bundles=bundle.parent, bundle=bundle.name, rate_limit="off")
    client = create_app(settings).test_client()
    return lambda: client.post(
        "/",
        data={"photo": (BytesIO(photo), "photo.jpg"), "dermatoscope": "yes"},
        headers={"Accept-Encoding": "gzip"},
    )


def _times(loop: Callable[[], object]) -> tuple[float, float]:
    """Return how long one call takes, in milliseconds: by the clock, and in processor time."""
    loop()
    begun, started, count = time.perf_counter(), time.process_time(), 0
    while (spent := time.process_time() - started) < BATCH_SECONDS:
        loop()
        count += 1
    return 1000 * (time.perf_counter() - begun) / count, 1000 * spent / count
