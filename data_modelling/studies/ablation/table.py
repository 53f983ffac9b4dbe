"""Write the csv table of an ablation (trainings that each change one setting), and a page made from this csv alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.card.markdown import (
    METRIC_LABELS,
    format_difference,
    format_interval,
    format_metric,
    render_markdown,
)
from data_modelling.datasets import external_sources
from data_modelling.datasets.table import class_indices
from data_modelling.inference.decision import (
    calibrated_probabilities,
    cancer_columns,
    melanoma_column,
    predicted_classes,
)
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.metrics import bootstrap
from data_modelling.metrics.bootstrap import BootstrapMetrics
from data_modelling.metrics.calibration import best_decision_prior, best_temperature
from data_modelling.metrics.curves import binary_auc
from data_modelling.metrics.predictions import write_table
from data_modelling.metrics.rounding import round_metric
from data_modelling.metrics.thresholds import has_both_outcomes
from data_modelling.studies.ablation.trials import Trial
from data_modelling.training.class_balance import empirical_prior

Record = dict[str, Any]
Floats = NDArray[np.float64]

TEMPLATE = Path(__file__).parents[1] / "templates" / "ablation.md.jinja"
# Metrics of the answers from the photo alone, and their titles on the page.
METHOD_METRICS = {name: METRIC_LABELS[name] for name in ("macro_auc", "balanced_accuracy", "melanoma_auc")}
DIFFERENCE = "less"  # column with the subtracted row's name; also a part of the names of difference columns
REMOVED = "removed"  # column with the commit that measured a change whose option the code no longer has
# What the network must recognise in the judged photos of each external source: melanoma, or any cancer.
EXTERNAL_TARGETS = dict.fromkeys(("BCN_20000", "ISIC_2017", "ISIC_2020"), "melanoma") | {
    "PAD_UFES_20": "cancer"
}


def ablation_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """Return a row for each change: its facts, metrics with intervals, and paired differences from the first change.

    A metric has the columns `<name>`, `<name>_low` and `<name>_high`. The columns `<name>_less...` have the difference
    (row minus first row) in the same form. Raises InputError if two changes have predictions for different photos.
    """
    first, *others = trials
    for trial in others:
        if set(trial.answers["image_id"]) != set(first.answers["image_id"]):
            raise InputError(
                f"{first.change.name} and {trial.change.name} were judged on different photos; remove the older run and "
                "train it again."
            )
    reference = evaluate_trial(first)
    rows = [_row(first, first, reference) | {DIFFERENCE: None}]
    for trial in others:
        metrics = evaluate_trial(trial)
        row = _row(trial, first, metrics) | {DIFFERENCE: first.change.name}
        for name, pair in bootstrap.paired_differences(reference, metrics, list(reference.whole)).items():
            row |= _columns(f"{name}_{DIFFERENCE}", pair["difference"], *pair["interval"])
        rows.append(row)
    return pd.DataFrame(rows)


def _row(trial: Trial, first: Trial, metrics: BootstrapMetrics) -> Record:
    settings, is_own = trial.change.settings, trial.answers["own"]
    row = {
        "name": trial.change.name,
        "told": trial.change.description,
        "is_noise": trial.change.is_other_seed(first.change.settings),
        "split": settings.split,
        "folds": " ".join(map(str, settings.figure_folds)),
        **({"clinic": settings.left_out_clinics[0]} if settings.left_out_clinics else {}),
        "photos": int(is_own.sum()),
        "groups": int(trial.answers.loc[is_own, "group_id"].nunique()),
        "edge": settings.network.edge,
        "epochs": trial.epochs,
        "cpu_minutes": round(trial.minutes, 2),
        "source_guessed": round_metric(trial.source_accuracy),
    }
    for name, value in metrics.whole.items():
        bounds = bootstrap.percentile_interval(metrics.drawn[name])
        row |= _columns(name, *map(round_metric, (float(value), *bounds)))
    return row


def _columns(name: str, *value_low_high: float | None) -> Record:
    return dict(zip((name, f"{name}_low", f"{name}_high"), value_low_high, strict=True))


def evaluate_trial(trial: Trial) -> BootstrapMetrics:
    """Return METHOD_METRICS for the recipe's own data set, and `<source>_<question>_auc` for EXTERNAL_TARGETS.

    A source gets an AUC only if it has positive and negative photos.
    """
    task, answers = trial.change.settings.task, trial.answers
    scores = answers[list(class_codes(task))].to_numpy(np.float64)
    is_own = answers["own"].to_numpy()
    metrics = _own_metrics(answers[is_own], scores[is_own], task)
    for source, question in EXTERNAL_TARGETS.items():
        rows = (answers["source"] == source).to_numpy()
        is_positive = _positive_photos(answers["diagnosis"][rows], question, task)
        if has_both_outcomes(is_positive):
            columns = cancer_columns(task) if question == "cancer" else [melanoma_column(task)]
            score = calibrated_probabilities(scores[rows], 1.0)[:, columns].sum(axis=1)
            name, groups = f"{source}_{question}_auc", bootstrap.group_indices(answers["group_id"][rows])
            metrics.whole[name] = np.asarray(binary_auc(score, is_positive))
            metrics.drawn[name] = bootstrap.resampled_aucs(score, is_positive, groups)
    return metrics


def _own_metrics(answers: pd.DataFrame, scores: Floats, task: str) -> BootstrapMetrics:
    labels, melanoma = class_indices(answers["diagnosis"], task), melanoma_column(task)
    probability = calibrated_probabilities(scores, best_temperature(scores, labels))
    prior = best_decision_prior(probability, labels, empirical_prior(labels, scores.shape[1]))
    decisions, groups = predicted_classes(probability, prior), bootstrap.group_indices(answers["group_id"])
    metrics = bootstrap.bootstrap_metrics(labels, probability, decisions, groups)
    names = ("macro_auc", "balanced_accuracy")
    return BootstrapMetrics(
        {name: metrics.whole[name] for name in names} | {"melanoma_auc": metrics.whole["auc"][melanoma]},
        {name: metrics.drawn[name] for name in names} | {"melanoma_auc": metrics.drawn["auc"][:, melanoma]},
    )


def _positive_photos(diagnoses: pd.Series, question: str, task: str) -> NDArray[np.bool_]:
    """Return a mask (N,) of the photos of any cancer (question "cancer") or of melanoma (question "melanoma")."""
    classes = np.array([external_sources.class_of(diagnosis, task) for diagnosis in diagnoses], np.int64)
    is_melanoma = np.arange(len(class_codes(task))) == melanoma_column(task)
    positive_classes = cancer_columns(task) if question == "cancer" else is_melanoma
    return (classes >= 0) & np.asarray(positive_classes)[classes]


def write_ablation(out: Path, rows: pd.DataFrame) -> None:
    """Write the table as csv beside the page `out`, and write the page from the csv.

    If an earlier csv exists, its rows with a value in the column REMOVED are kept.
    """
    source = out.with_name(f"{out.name.removesuffix('.md')}.csv")
    if source.exists() and REMOVED in (before := read_table(source)):
        rows = pd.concat([rows, before[before[REMOVED].notna()]], ignore_index=True)
    write_table(source, rows)
    with atomic_write(out) as temporary:
        temporary.write_text(ablation_page(read_table(source), source.name))


def read_table(source: Path) -> pd.DataFrame:
    """Return a table that `write_ablation` wrote."""
    return pd.read_csv(source, dtype={"folds": str})


def ablation_page(rows: pd.DataFrame, source: str) -> str:
    """Return the page of an ablation table as Markdown. source: name of the table's csv."""
    metrics = table_metrics(rows)
    records: list[Record] = [
        {str(column): None if pd.isna(value) else value for column, value in row.items()}
        for row in rows.to_dict("records")
    ]
    noise = [row for row in records if row["is_noise"]]
    removed: dict[str, list[str]] = {}
    for row in records:
        if row.get(REMOVED):
            removed.setdefault(row[REMOVED], []).append(row["told"])
    return render_markdown(
        TEMPLATE,
        {"with_bounds": _value_text, "less": _difference_text},
        rows=records,
        metrics=metrics,
        source=source,
        resamples=bootstrap.RESAMPLES,
        noise=noise
        and ", ".join(
            f"{max(abs(row[f'{name}_{DIFFERENCE}']) for row in noise):.3f} in {title}"
            for name, title in metrics.items()
        ),
        removed=removed,
    )


def table_metrics(rows: pd.DataFrame) -> dict[str, str]:
    """Return the metric columns of the table, each with its title on the page."""
    external = [str(name) for name in rows if str(name).endswith("_auc") and name not in METHOD_METRICS]
    titles = (name.removesuffix("_auc").rsplit("_", 1) for name in external)
    return METHOD_METRICS | {
        name: f"{source}: {question} AUC" for name, (source, question) in zip(external, titles, strict=True)
    }


def _value_text(row: Record, name: str) -> str:
    return f"{format_metric(row[name])} {format_interval((row[f'{name}_low'], row[f'{name}_high']))}"


def _difference_text(row: Record, name: str) -> str:
    name = f"{name}_{DIFFERENCE}"
    return format_difference(row[name], (row[f"{name}_low"], row[f"{name}_high"]))
