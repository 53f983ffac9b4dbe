"""Predict photos of external sources (data sets other than the bundle's own), and compute the metrics."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.datasets import pad_ufes_20
from data_modelling.datasets.data_location import MissingDataError
from data_modelling.datasets.external_sources import class_of, flag, load
from data_modelling.datasets.registry import external_data_sets
from data_modelling.evaluation.clinics.left_out_clinics import LEFT_OUT_CLINICS_FILE
from data_modelling.evaluation.metrics_report import decide_classes
from data_modelling.evaluation.served_answers import ServedAnswers, predict_served
from data_modelling.evaluation.subgroups import write_skin_types
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks.photo_checks import PHOTO_FOREIGN, combine_refusals
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError, join_names
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.source_facts import ALSO_LEARNED_FROM
from data_modelling.metrics import bootstrap
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.bootstrap import refused_share
from data_modelling.metrics.classification import confusion_counts
from data_modelling.metrics.curves import binary_auc
from data_modelling.metrics.predictions import (
    EXTRA_PREDICTIONS_FILE,
    MODES,
    mode_logits,
    read_predictions,
    read_table,
    write_table,
)
from data_modelling.metrics.rounding import round_metric, to_json_value
from data_modelling.metrics.thresholds import has_both_outcomes, question_scores, threshold_counts

EXTERNAL_PREDICTIONS_FILE = "elsewhere.csv.gz"
# Facts about a photo. truth: its diagnosis (see datasets.external_sources). flag: cancer, may_become_cancer or benign.
FACTS = ("image_id", "group_id", "source", "truth", "flag", "age", "sex", "site")


def predict_external_sources(bundle: Bundle, data_root: Path | None, splits: Path) -> list[str]:
    """Write predictions/elsewhere.csv.gz of the bundle, and return as text which sources, rows and photos are missing.

    All available sources are predicted except the bundle's own and those in `also_learned_from` of metadata.json (see
    inference.source_facts). The photos of extra sets (used in training) get the logits and the gate refusals that the
    run wrote to more.csv.gz. These are from a network and a gate that never saw the photo's fold. The function then
    deletes more.csv.gz, unless photos of an extra set are missing. If the metrics of left-out clinics need
    more.csv.gz, it is kept, and extra sets are not predicted. With photos of PAD-UFES-20, skin types are written too.

    Raises InputError and writes nothing if no source is left, or if predictions of an extra set would be lost.
    """
    predictor = Predictor(bundle)
    metadata = bundle.metadata
    extra_file, external_file = _prediction_files(bundle)
    keeps_extra = extra_file.exists() and extra_file.with_name(LEFT_OUT_CLINICS_FILE).exists()
    in_table = metadata.get("more", {}) if keeps_extra else {}
    excluded = {*metadata["data"]["sources"], *metadata.get(ALSO_LEARNED_FROM, []), *in_table}
    tables, left_out, absent = [], [], []
    for source in external_data_sets():
        if source.folder in excluded:
            continue
        try:
            table, report = load(source, data_root, splits)
        except MissingDataError as error:
            left_out.append(str(error))
            absent.append(source.folder)
            continue
        answers = predict_served(predictor, table, source.folder)
        tables.append(_prediction_table(answers, bundle, source.folder))
        left_out += [f"{source.folder}: {report}"] if report else []
        left_out += answers.broken
    absent_training = [name for name in absent if is_training_source(name, metadata)]
    if absent_training and not extra_file.exists():
        raise InputError(
            f"The photos of {join_names(absent_training)} are missing, and only "
            f"{external_file} has their predictions, so it was not changed."
        )
    if not tables:
        raise InputError("No external source is available:\n" + "\n".join(left_out))
    write_table(external_file, pd.concat(tables), float_format="%.2f")
    if not absent_training and not keeps_extra:
        extra_file.unlink(missing_ok=True)
    if any((table["source"] == pad_ufes_20.FOLDER).any() for table in tables):
        write_skin_types(bundle.folder, data_root)
    return left_out


def read_external_predictions(path: Path, task: str) -> pd.DataFrame:
    """Return the predictions in a file; raise InputError if the file or a column is missing."""
    return read_table(path, (*FACTS, *_logit_columns(task), "refusals"), "make it again with --elsewhere")


def external_metrics(predictions: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics by source; an AUC is missing if the source has only positive or only negative photos.

    The cancer metrics compare cancers with benign lesions. They leave out lesions that may become cancer (actinic
    keratosis), but report how many photos of such lesions are flagged. Classes and calibration are evaluated only for a
    source whose diagnoses are all classes of the model. The bootstrap draws lesions or patients.
    """
    return {
        source.folder: _source_metrics(rows.reset_index(drop=True), metadata)
        | {
            "phone": source.external.phone,
            "benign_at_most": source.external.benign_at_most,
            "learned_from": is_training_source(source.folder, metadata),
        }
        for source in external_data_sets()
        if source.external and len(rows := predictions[predictions["source"] == source.folder])
    }


