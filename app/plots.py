"""The saved plots of a bundle: each with a sentence on what to see and a table for who cannot see it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures import OUT_OF_FOLD, Cell, Table, confusion, subgroup_name, subgroups
from app.key_names import English, plain_name
from app.languages import counted, decimal
from app.languages import say as _
from app.other_plots import OTHERS
from app.out_of_fold import scores_of, share
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.decision import cancer_columns, melanoma_column
from data_modelling.inference.diagnoses import codes

FOLDER = "plots/"
BINS = 15  # of equal width, as in metrics.json's calibration error
SPECIFICITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # at which the table of the ROC curves has a row

Words = Callable[[Bundle], tuple[str, str, Table | None]]


@dataclass(frozen=True)
class Plot:
    """file: its name in the bundle's folder of plots. version: for an address that changes with its content."""

    file: str
    version: str
    title: str
    said: str
    table: Table | None


def plots(bundle: Bundle) -> list[Plot]:
    """The PNG files that SHA256SUMS lists under plots/: known ones in the order of the page, then any other."""
    files = [name.removeprefix(FOLDER) for name in bundle.sums if name.startswith(FOLDER)]
    pictures = {name: bundle.sums[FOLDER + name] for name in files if name.endswith(".png")}
    order = [*(name for name in KNOWN if name in pictures), *sorted(set(pictures) - set(KNOWN))]
    return [Plot(name, pictures[name][:12], *_words(bundle, name)) for name in order]


def _words(bundle: Bundle, name: str) -> tuple[str, str, Table | None]:
    if name in KNOWN:
        return KNOWN[name](bundle)
    described = bundle.metrics.get("plots", {}).get(name.removesuffix(".png"), {})
    title = English(described.get("title", "")) or _untold(name.removesuffix(".png"))
    rows = tuple(tuple(English(cell) for cell in row) for row in described.get("rows", []))
    columns = tuple(English(column) for column in described.get("columns", []))
    table = Table(name, title, columns, rows) if rows else None
    return title, English(described.get("text", "")), table


def _untold(name: str) -> str:
    """The title of a picture that has no table."""
    return _("Examples of the shortcut tests") if name == "shortcut_examples" else plain_name(name)


def _confusion(bundle: Bundle) -> tuple[str, str, Table | None]:
    title = _("Right and wrong decisions")
    figures = bundle.metrics.get(OUT_OF_FOLD, {})
    if "confusion" not in figures.get("photo", {}):
        return title, "", None
    matrix = np.array(figures["photo"]["confusion"])
    names = codes(bundle.task)
    wrong = matrix - np.diag(np.diag(matrix))
    true, decided = np.unravel_index(int(wrong.argmax()), wrong.shape)
    said = _(
        "Rows are true diagnoses, columns decisions; the diagonal is right: %(right)s of %(all)s photos. "
        "The most common mistake: %(count)s photos of %(true)s were taken for %(decided)s.",
        right=counted(int(matrix.trace())),
        all=counted(int(matrix.sum())),
        count=counted(int(wrong.max())),
        true=names[true],
        decided=names[decided],
    )
    return title, said, confusion(bundle, OUT_OF_FOLD, figures)


def _roc(bundle: Bundle) -> tuple[str, str, Table | None]:
    title = _("Found against wrongly flagged (ROC curves)")
    found = bundle.metrics.get(OUT_OF_FOLD, {}).get("operating_points", {})
    scores = scores_of(bundle)
    if not {"cancer", "melanoma"} <= set(found) or scores is None:
        return title, "", None
    said = _(
        "The higher and further left a curve, the better; a guess lies on the diagonal. The area under the curve "
        "is %(cancer)s for the cancer classes together and %(melanoma)s for melanoma; the dots are the two "
        "thresholds of this page.",
        cancer=decimal(found["cancer"]["auc"]),
        melanoma=decimal(found["melanoma"]["auc"]),
    )
    labels, probability = scores
    cancer, melanoma = cancer_columns(bundle.task), melanoma_column(bundle.task)
    questions = (
        (probability[:, cancer].sum(axis=1), cancer[labels]),
        (probability[:, melanoma], labels == melanoma),
    )
    rows = tuple(
        (share(rate), *(share(sensitivity_at(rate, *question)) for question in questions))
        for rate in SPECIFICITIES
    )
    columns = (
        _("Benign photos that are rightly not flagged"),
        _("Cancer photos found"),
        _("Melanomas found"),
    )
    return title, said, Table("roc", title, columns, rows)


