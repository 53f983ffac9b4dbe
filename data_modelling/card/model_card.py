"""Writes the card (README.md) of a bundle (a trained model), and makes tables of its results for other documents.

The metrics come from the bundle's JSON files. The card has the headings of Mitchell et al. 2019, arXiv:1810.03993.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_modelling.card.markdown import (
    METRIC_LABELS,
    MODE_NAMES,
    format_interval,
    format_metric,
    render_markdown,
)
from data_modelling.datasets.clinics import CLINIC_BY_SOURCE
from data_modelling.evaluation.clinics.clinic_rendering import MAX_CHANGED_SHARE
from data_modelling.evaluation.metrics_report import LESION
from data_modelling.inference.checks.image_quality import MAX_FIRED_SHARE
from data_modelling.inference.decision import CALIBRATION_BINS, COVERAGE_LEVELS
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.errors import InputError, join_names
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.source_facts import facts_by_source
from data_modelling.metrics.bootstrap import RESAMPLES
from data_modelling.safety.clear_threshold import (
    CARCINOMA_BARS,
    JUDGED_PHOTOS,
    LEAST_LESIONS,
    MAX_CLEARED_SHARE,
)

Values = dict[str, Any]

TEMPLATES = Path(__file__).parent / "templates"
PART_NAMES = {"out_of_fold": "out-of-fold", "locked_test": "locked test"}
VERDICT_METRICS = ("balanced_accuracy", "macro_auc")
TARGET_TEXTS = {
    "calibration_error_out_of_fold": "{figure} out-of-fold at most{limit}",
    "locked_calibration_error_within_chance": "{figure} on the locked test below the chance limit{limit}",
    "locked_interval_contains_out_of_fold": "out-of-fold {figure} inside the locked test's interval{limit}",
}


def verdict(differences: Values, more: str, less: str, neither: str) -> str:
    """Return a sentence comparing two evaluations; a difference in VERDICT_METRICS counts if its interval excludes 0.

    more: the text if all differences that count are above 0. less: the text if they are below 0. neither: the text if
    none counts. If the two metrics disagree, the sentence says so. If only one difference counts, its metric is named.
    """
    is_gain = {}
    for name in VERDICT_METRICS:
        low, high = differences[name]["interval"]
        if low > 0 or high < 0:
            is_gain[METRIC_LABELS[name]] = low > 0
    if not is_gain:
        return f"{neither}."
    if len(set(is_gain.values())) > 1:
        return "The two metrics disagree."
    restriction = f" (certain only for {next(iter(is_gain))})" if len(is_gain) == 1 else ""
    return f"{more if all(is_gain.values()) else less}{restriction}."


def outside_intervals(locked_test_comparison: Values) -> list[str]:
    """Return a text for each metric whose out-of-fold value lies above or below the locked test's interval."""
    return [
        f"{METRIC_LABELS[name]} with {mode_name} ({format_metric(metric['out_of_fold'])} lies "
        f"{'above' if metric['out_of_fold'] > metric['interval'][1] else 'below'} {format_interval(metric['interval'])})"
        for mode, mode_name in MODE_NAMES.items()
        for name, metric in locked_test_comparison[mode].items()
        if metric["contained"] is False
    ]


def target_text(target: Values) -> str:
    """Return a metric's target (see locked_test_comparison.metric_targets) in words, with its limit if known."""
    limit = target["limit"]
    limit_text = format_interval(limit) if isinstance(limit, list) else format_metric(limit)
    return TARGET_TEXTS[target["name"]].format(
        figure=METRIC_LABELS[target["figure"]], limit=f" {limit_text}" if limit else ""
    )


FILTERS: dict[str, Callable[..., Any]] = {
    "class_counts": lambda counts: ", ".join(f"{code} {count:,}" for code, count in counts.items()),
    "outside_intervals": outside_intervals,
    "target_text": target_text,
    "verdict": verdict,
}


def write_card(path: Path, metadata: Values, values: Values) -> None:
    """Write the card from the contents of metadata.json (`metadata`) and of metrics.json (`values`)."""
    with atomic_write(path) as temporary:
        temporary.write_text(card_text(metadata, values))