def is_training_source(source: str, metadata: dict[str, Any]) -> bool:
    """Return whether photos of the source also trained the bundle, as an extra set."""
    return source in metadata.get("more", {})


def _with_out_of_fold_logits(predictions: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Return the rows that have out-of-fold predictions, with the logits and the gate refusals of these predictions."""
    out_of_fold = _read_out_of_fold_external(bundle).set_index("image_id")
    columns = _logit_columns(bundle.task)
    rows = predictions[predictions["image_id"].isin(out_of_fold.index)].copy()
    replacements = out_of_fold.loc[rows["image_id"]]
    rows[columns] = replacements[columns].to_numpy()
    rows["refusals"] = [
        _merge_gate_refusal(refusals, gate_refusals)
        for refusals, gate_refusals in zip(rows["refusals"], replacements["refusals"].fillna(""), strict=True)
    ]
    return rows


def _merge_gate_refusal(refusals: str, gate_refusals: str) -> str:
    """Return the quality codes in `refusals` joined by `;`, or the gate's code in `gate_refusals` if there are none."""
    quality_refusals = tuple(code for code in refusals.split(";") if code not in ("", PHOTO_FOREIGN))
    return ";".join(combine_refusals(quality_refusals, PHOTO_FOREIGN in gate_refusals.split(";")))


def _read_out_of_fold_external(bundle: Bundle) -> pd.DataFrame:
    """Return the predictions of networks that never saw the photo's fold; raise InputError if they are missing."""
    extra_file, external_file = _prediction_files(bundle)
    if not extra_file.exists():
        if external_file.exists():
            return read_external_predictions(external_file, bundle.task)
        raise InputError(f"{extra_file} is missing; copy it from the run that made the bundle.")
    predictions = read_predictions(extra_file)
    if "refusals" not in predictions:
        raise InputError(f"{extra_file} lacks the column refusals; make the bundle's last stage again.")
    return predictions


def _prediction_files(bundle: Bundle) -> tuple[Path, Path]:
    """Return two paths: the file with a run's predictions of extra sets, and elsewhere.csv.gz."""
    folder = bundle.folder / "predictions"
    return folder / EXTRA_PREDICTIONS_FILE, folder / EXTERNAL_PREDICTIONS_FILE


def _prediction_table(answers: ServedAnswers, bundle: Bundle, source: str) -> pd.DataFrame:
    facts = answers.photos.rename(columns={"diagnosis": "truth"})
    facts["flag"] = [flag(diagnosis) for diagnosis in facts["truth"]]
    facts["age"] = facts["age"].map(lambda age: f"{age:g}", na_action="ignore")
    logits = pd.DataFrame(
        np.hstack([answers.logits[mode] for mode in MODES]), columns=_logit_columns(bundle.task)
    )
    predictions = pd.concat([facts[list(FACTS)], logits, answers.checks[["refusals"]]], axis=1)
    predictions = predictions.sort_values("image_id")
    in_training = is_training_source(source, bundle.metadata)
    return _with_out_of_fold_logits(predictions, bundle) if in_training else predictions


def _logit_columns(task: str) -> list[str]:
    return [f"{mode}_{code}" for mode in MODES for code in class_codes(task)]


def _source_metrics(rows: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    task = metadata["task"]
    labels = np.array([class_of(diagnosis, task) for diagnosis in rows["truth"]])
    groups = bootstrap.group_indices(rows["group_id"])
    diagnosis_counts = rows["truth"].value_counts().sort_index()
    # The origin detector (for phone photos and unfamiliar sources) is not evaluated here, because it was fitted on
    # these photos. checks/origin.json has its cross-fitted metrics.
    refusals = rows["refusals"].fillna("").str.split(";")
    metrics = {
        "photos": len(rows),
        "groups": int(rows["group_id"].nunique()),
        "diagnoses": {str(name): int(count) for name, count in diagnosis_counts.items()},
        "checks": {
            "refused": refused_share(sum(codes != [""] for codes in refusals), len(rows)),
            PHOTO_FOREIGN: refused_share(sum(PHOTO_FOREIGN in codes for codes in refusals), len(rows)),
        },
    }
    for mode in MODES:
        probability = calibrated_probabilities(mode_logits(rows, mode, task), metadata["temperature"])
        metrics[mode] = _mode_metrics(rows, labels, probability, groups, metadata)
    return metrics


def _mode_metrics(
    rows: pd.DataFrame, labels: Labels, probability: Floats, groups: Labels, metadata: dict[str, Any]
) -> dict[str, Any]:
    score, thresholds = question_scores(probability, metadata["task"]), metadata["thresholds"]
    cancer, unclear = ((rows["flag"] == name).to_numpy() for name in ("cancer", "may_become_cancer"))
    melanoma = (rows["truth"] == "MEL").to_numpy()
    is_flagged = {name: score[name] >= thresholds[name] for name in ("cancer", "melanoma")}
    return {
        **_auc("cancer", score["cancer"][~unclear], cancer[~unclear], groups[~unclear]),
        **_auc("melanoma", score["melanoma"], melanoma, groups),
        "thresholds": {
            "cancer": threshold_counts(score["cancer"][~unclear], cancer[~unclear], thresholds["cancer"]),
            "melanoma": threshold_counts(score["melanoma"], melanoma, thresholds["melanoma"]),
        },
        "may_become_cancer": {
            "photos": int(unclear.sum()),
            "flagged": int((unclear & is_flagged["cancer"]).sum()),
        },
        "share_of_higher_concern": round_metric((is_flagged["cancer"] | is_flagged["melanoma"]).mean()),
        "mean_confidence": round_metric(probability.max(axis=1).mean()),
        **(_multiclass_metrics(labels, probability, groups, metadata) if (labels >= 0).all() else {}),
    }


def _auc(name: str, score: Floats, positive: Mask, groups: Labels) -> dict[str, Any]:
    """Return the AUC of `name` with its interval, or {} if only one outcome is present."""
    if not has_both_outcomes(positive):
        return {}
    interval = bootstrap.auc_interval(score, positive, bootstrap.renumbered(groups))
    return {
        f"{name}_auc": round_metric(binary_auc(score, positive)),
        f"{name}_auc_interval": to_json_value(interval),
    }


def _multiclass_metrics(
    labels: Labels, probability: Floats, groups: Labels, metadata: dict[str, Any]
) -> dict[str, Any]:
    """Return the metrics over the classes that the source has."""
    decisions = decide_classes(probability, metadata)
    metrics = bootstrap.bootstrap_metrics(labels, probability, decisions, groups)
    return {
        **metrics.as_json(["balanced_accuracy"]),
        "accuracy_most_probable": round_metric(metrics.whole["accuracy_most_probable"]),
        "expected_calibration_error": round_metric(metrics.whole["expected_calibration_error"]),
        "confusion": confusion_counts(labels, decisions, probability.shape[1]).tolist(),
    }
