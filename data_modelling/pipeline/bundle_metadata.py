"""Makes metadata.json of a trained model, and chooses the numbers that turn the model's logits into answers."""

import datetime as dt
import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.clinics import clinics_or_sources
from data_modelling.datasets.registry import facts_of_sources, group_noun
from data_modelling.datasets.splits.assignment import TEST, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.evaluation.metrics_report import NO_LOCKED_TEST
from data_modelling.inference.bundle import FORMAT
from data_modelling.inference.checks.rare_details import (
    AGE_COUNTS_KEY,
    RARE_BELOW_KEY,
    SITE_COUNTS_KEY,
    TEN_YEAR_BANDS,
    age_band,
    rare_threshold,
)
from data_modelling.inference.details import DETAILS_WIDTH, SITES
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.source_facts import ALSO_LEARNED_FROM, OWN_FACTS
from data_modelling.metrics.calibration import CalibrationChoices, choose_calibration, reference_weights
from data_modelling.metrics.predictions import true_classes
from data_modelling.networks.merged_classes import network_head
from data_modelling.pipeline.run_networks import Run, class_shares
from data_modelling.settings import Settings, settings_to_dict
from data_modelling.training.checkpoint import CHECKPOINT_FILE, load_progress

PACKAGES = ("keras", "numpy", "pillow", "scikit-learn")
DIGITS = 6  # decimals of the chosen numbers in metadata.json, and of training histories


@dataclass(frozen=True)
class Reference:
    """Describes the population for which probabilities are calibrated.

    shares: its class shares, (classes,). extra: predictions for the extra sets (further training photos), if any.
    """

    shares: NDArray[np.float64]
    extra: pd.DataFrame | None = None

    def weighted_rows(self, predictions: pd.DataFrame, task: str) -> tuple[pd.DataFrame, NDArray[np.float64]]:
        """Return the predictions on which the calibration is made, and the weight of each row, (N,).

        The rows are those of `predictions`. If the task has no unknown class, the rows of `extra` with a class of the
        task are added. The weights come from metrics.calibration.reference_weights.
        """
        rows = predictions
        if self.extra is not None and learned_class_codes(task) == class_codes(task):
            has_class = self.extra["truth"].isin(class_codes(task))
            rows = pd.concat([predictions, self.extra[has_class]], ignore_index=True)
        sources = clinics_or_sources(rows["source"])
        return rows, reference_weights(true_classes(rows, task), sources, self.shares)

    def prior(self, settings: Settings) -> NDArray[np.float64]:
        """Return the class shares, (classes,), with the recipe's unknown_share for the unknown class."""
        learned = learned_class_codes(settings.task)
        unknown = [code not in learned for code in class_codes(settings.task)]
        known_share = 1 - settings.unknown_share * sum(unknown)
        return np.where(unknown, settings.unknown_share, self.shares * known_share)


def calibration_choices(
    settings: Settings, table: pd.DataFrame, predictions: pd.DataFrame, reference: Reference | None = None
) -> CalibrationChoices:
    """Return temperature, decision prior and thresholds (see CalibrationChoices), chosen on out-of-fold predictions.

    The class shares are those of `reference`, or of the development set `table` if there is no reference.
    """
    if reference is None:
        return choose_calibration(
            predictions, settings.task, class_prior(settings, table), settings.cancer_sensitivity
        )
    rows, weights = reference.weighted_rows(predictions, settings.task)
    shares = reference.prior(settings)
    return choose_calibration(rows, settings.task, shares, settings.cancer_sensitivity, weights)


