"""Choose the thresholds at which quality checks warn of a photo or refuse it, by making real photos worse step by step.

A step is one kind of degradation, such as blur, at one severity. The network that never saw a photo's fold predicts the
degraded photo. The thresholds are chosen on the photos of one half of the lesions, by these rules:

- The relative accuracy of a step is its balanced accuracy, divided by that of the unchanged photos.
- For each kind, warnings begin at the first (mildest) step whose relative accuracy is below WARN_BELOW + MARGIN.
- For each kind, refusals begin at the first step whose relative accuracy is below REFUSE_BELOW.
- A threshold catches at least CAUGHT_SHARE of this first step's photos, if it then catches few unchanged photos.
- At most SPARED_SHARE of the photos of a step are refused if its relative accuracy is at least WARN_BELOW.

Low contrast has no warning; it is refused from the step at which other measures warn. A photo with few pixels gets
the warning for blur and no warning of its own. No step adds ink or hair, cuts a lesion off or makes it tiny. For each
of these problems, the worst photos of the data set get a warning (WARNED_OF_CONTENT).

The usual light and resolution of a clinic are no fault of a photo. Therefore, thresholds are made milder at the end,
until each reason (such as `dark`) is given to at most MAX_FIRED_SHARE of the photos of each source.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

import data_modelling.networks.model  # noqa: F401 - registers the layers
from data_modelling.datasets.formats import stored_photo
from data_modelling.datasets.splits.assignment import fold_mask
from data_modelling.datasets.table import class_indices
from data_modelling.inference.checks.image_quality import (
    MAX_FIRED_SHARE,
    QUALITY_CHECKS,
    MeasureThresholds,
    QualityCheck,
    QualityMeasures,
    QualityThresholds,
    measure_quality,
)
from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.decision import calibrated_probabilities, predicted_classes
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.photo.reader import read_photo, square_edge
from data_modelling.metrics.array_types import Features, Floats, Labels, Mask, Pixels
from data_modelling.metrics.calibration import CalibrationChoices
from data_modelling.safety.degradation import DEGRADATION_KINDS, encode_png
from data_modelling.settings import Settings

Decide = Callable[[Features], Labels]

UNCHANGED_KIND = "clean"  # the kind of an unchanged photo
WARN_BELOW = 0.9  # relative accuracy of a step below which a warning is needed
PER_CLASS = 120  # largest number of photos of a class that are degraded
BATCH = 64  # photos that a network predicts together
REFUSE_BELOW = 0.7  # relative accuracy of a step below which a refusal is needed
ONLY_REFUSED = ("contrast",)  # measures without a warning; they refuse at the step where other measures warn
MARGIN = 0.03  # added to WARN_BELOW, because the accuracy of a step is measured on few photos
CAUGHT_SHARE = 0.8  # share of a step's photos that its threshold should catch
SPARED_SHARE = 0.05  # largest share of a step's photos that may be refused if the step needs no warning
MAX_WARNED_SHARE, MAX_REFUSED_SHARE = 0.005, 0.0005  # largest warned and refused shares of unchanged photos
# By measure, the share of photos that get a warning for a problem that no degradation step adds. A person looked at
# the worst photos and found that up to these shares, most warnings are right.
WARNED_OF_CONTENT = {"ink": 0.002, "hair": 0.01, "lesion_border": 0.006, "lesion_area": 0.005}
# The strictest thresholds that these warnings may have, even for a data set with hardly any bad photo.
AT_LEAST = {"ink": 0.0015, "hair": 0.02, "lesion_border": 0.3, "lesion_area": 0.05}
DIGITS = 6  # decimals of thresholds
MEASURES = tuple(field.name for field in fields(QualityMeasures))


@dataclass(frozen=True)
class _DegradationStep:
    """Hold the MEASURES of the N sampled photos after one step, and whether each photo was decided correctly, (N,)."""

    kind: str
    measures: pd.DataFrame
    correct: Mask


def fit_quality(
    settings: Settings,
    table: pd.DataFrame,
    pixels: Pixels,
    networks: Mapping[int, Path],
    choices: CalibrationChoices,
    other_measures: pd.DataFrame | None = None,
) -> tuple[QualityThresholds, pd.DataFrame]:
    """Return the thresholds, and the measures of the unchanged photos of all sources; the rows of `table` come first.

    table, pixels: the rows of the development set and their decoded photos. networks: by fold, the saved network that
    never saw this fold; some folds may be absent. other_measures: from `photo_measures`, of photos of other sources.
    """
    choosing = threshold_half(table["group_id"], settings.seed)
    unchanged = photo_measures(table, pixels)
    sample = sample_rows(table, networks, settings.seed)

    def decide(scores: Features) -> Labels:
        return predicted_classes(
            calibrated_probabilities(scores, choices.temperature), choices.decision_prior
        )

    labels = class_indices(table["diagnosis"], settings.task)[sample]
    steps = _degradation_steps(table.iloc[sample], labels, settings.network.edge, networks, decide)
    checks = choose_quality_thresholds(unchanged[choosing], steps, labels, choosing[sample])
    all_measures = pd.concat([unchanged, other_measures])
    return spare_sources(checks, all_measures), all_measures


def threshold_half(groups: pd.Series, seed: int) -> Mask:
    """Return a mask (N,) of the photos in the half of the groups on which the thresholds are chosen."""
    names = np.sort(groups.unique())
    half = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    return groups.isin(half).to_numpy()


def sample_rows(table: pd.DataFrame, networks: Mapping[int, Path], seed: int) -> Labels:
    """Return the rows of the photos to degrade: up to PER_CLASS of each class, from the folds in `networks`."""
    rng = np.random.default_rng(seed)
    mask = table["part"].isin([str(fold) for fold in networks]).to_numpy()
    rows = [
        rng.permutation(np.flatnonzero(mask & (table["diagnosis"] == code).to_numpy()))[:PER_CLASS]
        for code in sorted(table["diagnosis"].unique())
    ]
    return np.sort(np.concatenate(rows)).astype(np.int64)


def _degradation_steps(
    photos: pd.DataFrame, labels: Labels, edge: int, networks: Mapping[int, Path], decide: Decide
) -> list[_DegradationStep]:
    """Measure and classify the photos, unchanged and after each step; return all steps, the unchanged photos first."""
    kinds = [name for name, kind in DEGRADATION_KINDS.items() for _ in kind.severities]
    kinds = [UNCHANGED_KIND, *kinds]
    measures = np.empty((len(kinds), len(photos), len(MEASURES)))
    decided = np.empty((len(kinds), len(photos)), np.int64)
    with (
        tqdm(total=len(photos), desc="degrade", unit=" photos") as bar,
        ThreadPoolExecutor(usable_cores()) as pool,
    ):
        for fold, path in sorted(networks.items()):
            network = keras.saving.load_model(path, compile=False)
            fold_rows = np.flatnonzero(fold_mask(photos, fold))
            for start in range(0, len(fold_rows), BATCH):
                rows = fold_rows[start : start + BATCH]
                versions = list(pool.map(_degraded_versions, photos["path"].iloc[rows], repeat(edge)))
                details = np.tile(encode_details(Details()), (len(rows), 1))
                for number in range(len(kinds)):
                    batch = np.stack([pictures[number] for pictures, _ in versions]).astype(np.float32)
                    output = network.predict_on_batch({"photo": batch, "details": details})
                    decided[number, rows] = decide(np.asarray(output["logits"]))
                    measures[number, rows] = [astuple(measured[number]) for _, measured in versions]
                bar.update(len(rows))
    return [
        _DegradationStep(kind, pd.DataFrame(values, columns=list(MEASURES)), right)
        for kind, values, right in zip(kinds, measures, decided == labels, strict=True)
    ]


def _degraded_versions(path: str, edge: int) -> tuple[list[Pixels], list[QualityMeasures]]:
    """Return the versions of a photo (unchanged, then after each step) as the network sees them, and their measures."""
    square = Image.fromarray(stored_photo.read_pixels(path, square_edge(stored_photo.read_bytes(path))))
    files = [encode_png(square)]
    files += [
        kind.degrade(square, severity) for kind in DEGRADATION_KINDS.values() for severity in kind.severities
    ]
    pictures = [read_photo(file, edge) for file in files]
    places = zip(pictures, files, strict=True)
    return pictures, [measure_quality(picture, square_edge(file)) for picture, file in places]


def choose_quality_thresholds(
    unchanged: pd.DataFrame, steps: list[_DegradationStep], labels: Labels, choosing: Mask
) -> QualityThresholds:
    """Return the thresholds of the quality checks; `spare_sources` then makes some of them milder.

    unchanged: MEASURES of unchanged photos. steps: the steps of the N sampled photos, the unchanged photos first.
    labels: the class indices of the sampled photos, (N,). choosing: mask (N,) of the sampled photos that are used.
    """
    accuracies = [_balanced_accuracy(step.correct[choosing], labels[choosing]) for step in steps]
    limits = {}
    for check in QUALITY_CHECKS:
        usual_values = unchanged[check.measure].to_numpy(np.float64)
        if check.measure in WARNED_OF_CONTENT:
            limit = _quantile_threshold(check, usual_values, WARNED_OF_CONTENT[check.measure])
            worse_of = max if check.bad == "high" else min
            limits[check.measure] = MeasureThresholds(None, worse_of(limit, AT_LEAST[check.measure]))
            continue
        # For each limit of the relative accuracy and each kind: the measure's values at the first step below the limit.
        first_below: dict[float, dict[str, Floats]] = {WARN_BELOW + MARGIN: {}, REFUSE_BELOW: {}}
        refusal_limits = [_quantile_threshold(check, usual_values, MAX_REFUSED_SHARE)]
        for step, step_accuracy in zip(steps, accuracies, strict=True):
            if step.kind == UNCHANGED_KIND or check.measure not in DEGRADATION_KINDS[step.kind].measures:
                continue
            values = step.measures[check.measure].to_numpy(np.float64)[choosing]
            # A network that decides no unchanged photo correctly says nothing about a step.
            accuracy = step_accuracy / accuracies[0] if accuracies[0] else 1.0
            for share, first in first_below.items():
                if accuracy < share:
                    first.setdefault(step.kind, values)
            if accuracy >= WARN_BELOW:
                refusal_limits.append(_quantile_threshold(check, values, SPARED_SHARE))
        warn_at, refuse_at = (list(first.values()) for first in first_below.values())
        refuse_at = warn_at if check.measure in ONLY_REFUSED else refuse_at
        warning_limits = [_quantile_threshold(check, usual_values, MAX_WARNED_SHARE)]
        limits[check.measure] = MeasureThresholds(
            _threshold(check, refuse_at, refusal_limits) if check.refusal else None,
            _threshold(check, warn_at, warning_limits) if check.warning else None,
        )
    return QualityThresholds(limits)


def spare_sources(thresholds: QualityThresholds, measures: pd.DataFrame) -> QualityThresholds:
    """Return thresholds that give each reason to at most MAX_FIRED_SHARE of each source's photos.

    thresholds: the old thresholds; none becomes stricter. measures: from `photo_measures`, of all sources.
    """
    limits = {}
    for check in QUALITY_CHECKS:
        old = thresholds.limits[check.measure]
        refuse = _milder(check, old.refuse, check.refusal, measures)
        limits[check.measure] = MeasureThresholds(refuse, _milder(check, old.warn, check.warning, measures))
    return QualityThresholds(limits)


def _milder(
    check: QualityCheck, threshold: float | None, code: str | None, measures: pd.DataFrame
) -> float | None:
    """Return the threshold, or a milder one if it catches too many photos of a source."""
    if threshold is None:
        return None
    # How many measures give this reason code; each may catch an equal part of MAX_FIRED_SHARE.
    sharing = sum(code in (other.refusal, other.warning) for other in QUALITY_CHECKS)
    limits = [
        _quantile_threshold(check, rows.to_numpy(np.float64), MAX_FIRED_SHARE / sharing)
        for _, rows in measures.groupby("source")[check.measure]
    ]
    return (max if check.bad == "high" else min)(threshold, *limits)


def _threshold(check: QualityCheck, step_values: list[Floats], limits: list[float]) -> float | None:
    """Return a threshold that catches CAUGHT_SHARE of each step's photos if `limits` allow it; None without any step.

    step_values: for each kind, the values at the first bad step. limits: the result is no stricter than any of them.
    """
    if not step_values:
        return None
    sign = 1 if check.bad == "high" else -1
    signed_threshold = min(float(np.quantile(sign * values, 1 - CAUGHT_SHARE)) for values in step_values)
    signed_threshold -= 10**-DIGITS  # so that the photo at the quantile itself is beyond the threshold
    return round(sign * max(signed_threshold, *(sign * limit for limit in limits)), DIGITS)


def _quantile_threshold(check: QualityCheck, values: Floats, share: float) -> float:
    """Return the strictest threshold with at most the share `share` of the values beyond it."""
    sorted_values = np.sort(values[~np.isnan(values)])
    if not len(sorted_values):
        return -np.inf if check.bad == "high" else np.inf  # no value limits the threshold
    # The number of photos that may be beyond the threshold; a photo without a value is never beyond it.
    allowed = min(int(share * len(values)), len(sorted_values) - 1)
    return round(float(sorted_values[-1 - allowed if check.bad == "high" else allowed]), DIGITS)


def _balanced_accuracy(correct: Mask, labels: Labels) -> float:
    return float(np.mean([correct[labels == label].mean() for label in np.unique(labels)]))


def photo_measures(table: pd.DataFrame, pixels: Pixels) -> pd.DataFrame:
    """Return MEASURES, `source` and `diagnosis` of a table's unchanged photos. pixels: the photos, row by row."""
    measures = [
        measure_quality(pixels[row], square_edge(stored_photo.read_bytes(path)))
        for row, path in enumerate(tqdm(table["path"], "measure", len(table), unit=" photos"))
    ]
    rows = pd.DataFrame([astuple(photo) for photo in measures], columns=list(MEASURES))
    return rows.assign(source=table["source"].to_numpy(), diagnosis=table["diagnosis"].to_numpy())


def count_reasons(thresholds: QualityThresholds, measures: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row for each source and diagnosis: counts of all photos, of those with a reason, and by reason code.

    measures: from `photo_measures`.
    """
    rows = []
    for (source, diagnosis), photos in measures.groupby(["source", "diagnosis"]):
        codes = [
            {*thresholds.refusals(photo), *thresholds.warnings(photo)} for photo in measures_of_rows(photos)
        ]
        reasons = dict(sorted(Counter(chain.from_iterable(codes)).items()))
        rows.append(
            {
                "source": source,
                "diagnosis": diagnosis,
                "photos": len(photos),
                "with_reason": sum(map(bool, codes)),
                "reasons": reasons,
            }
        )
    return rows


def measures_of_rows(table: pd.DataFrame) -> list[QualityMeasures]:
    """Return the measures in the rows of a table, which has a column for each measure."""
    rows = table[list(MEASURES)].itertuples(index=False, name=None)
    return [QualityMeasures(*row) for row in rows]
