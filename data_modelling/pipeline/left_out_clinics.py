"""Lets networks answer photos of clinics that they never saw, to learn what answers a new clinic would get.

For each clinic group (one or more clinics) in settings.left_out_clinics, a network trained without the group answers
its photos. Its temperature, decision prior and thresholds are chosen on its stopping photos (other clinics' photos that
decided when its training stopped). The served network (of the app) answers new clinics' photos in settings.unseen_sets.

The score of a photo is its highest cancer probability over five frames (the crop and smaller squares at its corners),
without and with the details. The corner frames are read only if the crop raises no concern and has a score below 0.5.
"""

from dataclasses import asdict

import keras
import numpy as np
import pandas as pd
from msgspec import structs
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets.clinics import clinic_groups, clinics_or_sources
from data_modelling.datasets.extra_sets import companions
from data_modelling.datasets.formats.stored_photo import read_bytes
from data_modelling.datasets.splits.assignment import Mask
from data_modelling.evaluation.clinics.left_out_clinics import known_vetoes, whole_frame_concern
from data_modelling.inference.decision import (
    StatusThresholds,
    calibrated_probabilities,
    cancer_columns,
    predicted_classes,
)
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.modes import MODES, PHOTO_AND_DETAILS, PHOTO_ONLY
from data_modelling.inference.photo.reader import CORNERS, read_corner_frames
from data_modelling.metrics.calibration import CalibrationChoices, choose_calibration, reference_weights
from data_modelling.metrics.predictions import prediction_table, true_classes
from data_modelling.pipeline.run_networks import (
    Run,
    class_shares,
    learned_rows,
    rows_of_clinic,
    run_network,
    run_reference_shares,
    training_and_stopping_rows,
)
from data_modelling.pipeline.work_folder import saved_answers
from data_modelling.safety.gate import gate_threshold, image_features_of_rows
from data_modelling.safety.lesion_detector import load_left_out_detector
from data_modelling.settings import Settings
from data_modelling.training.batches import Examples, predict_logits, select_examples
from data_modelling.training.checkpoint import SERVED_STAGE, left_out_stage
from data_modelling.training.development_set import DevelopmentSet, decode_photos

UNSEEN_FOLDER = "unseen"  # subfolder of the work folder, for the photos and the answers of unseen_sets
OPEN_BELOW = 0.5  # the corner frames are read only if the score of the crop is below this
READ_AT_ONCE = 32  # photos whose corner frames are read and predicted together
Floats = NDArray[np.float64]


def clinic_answers(
    run: Run, unseen: DevelopmentSet | None, served: keras.Model, choices: CalibrationChoices
) -> pd.DataFrame | None:
    """Return the answers for all clinic groups that a recipe leaves out or never sees, or None if there are none.

    unseen: see `unseen_photos`. served, choices: the served network and its calibration. Each photo has a row. The
    columns are image_id, group_id, source, diagnosis, `p_<class>` (from the photo alone), decision (a class code),
    concern, score, clinic, vetoed and refused. concern: whether the answer with the details reaches a threshold.
    vetoed: whether the photo is from a phone or shows a palm, sole or mucosa, which forbids the status no_cancer_class;
    other vetoes are not computed. refused: whether a lesion detector fitted without the clinic refuses the photo.
    """
    answers = [_left_out_answers(run, clinic) for clinic in run.settings.left_out_clinics]
    if unseen is not None:
        answers.append(_unseen_answers(run, unseen, served, choices))
    return pd.concat(answers, ignore_index=True) if answers else None


def _left_out_answers(run: Run, clinic: str) -> pd.DataFrame:
    """Return the answers for a clinic group's photos by the network that was trained without the group."""
    name, table = left_out_stage(clinic), run.development.combined_table()
    photos = table[rows_of_clinic(clinic, run.settings.task)(table)]

    def answers() -> pd.DataFrame:
        network = run_network(run, name)
        _, stops = training_and_stopping_rows(run, name, learned_rows(name))
        return _answers(run, run.development, photos, network, _choices(run, network, stops), stops)

    return saved_answers(run.work / name, photos["image_id"].tolist(), answers)


def _unseen_answers(
    run: Run, unseen: DevelopmentSet, network: keras.Model, choices: CalibrationChoices
) -> pd.DataFrame:
    """Return the answers of the served network for the photos of unseen clinic groups. choices: its calibration."""
    key = {
        "photos": unseen.table["image_id"].tolist(),
        # The clear threshold is chosen later from these answers, so the answers do not depend on it.
        "choices": {
            name: np.asarray(value).tolist()
            for name, value in asdict(choices).items()
            if name != "clear_threshold"
        },
        "weights": [float(np.abs(weight).sum()) for weight in network.get_weights()],
    }

    def answers() -> pd.DataFrame:
        _, stops = training_and_stopping_rows(run, SERVED_STAGE, learned_rows(SERVED_STAGE))
        of_clinics = unseen.table.groupby(clinic_groups(unseen.table["source"]))
        return pd.concat([_answers(run, unseen, rows, network, choices, stops) for _, rows in of_clinics])

    return saved_answers(run.work / UNSEEN_FOLDER, key, answers)


