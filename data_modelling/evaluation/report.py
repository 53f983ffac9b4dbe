"""Figures, plots and card of a bundle, all from the bundle's own predictions and metadata."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.evaluation import elsewhere, melanoma, odd_one_out, openings, plots
from data_modelling.evaluation.card import write_card
from data_modelling.evaluation.figures import NO_LOCKED_TEST, figures
from data_modelling.evaluation.fit_to_served import bars, fit_to_served
from data_modelling.evaluation.predictions import read_predictions
from data_modelling.evaluation.shortcut_plots import draw_shortcuts
from data_modelling.evaluation.shortcuts import FILE as SHORTCUTS
from data_modelling.evaluation.shortcuts import read_shortcuts, shortcut_figures
from data_modelling.evaluation.style import page
from data_modelling.inference.bundle import write_sums
from data_modelling.inference.files import replaced_when_whole
from data_modelling.rejection.foreign_test import TABLE as FOREIGN
from data_modelling.rejection.foreign_test import foreign_figures, read_table
from data_modelling.rejection.gate_scores import SCORES, gate_figures, read_scores
from data_modelling.rejection.origin import origin_figures
from data_modelling.rejection.severity import FILE as SEVERITY
from data_modelling.rejection.severity import severity_figures
from data_modelling.rejection.unknown import FILE as LEFT_OUT
from data_modelling.rejection.unknown import read_left_out, unknown_figures

OUT_OF_FOLD, LOCKED_TEST = "out_of_fold", "locked_test"


def write_report(folder: Path) -> dict[str, Any]:
    """Write metrics.json, plots/, README.md and SHA256SUMS of the bundle in `folder`; returns the figures.

    Reads metadata.json, history.json, predictions/*.csv and openings.csv; neither photos nor the network.
    """
    metadata = json.loads((folder / "metadata.json").read_text())
    predictions = _predictions(folder)
    values = _figures(folder, metadata, predictions)
    with replaced_when_whole(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n")
    history = json.loads((folder / "history.json").read_text())
    plots.draw_all(folder / "plots", metadata, values, history, predictions[OUT_OF_FOLD])
    if "shortcuts" in values[OUT_OF_FOLD]:
        with page(folder / "plots" / "shortcuts.png", 14, 4.2, colours=128) as figure:
            draw_shortcuts(figure, values[OUT_OF_FOLD]["shortcuts"])
    write_card(folder / "README.md", metadata, values)
    write_sums(folder)
    return values


def all_figures(folder: Path) -> dict[str, Any]:
    """The figures as `write_report` writes them into metrics.json; nothing is written."""
    metadata = json.loads((folder / "metadata.json").read_text())
    return _figures(folder, metadata, _predictions(folder))


def _predictions(folder: Path) -> dict[str, pd.DataFrame]:
    """By part, of those that the bundle has."""
    return {
        part: read_predictions(path)
        for part in (OUT_OF_FOLD, LOCKED_TEST)
        if (path := folder / "predictions" / f"{part}.csv").exists()
    }


def _figures(folder: Path, metadata: dict[str, Any], predictions: dict[str, pd.DataFrame]) -> dict[str, Any]:
    found = {part: figures(rows, metadata) for part, rows in predictions.items()}
    shortcuts = folder / "predictions" / SHORTCUTS
    if shortcuts.exists():
        found[OUT_OF_FOLD]["shortcuts"] = shortcut_figures(read_shortcuts(shortcuts), metadata)
    # `thresholds` at the top is what the page quotes: the cost on the photos that speak for the model.
    values = found | {"thresholds": found[OUT_OF_FOLD]["thresholds"]}
    if LOCKED_TEST in predictions:
        values["fit_to_served"] = fit_to_served(values, predictions[LOCKED_TEST], metadata)
        values["openings"] = openings.openings(folder)
    if metadata["data"].get("locked_test") == NO_LOCKED_TEST:
        values["no_locked_test"] = True
    values["bars"] = bars(values)
    if melanoma.has_two_classes(metadata):
        nine_class = folder / "predictions" / melanoma.FILE
        values[melanoma.KEY] = melanoma.melanoma_figures(predictions[OUT_OF_FOLD], metadata, nine_class)
    return values | _of_what_was_measured(folder, metadata) | origin_figures(metadata["data"]["sources"])


def _of_what_was_measured(folder: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    """Figures of the measurements whose files are there, by their key in metrics.json."""
    rows = folder / "predictions"
    parts: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
        "elsewhere": (
            elsewhere.NAME,
            lambda: elsewhere.figures_elsewhere(
                elsewhere.read_elsewhere(rows / elsewhere.NAME, metadata["task"]), metadata
            ),
        ),
        "visits": (
            odd_one_out.FILE,
            lambda: odd_one_out.figures(odd_one_out.read_visits(rows / odd_one_out.FILE)),
        ),
        "severity": (SEVERITY, lambda: severity_figures(pd.read_csv(rows / SEVERITY))),
        "unknown": (LEFT_OUT, lambda: unknown_figures(read_left_out(rows / LEFT_OUT), metadata)),
        "gate": (SCORES, lambda: gate_figures(read_scores(folder))),
        "foreign": (FOREIGN, lambda: foreign_figures(read_table(folder))),
    }
    return {key: made() for key, (name, made) in parts.items() if (rows / name).exists()}
