"""Fit the detector that tells lesion photos from foreign pictures (all other pictures), and test it for new clinics.

python -m data_modelling.safety.lesion_detector --pictures DIR [--data-root DATA]

The detector is fitted on up to PER_CLASS photos of each class of each source, and on foreign pictures. All are used
unchanged and in variants (see photo_variants). Other foreign pictures test it. No photo of a locked test is read.

For each clinic group (one or several clinics), another detector is fitted without the group, and without ISIC 2020,
which mixes clinics. It is tested on all photos of the group outside the locked tests. The threshold is the lowest at
which each of these detectors refuses at most MAX_REFUSED_SHARE of each class (see FEWEST_PHOTOS). The metrics of a
group come from the detector and a threshold that were fitted without the group (see threshold_at_share).
"""

import argparse
import itertools
import json
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets import external_sources, isic2019
from data_modelling.datasets.clinics import CLINIC_NAMES, clinic_groups
from data_modelling.datasets.data_location import add_data_options
from data_modelling.datasets.registry import data_set
from data_modelling.datasets.splits.assignment import TEST, attach_known_parts, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.inference.checks.gate import DETECTOR_ARRAYS_FILE, DETECTOR_FACTS_FILE, LesionDetector
from data_modelling.inference.checks.image_features import FEATURE_EDGE, measure_image_features
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.files.atomic_files import write_json
from data_modelling.inference.photo.reader import read_photo
from data_modelling.metrics.array_types import Features, Floats, Pixels
from data_modelling.metrics.bootstrap import refused_share
from data_modelling.safety.feature_network import SEED, fit_feature_network, write_arrays
from data_modelling.safety.foreign_pictures import FIT, HELD_OUT, read_pictures, sources_with_role
from data_modelling.safety.photo_variants import render_variants

# The detectors that leave one clinic group out, for the answers of networks that never saw the group.
LEFT_OUT_DETECTORS_FILE = Path(__file__).with_name("left_out_detectors.npz")
OTHER_DATA_SETS = ("isic_msk_uda", "pad_ufes_20", "isic2020")  # read in addition to ISIC 2019
PER_CLASS = 400  # largest number of photos of each class of a source that train a detector
VARIANTS = 2  # number of variants of each photo and of each foreign picture
FEWEST_PHOTOS = 50  # only a class with more photos than this in a clinic group counts
FEWEST_PICTURES = 20  # a kind of foreign pictures with fewer pictures is reported but not judged
MAX_REFUSED_SHARE = 0.04  # largest refused share of a class's photos in a left-out clinic group
CURVE = (0.01, 0.02, 0.03, 0.04, 0.06, 0.1)  # values of MAX_REFUSED_SHARE along the reported curve
DECAY, EPOCHS, BATCH, RATE = 0.3, 20, 128, 2e-3
DIGITS = 6  # decimals of the threshold
Detectors = dict[tuple[str, ...], LesionDetector]  # a detector by the names of its left-out clinic groups


@dataclass(frozen=True)
class DetectorExamples:
    """Holds image features of lesion photos and foreign pictures.

    lesions: a table with a row for each of N photos. Its columns are source, clinic ("" if the source mixes clinics),
    diagnosis and fitted (whether detectors may learn from the photo). foreign: a table with source and kind of each
    held-out (test) picture. The other fields are features. lesion_features: those of the N photos, (N, FEATURE_COUNT).
    lesion_variants: those of the n fitted photos' variants, (VARIANTS, n, FEATURE_COUNT). foreign_fit: those of the
    pictures with the role FIT and of their variants. foreign_features: those of the held-out pictures.
    """

    lesions: pd.DataFrame
    lesion_features: Features
    lesion_variants: Features
    foreign_fit: Features
    foreign: pd.DataFrame
    foreign_features: Features


def read_examples(
    data_root: Path | None, splits: Path, pictures: Path
) -> tuple[DetectorExamples, tuple[str, ...]]:
    """Return the examples, and a sentence for each source of foreign pictures that is missing; show the progress."""
    lesions = mark_sample(development_lesions(data_root, splits))
    rows = tqdm(lesions["path"], "read", len(lesions), unit=" photos")
    photos = np.stack([read_photo(Path(path).read_bytes(), FEATURE_EDGE) for path in rows])
    fit, held_out = (
        read_pictures(sources_with_role(role), pictures, FEATURE_EDGE) for role in (FIT, HELD_OUT)
    )
    of_lesions = lesions, _features(photos), _variant_features(photos[lesions["fitted"]])
    foreign_fit = np.concatenate([_features(fit.pixels), *_variant_features(fit.pixels)])
    examples = DetectorExamples(*of_lesions, foreign_fit, held_out.table, _features(held_out.pixels))
    return examples, (*fit.missing, *held_out.missing)


def _variant_features(pictures: Pixels) -> Features:
    return np.stack([_features(render_variants(pictures, SEED + number)) for number in range(VARIANTS)])