def card_text(metadata: Values, values: Values) -> str:
    """Return the text of the card."""
    photos_by_class = {
        code: metrics["photos"] for code, metrics in values["out_of_fold"]["photo"]["classes"].items()
    }
    return render_card_part(
        "card",
        values,
        metadata=metadata,
        diagnoses=TASKS[metadata["task"]],
        sources=facts_by_source(metadata),
        rarest=min(filter(photos_by_class.get, photos_by_class), key=photos_by_class.__getitem__),
    )


def results_text(metadata: Values, values: Values) -> str:
    """Return a bundle's results for a page of docs: tables for clinic groups, parts of the split and other sources."""
    return "\n".join(
        render_card_part(name, values, metadata=metadata) for name in ("clinics", "results")
    ).strip()


def summary_text(metadata: Values, values: Values) -> str:
    """Return the short table of a bundle's results for the project's README."""
    return render_card_part("summary", values, metadata=metadata).strip()


def render_card_part(name: str, values: Values, **context: Any) -> str:
    """Return the rendered text of one of the card's templates. values: the content of metrics.json."""
    out_of_fold = values.get("out_of_fold", {})
    metadata = context.get("metadata", {})
    return render_markdown(
        TEMPLATES / f"{name}.md.jinja",
        FILTERS,
        values=values,
        noun=out_of_fold.get("grouped_by", LESION),
        folds=fold_phrase(out_of_fold) if "folds" in out_of_fold else "",
        learned_sources=[
            name for name, metrics in values.get("elsewhere", {}).items() if metrics.get("learned_from")
        ],
        calibration_bins=CALIBRATION_BINS,
        carcinoma_bars=CARCINOMA_BARS,
        clinic_by_source=CLINIC_BY_SOURCE,
        coverage_levels=list(COVERAGE_LEVELS),
        judged_photos=JUDGED_PHOTOS,
        least_lesions=LEAST_LESIONS,
        max_changed_share=MAX_CHANGED_SHARE,
        max_cleared_share=MAX_CLEARED_SHARE,
        max_fired_share=MAX_FIRED_SHARE,
        has_reference=bool(metadata.get("settings", {}).get("reference"))
        or has_other_shares(metadata.get("reference_shares", {}), metadata.get("data", {})),
        part_names=PART_NAMES,
        resamples=RESAMPLES,
        **context,
    )


def has_other_shares(reference_shares: Mapping[str, float], data: Mapping[str, Any]) -> bool:
    """Return whether the reference shares differ from the class shares of the data set's own photos.

    reference_shares: the class shares for which the model is calibrated. data: the value of the key `data` in
    metadata.json. A class without photos does not count.
    """
    counts = {code: count for code, count in data.get("counts", {}).items() if count}
    known = sum(reference_shares.get(code, 0) for code in counts)
    photos = sum(counts.values())
    return known > 0 and any(
        abs(reference_shares.get(code, 0) / known - count / photos) > 1e-3 for code, count in counts.items()
    )


def fold_phrase(out_of_fold: Mapping[str, Any]) -> str:
    """Return which folds were predicted: `fold 0 of 5`, `folds 0 and 1 of 5`, `all 5 folds`."""
    parts, total = out_of_fold["parts"], out_of_fold["folds"]
    if len(parts) == total:
        return f"all {total} folds"
    return f"fold{'s' if len(parts) > 1 else ''} {join_names(parts)} of {total}"


def update_markdown_block(path: Path, name: str, text: str) -> None:
    """Replace the text between <!-- NAME --> and <!-- /NAME --> in a file. Raises InputError if the file lacks them."""
    old_text = path.read_text()
    pattern = _block_pattern(name)
    if not pattern.search(old_text):
        raise InputError(
            f"{path} has no block <!-- {name} --> ... <!-- /{name} -->; add one where the table belongs."
        )
    with atomic_write(path) as temporary:
        temporary.write_text(pattern.sub(lambda match: f"{match[1]}{text}\n{match[2]}", old_text))


def has_markdown_block(path: Path, name: str) -> bool:
    """Return whether a markdown file has a block of this name."""
    return _block_pattern(name).search(path.read_text()) is not None


def _block_pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
