"""The served model on sources that it was not trained on: committed predictions, and the figures from them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.elsewhere import ELSEWHERE, class_of, flag, load
from data_modelling.datasets.roots import MissingDataError
from data_modelling.evaluation import intervals, metrics, reliability
from data_modelling.evaluation.figures import decide
from data_modelling.evaluation.markdown import listed
from data_modelling.evaluation.predictions import MODES, MORE, logits, read_predictions
from data_modelling.evaluation.questions import auc, cost, has_both, scores
from data_modelling.evaluation.rounding import plain, rounded
from data_modelling.evaluation.serving import Served, served
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks import PHOTO_FOREIGN, refusals_of
from data_modelling.inference.decision import probabilities
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.source_facts import LEARNED_TOO
from data_modelling.rejection.counts import share

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

NAME = "elsewhere.csv"
# truth: a diagnosis as datasets.elsewhere names them. flag: whether it is cancer (see inference.diagnoses).
FACTS = ("image_id", "group_id", "source", "truth", "flag", "age", "sex", "site")


def predict_elsewhere(bundle: Bundle, data_root: Path | None, splits: Path) -> list[str]:
    """Write predictions/elsewhere.csv of the bundle; returns what was left out, as text.

    The bundle's own sources are passed over, and those of LEARNED_TOO, of which no network said anything unseen; those
    that are not there are left out; InputError when none is. Photos of a set that trained too are judged by the networks
    that saw none of their fold, and by these networks' gates; what they said moves from MORE into the file, for a
    committed bundle is to be small. InputError, and nothing written, where that would lose some of it.
    """
    predictor = Predictor(bundle)
    tables, left_out, absent = [], [], []
    for elsewhere in ELSEWHERE:
        if elsewhere.name in _not_judged(bundle.metadata):
            continue
        try:
            table, report = load(elsewhere, data_root, splits)
        except MissingDataError as error:
            left_out.append(str(error))
            absent.append(elsewhere.name)
            continue
        found = served(predictor, table, elsewhere.name)
        kept = table[~table["image_id"].isin(list(found.broken))].reset_index(drop=True)
        predicted = _prediction_table(kept, found, bundle.task)
        if is_learned_from(elsewhere.name, bundle.metadata):
            predicted = _by_others(predicted, bundle)
        tables.append(predicted)
        left_out += [f"{elsewhere.name}: {report}"] if report else []
        left_out += [f"{image_id}: {message}" for image_id, message in found.broken.items()]
    fresh, target = (bundle.folder / "predictions" / name for name in (MORE, NAME))
    waiting = [name for name in absent if is_learned_from(name, bundle.metadata)]
    if waiting and not fresh.exists():
        raise InputError(
            f"The photos of {listed(waiting)} are not there, and what was said of them is in {target} alone: it is left as "
            "it was."
        )
    if not tables:
        raise InputError("No source is there on which the bundle was not trained:\n" + "\n".join(left_out))
    with replaced_when_whole(target) as temporary:
        pd.concat(tables).to_csv(temporary, index=False, float_format="%.2f", lineterminator="\n")
    if not waiting:
        fresh.unlink(missing_ok=True)
    return left_out


def read_elsewhere(path: Path, task: str) -> pd.DataFrame:
    """Predictions as written; InputError when a column is missing."""
    predictions = pd.read_csv(path, dtype={"image_id": str, "group_id": str, "truth": str})
    columns = [*FACTS, *(f"{mode}_{code}" for mode in MODES for code in codes(task)), "refusals"]
    missing = [column for column in columns if column not in predictions]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]}; make it again with --elsewhere.")
    return predictions


def figures_elsewhere(predictions: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Figures by source; a question without photos of both kinds has none.

    Cancer is judged on cancers against benign lesions; what may become cancer (actinic keratosis) is in neither,
    and how much of it is flagged is told beside. Classes and calibration are judged where every photo's
    diagnosis is one of the model's classes. Patients are drawn whole.
    """
    return {
        elsewhere.name: _of_source(rows.reset_index(drop=True), metadata)
        | {
            "phone": elsewhere.phone,
            "benign_at_most": elsewhere.benign_at_most,
            "learned_from": is_learned_from(elsewhere.name, metadata),
        }
        for elsewhere in ELSEWHERE
        if len(rows := predictions[predictions["source"] == elsewhere.name])
    }


def is_learned_from(source: str, metadata: dict[str, Any]) -> bool:
    """Whether photos of a source trained the bundle beside its own."""
    return source in metadata.get("more", {})


def _not_judged(metadata: dict[str, Any]) -> set[str]:
    return {*metadata["data"]["sources"], *metadata.get(LEARNED_TOO, [])}


