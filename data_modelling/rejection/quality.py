"""Thresholds of the quality checks, from real photos made worse step by step.

Photos of the folds are made worse and judged by the network that never saw their fold. On one half of the
lesions:

- warn: from the first step whose balanced accuracy falls below WARN_BELOW of that of the unchanged photos;
- refuse: from the first step below REFUSE_BELOW;
- a threshold takes in CAUGHT of the photos of its step, but never more than its share of unchanged photos, nor
  refuses more than SPARED of those of a milder step that needs no warning.

Contrast only refuses, where others warn; a photo of few pixels is blurred before it is refused. What no step shows (ink, hair, a lesion cut off
or tiny) warns for the worst photos of the data set, a small share each. The curve is reported on the other half.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from data_modelling.datasets import stored
from data_modelling.datasets.splits import in_fold
from data_modelling.datasets.table import class_indices
from data_modelling.inference.decision import decisions, probabilities
from data_modelling.inference.details import Details, encode
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.photos import read_photo, square_side
from data_modelling.inference.quality import CHECKS, Check, Checks, Limits, Measures, measure
from data_modelling.networks import fusion  # noqa: F401 - registers the layers
from data_modelling.rejection.degradation import KINDS, as_png
from data_modelling.rejection.severity import CLEAN, WARN_BELOW
from data_modelling.settings import Settings

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Decide = Callable[[NDArray[np.float32]], Labels]

PER_CLASS = 120  # photos of a class that are made worse, at most
BATCH = 64  # photos that a network judges together
REFUSE_BELOW = 0.7  # of the unchanged photos' balanced accuracy
ONLY_REFUSED = ("contrast",)  # no code warns of it, so that it refuses where others warn
MARGIN = 0.03  # by which thresholds are chosen earlier, since a step's accuracy is known from few photos
CAUGHT = 0.8  # share of a step's photos that its threshold is to take in
SPARED = 0.05  # largest share refused of the photos of any step that is not below WARN_BELOW
WARNED, REFUSED = 0.005, 0.0005  # largest share of unchanged photos beyond a threshold of warning, of refusal
# The same for what no step shows, by measure; as many as were right more often than not when looked at.
WARNED_OF_CONTENT = {"ink": 0.002, "hair": 0.01, "lesion_border": 0.006, "lesion_area": 0.005}
# How bad a photo has to be all the same, in a data set where hardly any is.
AT_LEAST = {"ink": 0.0015, "hair": 0.02, "lesion_border": 0.3, "lesion_area": 0.05}
DIGITS = 6  # of thresholds


@dataclass(frozen=True)
class QualityPart:
    """What a bundle gets. metadata: its key `quality`. severity: counts a step; columns in `_counts`.
    unchanged: the measures of all unchanged photos of the development part, a row each.
    """

    metadata: dict[str, dict[str, float | None]]
    severity: pd.DataFrame
    unchanged: pd.DataFrame


@dataclass(frozen=True)
class _Step:
    """Photos (N) made worse by one step: measures, and whether each was decided right."""

    kind: str
    number: int
    severity: float
    measures: list[Measures]
    right: NDArray[np.bool_]


def fit_quality(
    settings: Settings,
    table: pd.DataFrame,
    pixels: NDArray[np.uint8],
    networks: Mapping[int, Path],
    temperature: float,
    decision_prior: Floats,
) -> QualityPart:
    """Fit on the development part.

    table, pixels: its rows and their decoded photos. networks: the saved network that never saw a fold, by
    fold; any of the folds. temperature, decision_prior: of the decision; see evaluation.calibration.
    """
    choosing = half_of(table["group_id"], settings.seed)
    unchanged = [measure(pixels[row], _side(path)) for row, path in enumerate(_bar(table["path"], "measure"))]
    chosen = sample(table, networks, settings.seed)

    def decide(scores: NDArray[np.float32]) -> Labels:
        return decisions(probabilities(scores, temperature), decision_prior)

    steps = _steps(settings, table.iloc[chosen], networks, decide)
    labels = class_indices(table["diagnosis"], settings.task)[chosen]
    first = choosing[chosen]
    of_choosing = [one for one, inside in zip(unchanged, choosing, strict=True) if inside]
    checks = choose(of_choosing, steps, labels, first)
    severity = pd.DataFrame([_counts(step, checks, labels, ~first, codes(settings.task)) for step in steps])
    found = pd.DataFrame([asdict(one) for one in unchanged])
    return QualityPart(checks.as_json(), severity, found.assign(choosing=choosing))


def half_of(groups: pd.Series, seed: int) -> NDArray[np.bool_]:
    """Which photos lie in the half of the groups that thresholds are chosen on; (N,)."""
    names = np.sort(groups.unique())
    half = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    return groups.isin(half).to_numpy()


def sample(table: pd.DataFrame, networks: Mapping[int, Path], seed: int) -> Labels:
    """Rows of the photos that are made worse: up to PER_CLASS of each class, of the folds with a network."""
    rng = np.random.default_rng(seed)
    inside = table["part"].isin([str(fold) for fold in networks]).to_numpy()
    rows = [
        rng.permutation(np.flatnonzero(inside & (table["diagnosis"] == code).to_numpy()))[:PER_CLASS]
        for code in sorted(table["diagnosis"].unique())
    ]
    return np.sort(np.concatenate(rows)).astype(np.int64)


def _steps(
    settings: Settings, photos: pd.DataFrame, networks: Mapping[int, Path], decide: Decide
) -> list[_Step]:
    """Every kind and severity of the sampled photos, measured and judged; first of all the unchanged ones."""
    wanted = [(CLEAN, 0, 0.0)]
    wanted += [(kind, n, s) for kind in KINDS for n, s in enumerate(KINDS[kind].severities, start=1)]
    measures: list[list[Measures]] = [[] for _ in wanted]
    decided: list[list[int]] = [[] for _ in wanted]
    places: list[int] = []
    labels = class_indices(photos["diagnosis"], settings.task)
    unknown = encode(Details())
    with tqdm(total=len(photos), desc="make worse", unit=" photos") as bar, ThreadPoolExecutor() as pool:
        for fold, path in sorted(networks.items()):
            network = keras.saving.load_model(path, compile=False)
            inside = np.flatnonzero(in_fold(photos, fold))
            for start in range(0, len(inside), BATCH):
                few = inside[start : start + BATCH]
                paths = photos["path"].iloc[few]
                worse = list(pool.map(_worsened, paths, repeat(settings.network.edge)))
                for number in range(len(wanted)):
                    seen = np.stack([pictures[number] for pictures, _ in worse]).astype(np.float32)
                    details = np.tile(unknown, (len(few), 1))
                    output = network.predict_on_batch({"photo": seen, "details": details})
                    decided[number] += decide(np.asarray(output["logits"])).tolist()
                    measures[number] += [found[number] for _, found in worse]
                places += few.tolist()
                bar.update(len(few))
    order = np.argsort(places)
    return [
        _Step(*step, [found[i] for i in order], np.array(answers)[order] == labels)
        for step, found, answers in zip(wanted, measures, decided, strict=True)
    ]


def _worsened(path: str, edge: int) -> tuple[list[NDArray[np.uint8]], list[Measures]]:
    """One photo unchanged and at every step of every kind, as the network sees it, and its measures."""
    square = Image.fromarray(stored.read_pixels(path, _side(path)))
    files = [as_png(square)]
    files += [kind.worsened(square, severity) for kind in KINDS.values() for severity in kind.severities]
    pictures = [read_photo(file, edge) for file in files]
    found = [measure(one, square_side(file)) for one, file in zip(pictures, files, strict=True)]
    return pictures, found


def choose(
    unchanged: list[Measures], steps: list[_Step], labels: Labels, chosen: NDArray[np.bool_]
) -> Checks:
    """The thresholds.

    unchanged: measures of unchanged photos. steps: of the sampled photos (N), the unchanged ones first.
    labels, chosen: (N,) their classes and whether they are of the half to choose on.
    """
    limits = {}
    for check in CHECKS:
        usual = _values(unchanged, check.measure)
        if check.measure in WARNED_OF_CONTENT:
            rarest = _rarest(check, usual, WARNED_OF_CONTENT[check.measure])
            worse = max if check.bad == "high" else min
            limits[check.measure] = Limits(None, worse(rarest, AT_LEAST[check.measure]))
            continue
        of_kinds = _relevant(check, steps)
        accuracy = [_relative(step, steps[0], labels, chosen) for step in of_kinds]
        warn_at, refuse_at = (
            _first_below(check, of_kinds, accuracy, chosen, share)
            for share in (WARN_BELOW + MARGIN, REFUSE_BELOW)
        )
        spared = [
            _rarest(check, _values(step.measures, check.measure)[chosen], SPARED)
            for step, share in zip(of_kinds, accuracy, strict=True)
            if share >= WARN_BELOW
        ]
        refuse_at = warn_at if check.measure in ONLY_REFUSED else refuse_at
        limits[check.measure] = Limits(
            _threshold(check, refuse_at, [_rarest(check, usual, REFUSED), *spared])
            if check.refusal
            else None,
            _threshold(check, warn_at, [_rarest(check, usual, WARNED)]) if check.warning else None,
        )
    return Checks(limits)


def _relevant(check: Check, steps: list[_Step]) -> list[_Step]:
    """The steps of the kinds that a check's measure sees."""
    return [step for step in steps if step.kind in KINDS and check.measure in KINDS[step.kind].measures]


