"""Answers for the photos of a clinic group by a network that never saw the group: what a new clinic gets.

For a clinic group among the run's photos, this is a network trained without the group. Its temperature, decision prior and
thresholds are chosen on its stopping photos, which are of other clinics. For a clinic group of `unseen_sets`, it is the
served network itself.

The score of a photo is its highest cancer probability over five frames, without and with the details (see
inference.status). The four other frames are read only if the photo may be clear after the first.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from msgspec import structs
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets.clinics import clinic_groups, clinics_or_sources
from data_modelling.datasets.extra_sets import companions
from data_modelling.datasets.formats.stored_photo import read_bytes
from data_modelling.datasets.registry import phone_folders
from data_modelling.inference.decision import (
    calibrated_probabilities,
    cancer_columns,
    melanoma_column,
    predicted_classes,
)
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.modes import MODES, PHOTO_AND_DETAILS, PHOTO_ONLY
from data_modelling.inference.photo.reader import CORNERS, read_corner_frames
from data_modelling.inference.status import ACRAL_OR_MUCOSAL_SITES
from data_modelling.metrics.calibration import CalibrationChoices, choose_calibration
from data_modelling.metrics.predictions import prediction_table, true_classes
from data_modelling.metrics.reference_weights import reference_weights
from data_modelling.pipeline.run_data import DataFolders
from data_modelling.pipeline.run_networks import (
    all_rows,
    class_shares,
    left_out_network,
    rows_of_clinic,
    rows_of_other_clinics,
    run_reference_shares,
    training_and_stopping_rows,
)
from data_modelling.safety.gate import gate_threshold, image_features_of_rows
from data_modelling.safety.lesion_detector import load_left_out_detector
from data_modelling.settings import Settings
from data_modelling.training.batches import Examples, predict_logits, select_examples
from data_modelling.training.checkpoint import SERVED_STAGE, left_out_stage
from data_modelling.training.development_set import DevelopmentSet
from data_modelling.training.photo_cache import decode_photos

ANSWERS_FILE = "answers.csv"  # in the folder of the network
UNSEEN_FOLDER = "unseen"  # of the decoded photos of unseen sets, in the work folder
DECIMALS = 6  # of probabilities
OPEN_BELOW = (
    0.5  # a first frame with a higher cancer probability is never clear: the other frames are not read
)
READ_AT_ONCE = 32  # photos
Floats = NDArray[np.float64]


def clinic_answers(
    settings: Settings,
    development: DevelopmentSet,
    unseen: DevelopmentSet | None,
    served: keras.Model,
    choices: CalibrationChoices,
    work: Path,
) -> pd.DataFrame | None:
    """Return the answers for all clinic groups that a recipe leaves out or never sees; None if there are none.

    unseen: from `unseen_photos`. served, choices: the run's network and what was chosen for it.
    """
    answers = [left_out_answers(settings, development, clinic, work) for clinic in settings.left_out_clinics]
    if unseen is not None:
        answers.append(unseen_answers(settings, development, unseen, served, choices, work))
    return pd.concat(answers, ignore_index=True) if answers else None


def left_out_answers(
    settings: Settings, development: DevelopmentSet, clinic: str, work: Path
) -> pd.DataFrame:
    """Return the answers for a clinic group's photos of the development set, one row for each.

    Columns: image_id, group_id, source, diagnosis, clinic, `p_<class>` for each class (photo alone), decision (a class
    code), concern (whether a threshold is reached, with the details), score, refused (by a detector of lesion photos
    and a threshold that never saw the clinic) and vetoed (phone photos, palms, soles and
    mucosa; other vetoes would only clear fewer photos). They are saved in ANSWERS_FILE.
    """
    table = development.combined_table()
    photos = table[rows_of_clinic(clinic, settings.task)(table)]
    path = work / left_out_stage(clinic) / ANSWERS_FILE
    if not path.exists() or pd.read_csv(path, dtype={"image_id": str})["image_id"].tolist() != list(
        photos["image_id"]
    ):
        network = left_out_network(settings, development, clinic, work)
        choices = _choices(settings, development, clinic, network, work)
        stops = _stopping_rows(settings, development, clinic, work)
        answers = _answers(settings, development, photos, network, choices).assign(
            refused=_refused(clinic, development.pixels, photos, development.pixels, stops)
        )
        _write_answers(path, answers)
    return _read_answers(path)


def _write_answers(path: Path, answers: pd.DataFrame) -> None:
    with atomic_write(path) as temporary:
        answers.to_csv(temporary, index=False, float_format=f"%.{DECIMALS}f", lineterminator="\n")


def _read_answers(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"image_id": str, "group_id": str})


def unseen_photos(
    settings: Settings, folders: DataFolders, development: DevelopmentSet, work: Path
) -> DevelopmentSet | None:
    """Return the photos of settings.unseen_sets whose clinic group has no photo in the run; None without such sets.

    No photo of a locked test is among them. Raises InputError like datasets.extra_sets.companions.
    """
    if not settings.unseen_sets:
        return None
    known = structs.replace(settings, more_photos=settings.unseen_sets)
    table, _ = companions(known, development.table, folders.data_root, folders.splits)
    groups = clinic_groups(table["source"])
    is_new = (groups != "") & ~groups.isin(clinic_groups(development.combined_table()["source"]))
    table = table[is_new & table["diagnosis"].isin(class_codes(settings.task))].reset_index(drop=True)
    photos = decode_photos(table, settings.network.edge, work / UNSEEN_FOLDER)
    decoded = ~table["image_id"].isin(list(photos.broken)).to_numpy()
    return DevelopmentSet(table[decoded].reset_index(drop=True), photos.pixels[decoded])


def unseen_answers(
    settings: Settings,
    development: DevelopmentSet,
    unseen: DevelopmentSet,
    network: keras.Model,
    choices: CalibrationChoices,
    work: Path,
) -> pd.DataFrame:
    """Return the answers of the served network for the photos of unseen clinic groups, as `left_out_answers` does.

    choices: those of the run. The answers are saved, with what they depend on, in the folder of the unseen photos.
    """
    folder = work / UNSEEN_FOLDER
    key = json.dumps(
        {
            "photos": unseen.table["image_id"].tolist(),
            # The clear threshold follows from the answers.
            "choices": {
                name: np.asarray(value).tolist()
                for name, value in asdict(choices).items()
                if name != "clear_threshold"
            },
            "weights": [float(np.abs(weight).sum()) for weight in network.get_weights()],
        }
    )
    path, note = folder / ANSWERS_FILE, folder / "answers.json"
    if not (path.exists() and note.exists() and note.read_text() == key):
        note.unlink(missing_ok=True)
        _, stops = training_and_stopping_rows(settings, development, all_rows, work / SERVED_STAGE)
        answers = []
        for clinic in sorted(set(clinic_groups(unseen.table["source"]))):
            photos = unseen.table[rows_of_clinic(clinic, settings.task)(unseen.table)]
            refused = _refused(clinic, unseen.pixels, photos, development.pixels, stops)
            answers.append(_answers(settings, unseen, photos, network, choices).assign(refused=refused))
        _write_answers(path, pd.concat(answers, ignore_index=True))
        with atomic_write(note) as temporary:
            temporary.write_text(key)
    return _read_answers(path)


def _refused(
    clinic: str,
    pixels: NDArray[np.uint8],
    photos: pd.DataFrame,
    stopping_pixels: NDArray[np.uint8],
    stops: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return a mask (N,) of the photos refused by a gate that was fitted without the clinic; see safety.gate.

    photos: rows of `pixels`, by their index. stops: mask of the rows of `stopping_pixels` that give the threshold.
    """
    detector = load_left_out_detector(clinic)
    threshold = gate_threshold(detector, image_features_of_rows(stopping_pixels, np.flatnonzero(stops)))
    return detector.refuses(image_features_of_rows(pixels, photos.index.to_numpy()), threshold)