def _by_others(predicted: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """The predictions with the logits of the networks that saw none of their fold, and with what their gates refuse.

    Photos of no judged fold are dropped.
    """
    others = _said_by_others(bundle).set_index("image_id")
    columns = [f"{mode}_{code}" for mode in MODES for code in codes(bundle.task)]
    kept = predicted[predicted["image_id"].isin(others.index)].copy()
    found = others.loc[kept["image_id"]]
    kept[columns] = found[columns].to_numpy()
    kept["refusals"] = [
        _with_gate_of_another(refusals, other)
        for refusals, other in zip(kept["refusals"], found["refusals"].fillna(""), strict=True)
    ]
    return kept


def _with_gate_of_another(refusals: str, other: str) -> str:
    """Refusals, joined by `;`: those by quality of the served model, that as foreign of another network's gate."""
    by_quality = tuple(code for code in refusals.split(";") if code not in ("", PHOTO_FOREIGN))
    return ";".join(refusals_of(by_quality, PHOTO_FOREIGN in other.split(";")))


def _said_by_others(bundle: Bundle) -> pd.DataFrame:
    """What the networks that saw none of their fold said of the other sets' photos; InputError when it is gone."""
    fresh, moved = (bundle.folder / "predictions" / name for name in (MORE, NAME))
    if fresh.exists():
        said = read_predictions(fresh)
        if "refusals" not in said:
            raise InputError(f"{fresh} lacks the column refusals; make the bundle's last stage again.")
        return said
    if moved.exists():
        return read_elsewhere(moved, bundle.task)
    raise InputError(
        f"{fresh} is missing, in which the run that made the bundle left it; copy it from there."
    )


def _prediction_table(table: pd.DataFrame, found: Served, task: str) -> pd.DataFrame:
    facts = table.rename(columns={"diagnosis": "truth"})
    facts["flag"] = [flag(diagnosis) for diagnosis in facts["truth"]]
    facts["age"] = facts["age"].map(lambda age: f"{age:g}", na_action="ignore")
    columns = {
        f"{mode}_{code}": found.logits[mode][:, index]
        for mode in MODES
        for index, code in enumerate(codes(task))
    }
    return pd.concat(
        [facts[list(FACTS)], pd.DataFrame(columns), found.checks[["refusals"]]], axis=1
    ).sort_values("image_id")


def _of_source(rows: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    task = metadata["task"]
    labels = np.array([class_of(diagnosis, task) for diagnosis in rows["truth"]])
    groups = intervals.group_indices(rows["group_id"])
    counts = rows["truth"].value_counts().sort_index()
    return {
        "photos": len(rows),
        "groups": int(rows["group_id"].nunique()),
        "diagnoses": {str(name): int(count) for name, count in counts.items()},
        "checks": _checks(rows),
        **{
            mode: _of_mode(
                rows,
                labels,
                probabilities(logits(rows, mode, task), metadata["temperature"]),
                groups,
                metadata,
            )
            for mode in MODES
        },
    }


def _checks(rows: pd.DataFrame) -> dict[str, Any]:
    """How many photos are refused, and how many of them as foreign.

    Not how many their pixels give away as a phone's or another clinic's: the detectors were fitted on these photos,
    and their own figures (inference/origin.json) are crosswise.
    """
    refusals = rows["refusals"].fillna("").str.split(";")
    return {
        "refused": share(sum(codes != [""] for codes in refusals), len(rows)),
        PHOTO_FOREIGN: share(sum(PHOTO_FOREIGN in codes for codes in refusals), len(rows)),
    }


def _of_mode(
    rows: pd.DataFrame, labels: Labels, probability: Floats, groups: Labels, metadata: dict[str, Any]
) -> dict[str, Any]:
    score = scores(probability, metadata["task"])
    cancer, unsure = ((rows["flag"] == name).to_numpy() for name in ("cancer", "may_become_cancer"))
    melanoma = (rows["truth"] == "MEL").to_numpy()
    thresholds = metadata["thresholds"]
    flagged = (score["cancer"] >= thresholds["cancer"]) | (score["melanoma"] >= thresholds["melanoma"])
    return {
        **_question("cancer", score["cancer"], cancer, groups, ~unsure),
        **_question("melanoma", score["melanoma"], melanoma, groups, np.ones(len(rows), bool)),
        "thresholds": {
            "cancer": cost(score["cancer"][~unsure], cancer[~unsure], thresholds["cancer"]),
            "melanoma": cost(score["melanoma"], melanoma, thresholds["melanoma"]),
        },
        "may_become_cancer": {
            "photos": int(unsure.sum()),
            "flagged": int((score["cancer"][unsure] >= thresholds["cancer"]).sum()),
        },
        "share_of_higher_concern": rounded(flagged.mean()),
        "mean_confidence": rounded(probability.max(axis=1).mean()),
        **(_of_classes(labels, probability, groups, metadata) if (labels >= 0).all() else {}),
    }


def _question(name: str, score: Floats, positive: Truth, groups: Labels, among: Truth) -> dict[str, Any]:
    """AUC of a question with its interval, over the rows in `among`."""
    if not has_both(positive[among]):
        return {}
    numbered = np.unique(groups[among], return_inverse=True)[1].astype(np.int64)
    between = intervals.auc_interval(score[among], positive[among], numbered)
    return {
        f"{name}_auc": rounded(auc(score[among], positive[among])),
        f"{name}_auc_interval": plain(between),
    }


def _of_classes(
    labels: Labels, probability: Floats, groups: Labels, metadata: dict[str, Any]
) -> dict[str, Any]:
    """The figures over the classes that the source has."""
    decided = decide(probability, metadata)
    matrix = metrics.confusion(labels, decided, probability.shape[1])
    return {
        "balanced_accuracy": rounded(metrics.balanced_accuracy(matrix)),
        "balanced_accuracy_interval": plain(intervals.balanced_accuracy_interval(labels, decided, groups)),
        "accuracy_most_probable": rounded(np.mean(probability.argmax(axis=1) == labels)),
        "expected_calibration_error": rounded(reliability.expected_calibration_error(labels, probability)),
        "confusion": matrix.tolist(),
    }