def _relative(step: _Step, clean: _Step, labels: Labels, chosen: NDArray[np.bool_]) -> float:
    """A step's balanced accuracy as a share of that of the unchanged photos."""
    worse, usual = (_balanced(one.right[chosen], labels[chosen]) for one in (step, clean))
    return worse / usual


def _first_below(
    check: Check, steps: list[_Step], accuracy: list[float], chosen: NDArray[np.bool_], share: float
) -> list[Floats]:
    """The check's measure at the first step of each kind whose relative accuracy is below a share."""
    first: dict[str, _Step] = {}
    for step, found in zip(steps, accuracy, strict=True):
        if found < share:
            first.setdefault(step.kind, step)
    return [_values(step.measures, check.measure)[chosen] for step in first.values()]


def _threshold(check: Check, at: list[Floats], not_beyond: list[float]) -> float | None:
    """What takes in CAUGHT of every kind's first step, but lies at or beyond each of `not_beyond`.

    None when no step is bad enough.
    """
    if not at:
        return None
    sign = 1 if check.bad == "high" else -1
    wanted = min(float(np.quantile(sign * values, 1 - CAUGHT)) for values in at)
    wanted -= 10**-DIGITS  # so that the photo at the quantile itself lies beyond
    return _rounded(sign * max(wanted, *(sign * limit for limit in not_beyond)))