def sensitivity_at(specificity: float, score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The share of positives at or above the lowest threshold that leaves that share of negatives below it."""
    negatives = np.sort(score[~positive])
    allowed = math.floor(len(negatives) * (1 - specificity) + 1e-9)  # that may be flagged
    threshold = negatives[len(negatives) - allowed - 1] if allowed < len(negatives) else -math.inf
    return float((score[positive] > threshold).mean())


def _reliability(bundle: Bundle) -> tuple[str, str, Table | None]:
    title = _("How far its probabilities can be believed (reliability)")
    figures = bundle.metrics.get(OUT_OF_FOLD, {}).get("photo", {})
    scores = scores_of(bundle)
    if "expected_calibration_error" not in figures or scores is None:
        return title, "", None
    said = _(
        "On the diagonal, of the photos that the model gives 70 %% to, 70 %% are right. On average it is off by "
        "%(off)s percentage points.",
        off=decimal(100 * figures["expected_calibration_error"], 1),
    )
    perfect = figures.get("calibration", {}).get("equal_width_of_a_perfect_model", {})
    if "mean" in perfect:
        said += " " + _(
            "A perfect model would seem off by %(off)s on as few photos.",
            off=decimal(100 * perfect["mean"], 1),
        )
    rows = tuple(
        (
            _("%(low)s to %(high)s", low=share(low), high=share(high)),
            str(count),
            share(sure),
            share(right),
        )
        for low, high, count, sure, right in reliability_bins(*scores)
    )
    columns = (
        _("Probability of the most probable class"),
        _("Photos"),
        _("Mean probability"),
        _("Share that is right"),
    )
    return title, said, Table("reliability", title, columns, rows)


def reliability_bins(
    labels: NDArray[np.int64], probability: NDArray[np.float64]
) -> list[tuple[float, float, int, float, float]]:
    """Of each bin that has photos: its bounds, photos, mean confidence and share of right ones."""
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == labels
    which = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return [
        (
            at / BINS,
            (at + 1) / BINS,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(right[inside].mean()),
        )
        for at in range(BINS)
        if (inside := which == at).any()
    ]


def _subgroups(bundle: Bundle) -> tuple[str, str, Table | None]:
    title = _("Where it is better and worse (subgroups)")
    figures = bundle.metrics.get(OUT_OF_FOLD, {})
    judged = [
        row
        for row in figures.get("subgroups", [])
        if row.get("macro_auc") is not None and row.get("attribute") != "source"
    ]
    if not judged:
        return title, "", None
    worst, best = (chosen(judged, key=lambda row: row["macro_auc"]) for chosen in (min, max))
    said = _(
        "A dot is the mean AUC of a subgroup's classes, the line its 95 %% interval. Lowest: %(worst)s, %(low)s; "
        "highest: %(best)s, %(high)s. Rows differ in the classes that they have, so compare them with care.",
        worst=subgroup_name(worst),
        low=decimal(worst["macro_auc"]),
        best=subgroup_name(best),
        high=decimal(best["macro_auc"]),
    )
    return title, said, subgroups(OUT_OF_FOLD, figures)


def _learning_curves(bundle: Bundle) -> tuple[str, str, Table | None]:
    title = _("How it learned (learning curves)")
    history = _json(bundle, "history.json")
    networks = {
        name: rows for name, rows in (history or {}).items() if rows and "smoothed_macro_auc" in rows[0]
    }
    if not networks:
        return title, "", None
    rows: list[tuple[Cell, ...]] = []
    for name, epochs in sorted(networks.items()):
        best = max(range(len(epochs)), key=lambda at, epochs=epochs: epochs[at]["smoothed_macro_auc"])  # type: ignore[misc]
        network = _("served model") if name == "served" else name.replace("fold", _("without fold "))
        rows.append((network, str(len(epochs)), str(best + 1), decimal(epochs[best]["stopping_macro_auc"])))
    said = _(
        "The loss falls and the AUC on photos set apart for stopping rises, until it rises no more; the dots are "
        "the epochs whose weights were kept."
    )
    columns = (_("Network"), _("Epochs"), _("Epoch that was kept"), _("AUC on the stopping photos"))
    return title, said, Table("learning-curves", title, columns, tuple(rows))


def _architecture(bundle: Bundle) -> tuple[str, str, Table | None]:
    title = _("How it is built (architecture)")
    layers = bundle.metadata.get("layers", [])
    if not layers or "parameters" not in bundle.metadata:
        return title, "", None
    said = _(
        "The photo goes through convolutions to a small map of features, whose mean, together with the patient "
        "details, gives one number a class: %(parameters)s parameters in all, trained from scratch.",
        parameters=counted(int(bundle.metadata["parameters"])),
    )
    rows = tuple(
        (
            str(layer["layer"]),
            str(layer["kind"]),
            " x ".join(map(str, layer["shape"])),
            counted(int(layer["parameters"])),
        )
        for layer in layers
    )
    columns = (_("Layer"), _("Kind"), _("Shape of its output"), _("Parameters"))
    return title, said, Table("architecture", title, columns, rows)


KNOWN: dict[str, Words] = {
    "confusion_matrix.png": _confusion,
    "roc.png": _roc,
    "reliability.png": _reliability,
    **OTHERS,
    "subgroups.png": _subgroups,
    "learning_curves.png": _learning_curves,
    "architecture.png": _architecture,
}


def _json(bundle: Bundle, name: str) -> Any:
    if name not in bundle.sums:
        return None
    return json.loads((bundle.folder / name).read_text(encoding="utf-8"))
