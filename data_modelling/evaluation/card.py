"""The card of a bundle (its README.md) and the results table of the project's README, from the bundle's JSON."""

import re
from pathlib import Path
from typing import Any

from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

MODE_NAMES = {"photo": "photo alone", "both": "photo and details"}
PART_NAMES = {"out_of_fold": "out-of-fold", "locked_test": "locked test"}


def write_card(path: Path, metadata: dict[str, Any], values: dict[str, Any]) -> None:
    """Write the card; every number is from metadata.json and metrics.json."""
    text = "\n\n".join(
        (
            f"# {metadata['name']} {metadata['version']}",
            _about(metadata),
            "## Results",
            results(values),
            "## Each class, photo alone",
            _classes(metadata, values["out_of_fold"]),
            "## What the thresholds cost",
            _thresholds(values["out_of_fold"]),
            "## Subgroups, photo alone",
            _SUBGROUPS,
            _subgroups(values["out_of_fold"]["subgroups"]),
            "## Limits",
            _LIMITS,
            "## Files",
            _FILES,
        )
    )
    with replaced_when_whole(path) as temporary:
        temporary.write_text(text + "\n")


def results(values: dict[str, Any]) -> str:
    """A markdown table: a row for each part and mode, and a sentence on what it stands on."""
    lines = [
        "| photos | input | balanced accuracy | macro AUC | accuracy (most frequent class) | ECE |",
        "|---|---|---|---|---|---|",
    ]
    for part, name in PART_NAMES.items():
        if part in values:
            of_part = values[part]
            lines += [
                f"| {name}, {of_part['photos']:,} | {mode_name} | {_with_interval(of_part[mode], 'balanced_accuracy')} "
                f"| {_with_interval(of_part[mode], 'macro_auc')} "
                f"| {_with_interval(of_part[mode], 'accuracy_most_probable')} ({_figure(of_part['majority_share'])}) "
                f"| {_with_interval(of_part[mode], 'expected_calibration_error')} |"
                for mode, mode_name in MODE_NAMES.items()
            ]
    out_of_fold = values["out_of_fold"]
    lines.append(
        f"\nIn brackets: 95 % intervals (bootstrap over lesions). Out-of-fold: {out_of_fold['photos']:,} photos of "
        f"{out_of_fold['groups']:,} lesions (fold {', '.join(out_of_fold['parts'])} of five), predicted by a network "
        "of the same recipe that saw no photo of them. Temperature, decision prior and thresholds were chosen on "
        "these same photos. Balanced accuracy judges the decision; AUC, accuracy of the most probable class and ECE "
        "(15 bins of equal width) judge the probabilities."
    )
    lines.append(f"\n{_effect_of_details(out_of_fold['effect_of_details'])}")
    if "locked_test" not in values:
        lines.append("\nThe locked test has not been opened for this bundle.")
    return "\n".join(lines)


def update_block(path: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->` in a markdown file."""
    old = path.read_text()
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    if not pattern.search(old):
        raise InputError(
            f"{path} has no block <!-- {name} --> ... <!-- /{name} -->; put one where the table belongs."
        )
    with replaced_when_whole(path) as temporary:
        temporary.write_text(pattern.sub(lambda found: f"{found[1]}{text}\n{found[2]}", old))


def _about(metadata: dict[str, Any]) -> str:
    data = metadata["data"]
    counts = ", ".join(f"{code} {count:,}" for code, count in data["counts"].items())
    return (
        f"A CNN of {metadata['parameters']:,} parameters for {len(metadata['classes'])} classes of skin lesions, "
        f"trained from scratch on {metadata['date']} with {data['photos']:,} dermoscopic photos of "
        f"{data['groups']:,} lesions from {', '.join(data['sources'])} ({counts}). A grouped tenth of them stopped "
        f"the training. The locked test was {data['locked_test']}. Input: a photo of {metadata['edge']} x "
        f"{metadata['edge']} pixels and, where known, age, sex and anatomical site.\n\n"
        "For education and research. Not a diagnosis and not a medical device.\n\n"
        f"Licence of the weights: {metadata['licence']}."
    )


def _classes(metadata: dict[str, Any], out_of_fold: dict[str, Any]) -> str:
    lines = ["| class | photos | AUC | sensitivity | specificity |", "|---|---|---|---|---|"]
    for diagnosis in TASKS[metadata["task"]]:
        row = out_of_fold["photo"]["classes"][diagnosis.code]
        lines.append(
            f"| {diagnosis.code}: {diagnosis.name} | {row['photos']:,} "
            f"| {_figure(row['auc'])} {_interval(row['auc_interval'])} "
            f"| {_figure(row['sensitivity'])} {_interval(row['sensitivity_interval'])} "
            f"| {_figure(row['specificity'])} |"
        )
    return "\n".join(lines)


def _thresholds(out_of_fold: dict[str, Any]) -> str:
    texts = {"cancer": "The cancer group", "melanoma": "Melanoma"}
    return "\n".join(
        f"- {texts[name]}, at or above {cost['threshold']:.3f}: of {cost['positives']:,} {cost['missed']:,} missed; "
        f"of {cost['negatives']:,} others {cost['flagged']:,} flagged."
        for name, cost in out_of_fold["thresholds"].items()
    )


def _effect_of_details(effect: dict[str, Any]) -> str:
    names = {"balanced_accuracy": "balanced accuracy", "macro_auc": "macro AUC"}
    parts = " and ".join(
        f"{name} by {effect[key]['difference']:+.3f} [{', '.join(f'{bound:+.3f}' for bound in effect[key]['interval'])}]"
        for key, name in names.items()
    )
    return f"Knowing age, sex and site changes {parts} (paired, same photos)."


def _subgroups(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| | photos | lesions | classes | balanced accuracy | macro AUC |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        start = f"| {row['attribute']}: {row['value']} | {row['photos']:,} | {row['groups']:,} |"
        if "said" in row:
            lines.append(f"{start} | {row['said']} | |")
        else:
            figures = (
                f"{_figure(row[name])} {_interval(row[f'{name}_interval'])}"
                for name in ("balanced_accuracy", "macro_auc")
            )
            lines.append(f"{start} {row['classes']} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _with_interval(figures: dict[str, Any], name: str) -> str:
    return f"{_figure(figures[name])} {_interval(figures['intervals'][name])}"


def _interval(bounds: list[float | None]) -> str:
    return f"[{', '.join(_figure(bound) for bound in bounds)}]"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0")


_SUBGROUPS = """Out-of-fold; over the classes of which a subgroup has ten lesions, so that rows differ in what they are
measured on. `follow_up` means a mole that was watched: its photos are all of one class. HAM10000 has no skin-type labels: how
the model does on darker skin cannot be measured with it."""

_LIMITS = """- Dermoscopic photos only. On phone photos and on other clinics' photos it is wrong more often, and just as sure.
- The training photos are mostly of light skin; there are no skin-type labels to measure the difference with.
- It knows only its classes and answers with one of them for everything else.
- Rare classes have few photos: their figures are uncertain."""

_FILES = """`model.onnx` (served), `model.keras`, `metadata.json` (how to read the logits: temperature, decision prior,
thresholds; the recipe), `metrics.json` (all figures), `predictions/` (logits behind the figures), `history.json`
(learning curves), `plots/`, `SHA256SUMS`."""