def development_lesions(data_root: Path | None, splits: Path) -> pd.DataFrame:
    """Return image_id, path, source, clinic, diagnosis (AKIEC for AK and SCC) of photos outside the locked tests."""
    table, _ = isic2019.load(data_root)
    parts = {name: read_split(split_file(splits, name)) for name in ("isic2019", *OTHER_DATA_SETS)}
    others = [external_sources.load(data_set(name), data_root, splits)[0] for name in OTHER_DATA_SETS]
    photos = pd.concat([attach_known_parts(table, parts["isic2019"])[0], *others], ignore_index=True)
    locked = pd.concat([split.loc[split["part"] == TEST, "image_id"] for split in parts.values()])
    photos = photos.assign(
        image_id=isic2019.original_ids(photos["image_id"]),
        clinic=clinic_groups(photos["source"]),
        diagnosis=photos["diagnosis"].replace(external_sources.MERGED_CLASSES),
    )
    photos = photos[~photos["image_id"].isin(isic2019.original_ids(locked))].drop_duplicates("image_id")
    return photos[["image_id", "path", "source", "clinic", "diagnosis"]].reset_index(drop=True)


def mark_sample(photos: pd.DataFrame) -> pd.DataFrame:
    """Return photos sorted by image_id; `fitted` marks up to PER_CLASS random photos of each class of each source."""
    shuffled = photos.sample(frac=1, random_state=SEED)
    fitted = shuffled.groupby(["source", "diagnosis"]).cumcount() < PER_CLASS
    return shuffled.assign(fitted=fitted).sort_values("image_id").reset_index(drop=True)


def _features(pictures: Pixels) -> Features:
    return np.stack([measure_image_features(picture) for picture in tqdm(pictures, "measure", leave=False)])


def fit_lesion_detector(examples: DetectorExamples, left_out: Collection[str] = ()) -> LesionDetector:
    """Return a detector with threshold 0 that was fitted without the clinic groups `left_out`.

    If any group is left out, ISIC 2020 is left out too. Lesion photos and foreign pictures have the same total weight.
    Each class of each source has a total weight in proportion to the square root of its number of fitted photos.
    """
    fitted = examples.lesions["fitted"].to_numpy()
    rows = fitted & ~examples.lesions["clinic"].isin([*left_out, *([""] if left_out else [])]).to_numpy()
    variants = examples.lesion_variants[:, rows[fitted]]
    lesions = np.concatenate([examples.lesion_features[rows], *variants]).astype(np.float64)
    values = np.vstack([lesions, examples.foreign_fit.astype(np.float64)])
    is_foreign = np.arange(len(values)) >= len(lesions)
    classes = examples.lesions[rows].groupby(["source", "diagnosis"])["clinic"].transform("size")
    lesion_weights = np.tile(classes.to_numpy(np.float64) ** -0.5, 1 + len(variants))
    foreign_weights = np.full(is_foreign.sum(), 1 / is_foreign.sum())
    weights = np.concatenate([lesion_weights / lesion_weights.sum(), foreign_weights])
    weights /= weights.mean()
    scaling = lesions.mean(axis=0), lesions.std(axis=0) + 1e-3
    hidden, output = fit_feature_network(values, is_foreign, weights, scaling, DECAY, EPOCHS, BATCH, RATE)
    return LesionDetector(hidden, output[:, 0], 0.0)


def left_out_detectors(examples: DetectorExamples) -> Detectors:
    """Return the detectors that leave out one or two clinic groups, by the names of these groups."""
    groups = [group for group in CLINIC_NAMES if group in set(examples.lesions["clinic"])]
    left_out = [*itertools.combinations(groups, 1), *itertools.combinations(groups, 2)]
    return {names: fit_lesion_detector(examples, names) for names in tqdm(left_out, "leave clinics out")}


def threshold_at_share(
    examples: DetectorExamples, detectors: Detectors, share: float, unseen: str | None = None
) -> float:
    """Return the lowest threshold at which each detector refuses at most `share` of each class of its left-out group.

    unseen: a group that must not affect the threshold; each detector that is used leaves it and one other group out.
    """
    limits = []
    for names, detector in detectors.items():
        judged = set(names) - {unseen}
        if len(judged) == 1 and (unseen is None) == (len(names) == 1):
            scores = _class_scores(examples, detector, judged.pop()).values()
            limits += [np.quantile(of_class, 1 - share, method="higher") for of_class in scores]
    return float(np.ceil(max(limits) * 10**DIGITS) / 10**DIGITS)


def _class_scores(examples: DetectorExamples, detector: LesionDetector, group: str) -> dict[str, Floats]:
    """Return the scores of a group's photos by class, for classes with more than FEWEST_PHOTOS photos."""
    rows = (examples.lesions["clinic"] == group).to_numpy()
    scores = pd.Series(detector.score(examples.lesion_features[rows]))
    by_class = scores.groupby(examples.lesions.loc[rows, "diagnosis"].to_numpy())
    return {str(code): np.asarray(part, np.float64) for code, part in by_class if len(part) > FEWEST_PHOTOS}


