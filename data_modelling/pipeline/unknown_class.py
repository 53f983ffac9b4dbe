"""Adds the unknown class to predictions, for photos that belong to none of the classes that the network learned.

Networks that were trained without one of the known classes show how such photos look to a network.
"""

import pandas as pd

from data_modelling.datasets.splits.assignment import fold_mask
from data_modelling.inference.diagnoses import class_codes
from data_modelling.metrics.calibration import fit_temperature
from data_modelling.pipeline.bundle_metadata import Reference
from data_modelling.pipeline.run_networks import Run, learned_rows, run_network, training_and_stopping_rows
from data_modelling.pipeline.work_folder import class_stage, saved_answers
from data_modelling.safety.gate import fit_fold_gate, gate_distances, gate_inputs
from data_modelling.safety.gate_scores import read_gate_scores
from data_modelling.safety.rejection_score import (
    FittedRejectionScore,
    add_rejection_logits,
    fit_rejection_score,
    left_out_rows,
)
from data_modelling.safety.safety_stages import run_gate_stage
from data_modelling.training.batches import predict_logits, select_examples


def add_unknown_class(
    run: Run, predictions: pd.DataFrame, reference: Reference | None
) -> tuple[pd.DataFrame, FittedRejectionScore]:
    """Return the predictions with the logit of the unknown class, and the rejection score that gives this logit.

    The score is fitted on the outputs of networks that were each trained without one class of the recipe's `left_out`.
    """
    settings, development = run.settings, run.development
    weights = None if reference is None else reference.weighted_rows(predictions, settings.task)[1]
    temperature = fit_temperature(predictions, settings.task, weights)
    fold = settings.figure_folds[0]
    photos = development.table[fold_mask(development.table, fold)]
    rows = []
    for code in settings.left_out:
        outputs = _outputs_without_class(run, code, fold)
        logits, distances = outputs.drop(columns="distance").to_numpy(), outputs["distance"].tolist()
        rows.append(left_out_rows(photos, logits, distances, code, settings.task, temperature))
    score = fit_rejection_score(pd.concat(rows, ignore_index=True), settings.unknown_share, settings.task)
    gate_scores = read_gate_scores(run_gate_stage(settings, development, run.work))
    gate_distance = gate_scores.set_index("image_id")["distance"]
    return add_rejection_logits(predictions, gate_distance, score.weights, settings.task, temperature), score


def _outputs_without_class(run: Run, code: str, fold: int) -> pd.DataFrame:
    """Return a row for each photo of a fold, from the network that was trained without this fold and this class.

    The columns are the logit of each class, and `distance`: how far the photo is from the network's training photos.
    """
    settings, table, pixels = run.settings, run.development.table, run.development.pixels
    name = class_stage(settings, code)
    selector, in_fold = learned_rows(name), fold_mask(table, fold)
    image_ids = table["image_id"][in_fold].tolist()
    training_and_stopping_rows(run, name, selector)

    def outputs() -> pd.DataFrame:
        network = run_network(run, name)
        gate = fit_fold_gate(settings, table, pixels, selector(table), network).gate
        distances = gate_distances(gate, gate_inputs(settings, table, pixels, in_fold, network))
        held_out = select_examples(table, pixels, in_fold, settings.task)
        logits = predict_logits(network, held_out, with_details=False)
        return pd.DataFrame(logits, columns=list(class_codes(settings.task))).assign(distance=distances)

    return saved_answers(run.work / name, image_ids, outputs)