def _rarest(check: Check, usual: Floats, share: float) -> float:
    """The threshold beyond which at most a share of the usual photos lies."""
    known = np.sort(usual[~np.isnan(usual)])
    if not len(known):
        return -np.inf if check.bad == "high" else np.inf  # nothing is known that is to be spared
    beyond = int(share * len(usual))  # so many may lie beyond
    return _rounded(float(known[-1 - beyond] if check.bad == "high" else known[beyond]))


def _rounded(value: float) -> float:
    return round(value, DIGITS)


def _values(measures: list[Measures], name: str) -> Floats:
    return np.array([getattr(one, name) for one in measures], np.float64)


def _balanced(right: NDArray[np.bool_], labels: Labels) -> float:
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def _counts(
    step: _Step, checks: Checks, labels: Labels, reported: NDArray[np.bool_], classes: tuple[str, ...]
) -> dict[str, Any]:
    """One row of severity.csv: photos and right ones of each class, refused, warned (and not refused)."""
    rows = np.flatnonzero(reported)
    refused = np.array([bool(checks.refusals(step.measures[row])) for row in rows], bool)
    warned = np.array([bool(checks.warnings(step.measures[row])) for row in rows], bool)
    photos = np.bincount(labels[rows], minlength=len(classes))
    right = np.bincount(labels[rows], step.right[rows], minlength=len(classes)).astype(int)
    return {
        "kind": step.kind,
        "step": step.number,
        "severity": step.severity,
        **{f"photos_{code}": int(count) for code, count in zip(classes, photos, strict=True)},
        **{f"right_{code}": int(count) for code, count in zip(classes, right, strict=True)},
        "refused": int(refused.sum()),
        "warned": int((warned & ~refused).sum()),
    }


def unchanged_counts(part: QualityPart) -> dict[str, Any]:
    """How many unchanged photos of the half that nothing was chosen on are refused or warned, by code."""
    checks = Checks.from_metadata({"quality": part.metadata})
    rows = part.unchanged[~part.unchanged["choosing"]].drop(columns="choosing")
    photos = [Measures(**row) for row in rows.to_dict("records")]
    refusals, warnings = [checks.refusals(one) for one in photos], [checks.warnings(one) for one in photos]
    codes_found = sorted({code for found in (*refusals, *warnings) for code in found})
    return {
        "photos": len(photos),
        "refused": sum(map(bool, refusals)),
        "warned": sum(bool(w) and not r for r, w in zip(refusals, warnings, strict=True)),
        "codes": {
            code: sum(code in (*r, *w) for r, w in zip(refusals, warnings, strict=True))
            for code in codes_found
        },
    }


def _side(path: str) -> int:
    return square_side(stored.read_bytes(path))


def _bar(paths: pd.Series, title: str) -> Iterator[str]:
    yield from tqdm(paths, title, len(paths), unit=" photos")