def _stopping_rows(
    settings: Settings, development: DevelopmentSet, clinic: str, work: Path
) -> NDArray[np.bool_]:
    """Return a mask (N,) of the photos that stopped the training of the network without the clinic."""
    folder = work / left_out_stage(clinic)
    return training_and_stopping_rows(settings, development, rows_of_other_clinics(clinic), folder)[1]


def _choices(
    settings: Settings, development: DevelopmentSet, clinic: str, network: keras.Model, work: Path
) -> CalibrationChoices:
    """Return temperature, decision prior and thresholds, chosen on the photos that stopped the network's training."""
    table = development.combined_table()
    stops = _stopping_rows(settings, development, clinic, work)
    stops &= table["diagnosis"].isin(class_codes(settings.task)).to_numpy()
    stopping = select_examples(table, development.pixels, stops, settings.task)
    predictions = prediction_table(table[stops], _logits(network, stopping), settings.task)
    shares = run_reference_shares(work)
    labels = true_classes(predictions, settings.task)
    if shares is None:
        shares = class_shares(development.table, settings.task)
    weights = reference_weights(labels, clinics_or_sources(predictions["source"]), shares)
    return choose_calibration(predictions, settings.task, shares, settings.cancer_sensitivity, weights)


def _logits(network: keras.Model, part: Examples) -> dict[str, NDArray[np.floating]]:
    return {mode: predict_logits(network, part, with_details=mode == PHOTO_AND_DETAILS) for mode in MODES}


