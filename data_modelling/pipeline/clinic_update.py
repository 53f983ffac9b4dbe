"""The update of a bundle with its answers at clinics it never saw: the clear threshold, and quality checks that spare them."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from data_modelling.evaluation.clinics.left_out_clinics import LEFT_OUT_CLINICS_FILE, write_left_out_clinics
from data_modelling.inference.checks.image_quality import QualityThresholds
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.metrics.calibration import CalibrationChoices
from data_modelling.pipeline.bundle_assembly import choices_as_json, class_prior, shares_by_class
from data_modelling.pipeline.left_out_clinics import clinic_answers, unseen_photos
from data_modelling.pipeline.run_data import DataFolders, open_run
from data_modelling.pipeline.work_folder import check_work_folder, has_same_settings
from data_modelling.safety.clear_threshold import fit_clear_threshold
from data_modelling.safety.image_quality import count_reasons, photo_measures, source_measures, spare_sources
from data_modelling.safety.safety_stages import other_source_measures
from data_modelling.settings import Settings, settings_to_dict


def write_clinic_answers(folder: Path, settings: Settings, work: Path, folders: DataFolders) -> list[str]:
    """Write the answers at clinics that the networks never saw into a bundle, and what follows from them.

    This is the clear threshold, the shares that the probabilities are calibrated for, and quality checks that fire on few
    photos of each source. settings: of the bundle's recipe, which may name other clinics than the bundle's own settings.
    work: the work folder of the recipe; the networks without a clinic are trained there if they are missing. Returns the
    skipped inputs as text. Raises InputError if the recipe is not that of the bundle.
    """
    metadata = json.loads((folder / "metadata.json").read_text())
    _refuse_other_recipe(metadata, settings, work)
    run = open_run(settings, folders, work)
    development, unseen = run.development, unseen_photos(run)
    choices = _choices(metadata)
    network = keras.saving.load_model(folder / "model.keras", compile=False)
    answers = clinic_answers(run, unseen, network, choices)
    if answers is None:
        raise InputError("The recipe names no clinic: add left_out_clinics or unseen_sets.")
    write_left_out_clinics(folder / "predictions" / LEFT_OUT_CLINICS_FILE, answers)
    choices = replace(choices, clear_threshold=fit_clear_threshold(answers)[0])
    own = source_measures(development.table, photo_measures(development.table, development.pixels))
    measures = pd.concat([own, other_source_measures(development, unseen)])
    quality = spare_sources(QualityThresholds.from_metadata(metadata), measures)
    metadata |= {
        "version": settings.version,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "settings": settings_to_dict(settings),
        "thresholds": choices_as_json(choices, settings.task)["thresholds"],
        "reference_shares": shares_by_class(settings, class_prior(settings, development.table)),
        "quality": quality.as_json(),
        "quality_reasons": count_reasons(quality, measures),
    }
    with atomic_write(folder / "metadata.json") as temporary:
        temporary.write_text(json.dumps(metadata, indent=1) + "\n")
    return run.left_out


def _choices(metadata: dict[str, Any]) -> CalibrationChoices:
    """Return what was chosen for a bundle."""
    prior = np.array([metadata["decision_prior"][code] for code in class_codes(metadata["task"])])
    thresholds = metadata["thresholds"]
    return CalibrationChoices(
        metadata["temperature"], prior, thresholds["cancer"], thresholds["melanoma"], thresholds.get("clear")
    )


def _refuse_other_recipe(metadata: dict[str, Any], settings: Settings, work: Path) -> None:
    """Raise InputError if the bundle, or the work folder, has another recipe."""
    check_work_folder(work, settings, resume=True)
    if not has_same_settings(metadata["settings"], settings):
        raise InputError(
            f"The bundle {metadata['name']} {metadata['version']} was trained with other settings."
        )