def clinic_rows(examples: DetectorExamples, detectors: Detectors, share: float) -> list[dict[str, Any]]:
    """Return a row for each group and class: the refused shares of the class's photos and of held-out foreign pictures.

    The detector and the threshold of a row were fitted without the row's group.
    """
    rows = []
    for (group,) in [names for names in detectors if len(names) == 1]:
        detector = detectors[(group,)]
        threshold = threshold_at_share(examples, detectors, share, unseen=group)
        foreign = detector.score(examples.foreign_features) > threshold
        rows += [
            {"clinic": group, "diagnosis": code, "threshold": threshold}
            | refused_share(int((scores > threshold).sum()), len(scores))
            | {"foreign_refused": round(float(foreign.mean()), DIGITS)}
            for code, scores in _class_scores(examples, detector, group).items()
        ]
    return rows


def foreign_rows(examples: DetectorExamples, detector: LesionDetector) -> dict[str, Any]:
    """Return the share of held-out foreign pictures that a detector refuses, for all pictures and by kind."""
    refused = detector.score(examples.foreign_features) > detector.threshold
    kinds = [
        {"kind": str(kind), "judged": len(rows) >= FEWEST_PICTURES}
        | refused_share(int(refused[rows.index].sum()), len(rows))
        for kind, rows in examples.foreign.groupby("kind")
    ]
    return {"held_out": refused_share(int(refused.sum()), len(refused)), "kinds": kinds}


def write_detector(
    examples: DetectorExamples,
    arrays: Path = DETECTOR_ARRAYS_FILE,
    facts: Path = DETECTOR_FACTS_FILE,
    left_out: Path = LEFT_OUT_DETECTORS_FILE,
) -> dict[str, Any]:
    """Fit the detectors, measure them, write the three files and return the content of the JSON file."""
    detectors = left_out_detectors(examples)
    fitted = fit_lesion_detector(examples)
    threshold = threshold_at_share(examples, detectors, MAX_REFUSED_SHARE)
    detector = LesionDetector(fitted.hidden, fitted.output, threshold)
    rows = clinic_rows(examples, detectors, MAX_REFUSED_SHARE)
    values: dict[str, Any] = {
        "threshold": threshold,
        "photos": int(examples.lesions["fitted"].sum()),
        "clinics": rows,
        "foreign": foreign_rows(examples, detector),
        "curve": [],
    }
    scores = fitted.score(examples.foreign_features)
    for share in CURVE:
        at_share = clinic_rows(examples, detectors, share)
        limit = threshold_at_share(examples, detectors, share)
        values["curve"].append(
            {
                "fitted_share": share,
                "threshold": limit,
                "largest_refused": max(row["share"] for row in at_share),
                "foreign_refused": round(float((scores > limit).mean()), DIGITS),
                "foreign_refused_without_a_clinic": min(row["foreign_refused"] for row in at_share),
            }
        )
    write_arrays(arrays, hidden=detector.hidden, output=detector.output)
    write_json(facts, values)
    without: dict[str, NDArray[Any]] = {}
    for row in rows:  # each threshold was also chosen without the row's group
        clinic, unseeing = row["clinic"], detectors[(row["clinic"],)]
        without |= {f"{clinic}_hidden": unseeing.hidden, f"{clinic}_output": unseeing.output}
        without[f"{clinic}_threshold"] = np.asarray(row["threshold"])
    write_arrays(left_out, **without)
    return values


def load_left_out_detector(clinic: str, path: Path = LEFT_OUT_DETECTORS_FILE) -> LesionDetector:
    """Return the detector whose weights and threshold were fitted without a clinic group (see CLINIC_NAMES)."""
    with np.load(path, allow_pickle=False) as arrays:
        hidden, output, threshold = (arrays[f"{clinic}_{name}"] for name in ("hidden", "output", "threshold"))
    return LesionDetector(hidden, output, float(threshold))


def detector_metrics() -> dict[str, Any]:
    """Return `gate_elsewhere` and `foreign` for metrics.json, from the JSON file that `write_detector` wrote."""
    facts = json.loads(DETECTOR_FACTS_FILE.read_text(encoding="utf-8"))
    return {
        "gate_elsewhere": {name: facts[name] for name in ("clinics", "curve")},
        "foreign": facts["foreign"],
    }


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, fit the detector and return the exit status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {__spec__.name}", description="Fit the detector of lesion photos."
    )
    parser.add_argument("--pictures", type=Path, required=True, help="folder of safety.foreign_pictures")
    add_data_options(parser)
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        examples, missing = read_examples(options.data_root, options.splits, options.pictures)
        values = write_detector(examples)
        print(f"Held-out foreign pictures: {values['foreign']['held_out']['share']:.1%} are refused.")
        for rows in (values["clinics"], values["foreign"]["kinds"], values["curve"]):
            print(pd.DataFrame(rows).to_string(index=False))
        return list(missing)

    return run_with_exit_status(command)


if __name__ == "__main__":
    sys.exit(main())