def _answers(
    settings: Settings,
    development: DevelopmentSet,
    photos: pd.DataFrame,
    network: keras.Model,
    choices: CalibrationChoices,
) -> pd.DataFrame:
    table, task = development.combined_table(), settings.task
    mask = table.index.isin(photos.index)
    part = select_examples(table, development.pixels, mask, task)
    probability = {
        mode: calibrated_probabilities(logits, choices.temperature)
        for mode, logits in _logits(network, part).items()
    }
    cancer = {mode: values[:, cancer_columns(task)].sum(axis=1) for mode, values in probability.items()}
    melanoma = probability[PHOTO_AND_DETAILS][:, melanoma_column(task)]
    concern = (cancer[PHOTO_AND_DETAILS] >= choices.cancer_threshold) | (
        melanoma >= choices.melanoma_threshold
    )
    score = np.maximum(*(cancer[mode] for mode in MODES))
    is_open = ~concern & (score < OPEN_BELOW)
    score[is_open] = np.maximum(
        score[is_open], _frame_scores(settings, part, photos["path"], is_open, network, choices)
    )
    decisions = predicted_classes(probability[PHOTO_ONLY], choices.decision_prior)
    codes = class_codes(task)
    return photos[["image_id", "group_id", "source", "diagnosis"]].assign(
        **{f"p_{code}": probability[PHOTO_ONLY][:, index] for index, code in enumerate(codes)},
        decision=[codes[label] for label in decisions],
        concern=concern,
        score=score,
        clinic=clinic_groups(photos["source"]),
        vetoed=photos["source"].isin(phone_folders()) | photos["site"].isin(ACRAL_OR_MUCOSAL_SITES),
    )


def _frame_scores(
    settings: Settings,
    part: Examples,
    paths: pd.Series,
    chosen: NDArray[np.bool_],
    network: keras.Model,
    choices: CalibrationChoices,
) -> Floats:
    """Return the highest cancer probability of the four other frames, without and with the details, of the chosen photos."""
    edge, cancer = settings.network.edge, cancer_columns(settings.task)
    rows = np.flatnonzero(chosen)
    scores = []
    for some in tqdm(list(_portions(rows)), "frames of photos", unit=" portions"):
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


def _portions(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), READ_AT_ONCE):
        yield rows[start : start + READ_AT_ONCE]
