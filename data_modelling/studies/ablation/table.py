"""Tabulate the effect of each change on the data set and on external sources, and write the page from the table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.card.markdown import format_metric
from data_modelling.datasets import external_sources
from data_modelling.datasets.table import class_indices
from data_modelling.inference.decision import (
    calibrated_probabilities,
    cancer_columns,
    melanoma_column,
    predicted_classes,
)
from data_modelling.inference.diagnoses import class_codes
from data_modelling.metrics import bootstrap
from data_modelling.metrics.bootstrap import BootstrapMetrics
from data_modelling.metrics.calibration import best_decision_prior, best_temperature
from data_modelling.metrics.curves import binary_auc
from data_modelling.metrics.rounding import round_metric
from data_modelling.metrics.thresholds import has_both_outcomes
from data_modelling.studies.ablation.trials import Trial
from data_modelling.studies.comparison.method_table import (
    DIFFERENCE,
    METHOD_METRICS,
    Method,
    check_same_photos,
    evaluate_answers,
    method_page,
    method_table,
    read_table,
    table_records,
    write_table_and_page,
)
from data_modelling.training.class_balance import empirical_prior

Floats = NDArray[np.float64]

REMOVED = "removed"  # the commit that measured a change whose option is no longer in the code
# The question on which the external photos of the fold are evaluated, by source.
EXTERNAL_QUESTIONS = {"ISIC_2017": "melanoma", "ISIC_2020": "melanoma", "PAD_UFES_20": "cancer"}


def ablation_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """Return a row for each change: metrics with intervals, paired differences from the first, and costs.

    Raises InputError when the changes predicted different photos.
    """
    first = trials[0]
    check_same_photos([(trial.change.name, trial.answers) for trial in trials])
    methods = [
        Method(
            trial.change.name,
            _row_facts(trial, first),
            evaluate_trial(trial),
            None if trial is first else first.change.name,
        )
        for trial in trials
    ]
    return method_table(methods, list(methods[0].metrics.whole))


def _row_facts(trial: Trial, first: Trial) -> dict[str, Any]:
    settings, is_own = trial.change.settings, trial.answers["own"]
    return {
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


def evaluate_trial(trial: Trial) -> BootstrapMetrics:
    """Return METHOD_METRICS on the data set itself, and `<source>_<question>_auc` for EXTERNAL_QUESTIONS.

    A source counts only if it has both positive and negative photos.
    """
    task, answers = trial.change.settings.task, trial.answers
    is_own = answers["own"].to_numpy()
    scores = answers[list(class_codes(task))].to_numpy(np.float64)
    metrics = _own_metrics(answers[is_own], scores[is_own], task)
    for source, question in EXTERNAL_QUESTIONS.items():
        of_source = (answers["source"] == source).to_numpy()
        if of_source.any():
            external_metrics = _external_auc(answers[of_source], scores[of_source], source, question, task)
            metrics = BootstrapMetrics(
                metrics.whole | external_metrics.whole, metrics.drawn | external_metrics.drawn
            )
    return metrics


def _own_metrics(answers: pd.DataFrame, scores: Floats, task: str) -> BootstrapMetrics:
    labels = class_indices(answers["diagnosis"], task)
    probability = calibrated_probabilities(scores, best_temperature(scores, labels))
    prior = best_decision_prior(probability, labels, empirical_prior(labels, scores.shape[1]))
    predictions = answers.rename(columns={"diagnosis": "truth"})
    metrics = evaluate_answers(predictions, probability, predicted_classes(probability, prior), task)
    return BootstrapMetrics(
        {name: metrics.whole[name] for name in METHOD_METRICS},
        {name: metrics.drawn[name] for name in METHOD_METRICS},
    )


def _external_auc(
    answers: pd.DataFrame, scores: Floats, source: str, question: str, task: str
) -> BootstrapMetrics:
    probability = calibrated_probabilities(scores, 1.0)
    columns = cancer_columns(task) if question == "cancer" else [melanoma_column(task)]
    is_positive = _positive_photos(answers["diagnosis"], question, task)
    if not has_both_outcomes(is_positive):
        return BootstrapMetrics({}, {})
    score = probability[:, columns].sum(axis=1)
    name, groups = f"{source}_{question}_auc", bootstrap.group_indices(answers["group_id"])
    drawn = bootstrap.resampled_aucs(score, is_positive, groups)
    return BootstrapMetrics({name: np.asarray(binary_auc(score, is_positive))}, {name: drawn})


def _positive_photos(diagnoses: pd.Series, question: str, task: str) -> NDArray[np.bool_]:
    """Return a mask (N,) of the photos that answer the question with yes; a lesion only known to be benign does not."""
    classes = np.array([external_sources.class_of(diagnosis, task) for diagnosis in diagnoses])
    positive_classes = (
        cancer_columns(task)
        if question == "cancer"
        else np.arange(len(class_codes(task))) == melanoma_column(task)
    )
    return (classes >= 0) & np.asarray(positive_classes)[classes]


def write_ablation(out: Path, rows: pd.DataFrame) -> None:
    """Write the table as csv next to the page `out`, and the page from it.

    Rows of changes that were removed from the code (column REMOVED) stay in the csv.
    """
    source = out.with_suffix(".csv")
    if source.exists():
        before = read_table(source)
        if REMOVED in before:
            rows = pd.concat([rows, before[before[REMOVED].notna()]], ignore_index=True)
    write_table_and_page(out, rows, ablation_page)


def ablation_page(rows: pd.DataFrame, source: str) -> str:
    """Return the page of an ablation table as Markdown. source: name of the table's csv."""
    metrics, records = table_metrics(rows), table_records(rows)
    noise = [row for row in records if row["is_noise"]]
    removed: dict[str, list[str]] = {}
    for row in records:
        if row.get(REMOVED):
            removed.setdefault(row[REMOVED], []).append(row["told"])
    labels = {row["name"]: row["told"] for row in records}
    return method_page(
        "ablation",
        rows,
        metrics,
        title="What each means changes",
        option=" --ablations",
        source=source,
        head="",
        difference_head="changed, less the recipe as it is",
        labels=labels,
        difference_labels=labels,
        columns={
            "source guessed": lambda row: format_metric(row["source_guessed"]),
            "epochs": lambda row: f"{row['epochs']:g}",
            "CPU minutes": lambda row: f"{row['cpu_minutes']:.1f}",
        },
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