def unseen_photos(run: Run) -> DevelopmentSet | None:
    """Return the photos of settings.unseen_sets whose clinic group has no photo in the run; None if there are no sets.

    No photo of a locked test is among them. Raises InputError like datasets.extra_sets.companions.
    """
    settings, development = run.settings, run.development
    if not settings.unseen_sets:
        return None
    known = structs.replace(settings, more_photos=settings.unseen_sets)
    table, _ = companions(known, development.table, run.folders.data_root, run.folders.splits)
    groups = clinic_groups(table["source"])
    is_new = (groups != "") & ~groups.isin(clinic_groups(development.combined_table()["source"]))
    table = table[is_new & table["diagnosis"].isin(class_codes(settings.task))].reset_index(drop=True)
    photos = decode_photos(table, settings.network.edge, run.work / UNSEEN_FOLDER)
    decoded = ~table["image_id"].isin(list(photos.broken)).to_numpy()
    return DevelopmentSet(table[decoded].reset_index(drop=True), photos.pixels[decoded])


def _refused(run: Run, asked: DevelopmentSet, photos: pd.DataFrame, stops: Mask) -> Mask:
    """Return a mask (N,) of refused photos; the detector is fitted without their clinics. Arguments: see `_answers`."""
    detector = load_left_out_detector(clinic_groups(photos["source"]).iloc[0])
    stopping_features = image_features_of_rows(run.development.pixels, np.flatnonzero(stops))
    features = image_features_of_rows(asked.pixels, photos.index.to_numpy())
    return detector.refuses(features, gate_threshold(detector, stopping_features))


def _choices(run: Run, network: keras.Model, stops: Mask) -> CalibrationChoices:
    """Return temperature, decision prior and thresholds, chosen on the stopping photos, which `stops` selects."""
    settings, table = run.settings, run.development.combined_table()
    stops = stops & table["diagnosis"].isin(class_codes(settings.task)).to_numpy()
    stopping = select_examples(table, run.development.pixels, stops, settings.task)
    predictions = prediction_table(table[stops], _logits(network, stopping), settings.task)
    shares = run_reference_shares(run.work)
    labels = true_classes(predictions, settings.task)
    if shares is None:
        shares = class_shares(run.development.table, settings.task)
    weights = reference_weights(labels, clinics_or_sources(predictions["source"]), shares)
    return choose_calibration(predictions, settings.task, shares, settings.cancer_sensitivity, weights)


def _logits(network: keras.Model, part: Examples) -> dict[str, NDArray[np.floating]]:
    return {mode: predict_logits(network, part, with_details=mode == PHOTO_AND_DETAILS) for mode in MODES}


def _answers(
    run: Run,
    asked: DevelopmentSet,
    photos: pd.DataFrame,
    network: keras.Model,
    choices: CalibrationChoices,
    stops: Mask,
) -> pd.DataFrame:
    """Return the answers of a network for the photos of one clinic group.

    asked: the set with the photos. photos: the group's rows of the set's table. stops: mask of the stopping photos.
    """
    table, task = asked.combined_table(), run.settings.task
    part = select_examples(table, asked.pixels, table.index.isin(photos.index), task)
    probability = {
        mode: calibrated_probabilities(logits, choices.temperature)
        for mode, logits in _logits(network, part).items()
    }
    thresholds = StatusThresholds(choices.cancer_threshold, choices.melanoma_threshold, clear=None)
    concern, score = whole_frame_concern(probability, thresholds, task)
    is_open = ~concern & (score < OPEN_BELOW)
    score[is_open] = np.maximum(
        score[is_open], _frame_scores(run.settings, part, photos["path"], is_open, network, choices)
    )
    decisions = predicted_classes(probability[PHOTO_ONLY], choices.decision_prior)
    codes = class_codes(task)
    return photos[["image_id", "group_id", "source", "diagnosis"]].assign(
        **{f"p_{code}": probability[PHOTO_ONLY][:, index] for index, code in enumerate(codes)},
        decision=[codes[label] for label in decisions],
        concern=concern,
        score=score,
        clinic=clinic_groups(photos["source"]),
        vetoed=known_vetoes(photos),
        refused=_refused(run, asked, photos, stops),
    )


def _frame_scores(
    settings: Settings,
    part: Examples,
    paths: pd.Series,
    chosen: Mask,
    network: keras.Model,
    choices: CalibrationChoices,
) -> Floats:
    """Return the highest cancer probability of each chosen photo over its corner frames, without and with details."""
    edge, cancer = settings.network.edge, cancer_columns(settings.task)
    rows = np.flatnonzero(chosen)
    scores = []
    portions = [rows[start : start + READ_AT_ONCE] for start in range(0, len(rows), READ_AT_ONCE)]
    for some in tqdm(portions, "frames of photos", unit=" portions"):
        frames = np.concatenate(
            [np.stack(read_corner_frames(read_bytes(paths.iloc[row]), edge)) for row in some]
        )
        details = np.repeat(part.details[some], len(CORNERS), axis=0)
        of_frames = Examples(frames, np.arange(len(frames)), np.zeros(len(frames), np.int64), details)
        by_mode = [
            calibrated_probabilities(logits, choices.temperature)[:, cancer].sum(axis=1)
            for logits in _logits(network, of_frames).values()
        ]
        scores.append(np.max(by_mode, axis=0).reshape(len(some), len(CORNERS)).max(axis=1))
    return np.concatenate(scores) if scores else np.zeros(0)