def class_prior(settings: Settings, table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the share of each class in a table, (classes,); the unknown class gets the recipe's unknown_share."""
    is_learned = np.isin(class_codes(settings.task), learned_class_codes(settings.task))
    return np.where(is_learned, class_shares(table, settings.task), settings.unknown_share)


def shares_by_class(settings: Settings, shares: NDArray[np.float64]) -> dict[str, float]:
    """Return class shares, an array (classes,), as a dictionary by class code."""
    return dict(zip(class_codes(settings.task), shares.tolist(), strict=True))


def choices_as_json(choices: CalibrationChoices, task: str) -> dict[str, Any]:
    """Return the choices as they are in metadata.json."""
    prior = np.round(choices.decision_prior, DIGITS).tolist()
    return {
        "temperature": round(choices.temperature, DIGITS),
        "decision_prior": dict(zip(class_codes(task), prior, strict=True)),
        "thresholds": {
            # The first two are rounded down, so that every photo at or above the exact threshold is still flagged.
            "cancer": _round_down(choices.cancer_threshold),
            "melanoma": _round_down(choices.melanoma_threshold),
            **({} if choices.clear_threshold is None else {"clear": choices.clear_threshold}),
        },
    }


def training_histories(work: Path) -> dict[str, list[dict[str, float]]]:
    """Return, by the name of each network of a run, the losses and metrics of each epoch; undefined ones are absent."""
    return {
        path.parent.name: [
            {name: round(value, DIGITS) for name, value in epoch.items() if not np.isnan(value)}
            for epoch in load_progress(path).history
        ]
        for path in sorted(work.glob(f"*/{CHECKPOINT_FILE}"))
    }


def bundle_metadata(run: Run, network: keras.Model, choices: CalibrationChoices) -> dict[str, Any]:
    """Return the content of metadata.json without the keys that are in SafetyParts.metadata."""
    settings, table = run.settings, run.development.table
    split, classes = split_file(run.folders.splits, settings.split), class_codes(settings.task)
    head = network_head(network)
    groups = {"groups": [list(group) for group in head.groups]} if head.groups else {}
    learned = len(head.bias) if groups else len(learned_class_codes(settings.task))
    has_test = TEST in set(read_split(split)["part"])
    own_facts = facts_of_sources(set(table["source"]))
    return {
        "format": FORMAT,
        "name": settings.name,
        "version": settings.version,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "task": settings.task,
        "classes": list(classes),
        "edge": settings.network.edge,
        "details_width": DETAILS_WIDTH,
        **choices_as_json(choices, settings.task),
        "chosen_on": f"out-of-fold photos of fold {', '.join(map(str, settings.figure_folds))}",
        # logits = transposed kernel * embedding + bias + output of the details branch.
        "head": {"kernel": head.kernel[:, :learned].tolist(), "bias": head.bias[:learned].tolist(), **groups},
        "data": {
            "sources": sorted(table["source"].unique().tolist()),
            "photos": len(table),
            "groups": int(table["group_id"].nunique()),
            "counts": table["diagnosis"].value_counts().reindex(classes, fill_value=0).to_dict(),
            AGE_COUNTS_KEY: _groups_by(table, table["age"].map(age_band, na_action="ignore"), TEN_YEAR_BANDS),
            SITE_COUNTS_KEY: _groups_by(table, table["site"], SITES),
            RARE_BELOW_KEY: rare_threshold(int(table["group_id"].nunique())),
            "split": split.name,
            "split_sha256": hashlib.sha256(split.read_bytes()).hexdigest(),
            "locked_test": "never read in training" if has_test else NO_LOCKED_TEST,
            "grouped_by": group_noun(settings.dataset),
            **({OWN_FACTS: own_facts} if own_facts else {}),
        },
        ALSO_LEARNED_FROM: [],
        "licence": "CC BY-NC 4.0 (because of the training data)",
        "parameters": network.count_params(),
        "layers": _layers(network),
        "settings": settings_to_dict(settings),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _groups_by(table: pd.DataFrame, values: pd.Series, categories: Sequence[str]) -> dict[str, int]:
    """Return how many groups have each value; a group with photos at two ages counts for both ages."""
    counts = table.groupby(values)["group_id"].nunique()
    return {name: int(counts.get(name, 0)) for name in categories}


def _layers(network: keras.Model) -> list[dict[str, Any]]:
    """Return branch, name, kind, output shape and parameters of each layer, for the plot of the architecture."""
    rows = []
    for branch in ("image_branch", "details_branch"):
        for layer in network.get_layer(branch).layers:
            shape = [n for n in layer.output.shape[1:] if n is not None]
            row = {"branch": branch, "layer": layer.name, "kind": type(layer).__name__}
            rows.append(row | {"shape": shape, "parameters": layer.count_params()})
    return rows


def _round_down(value: float) -> float:
    return float(np.floor(value * 10**DIGITS) / 10**DIGITS)
