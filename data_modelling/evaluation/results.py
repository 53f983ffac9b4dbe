"""The results as text: the table that the project's README and the card share, and sentences on what holds.

Each function takes metrics.json's values and gives lines of markdown.
"""

from collections.abc import Iterator
from typing import Any

from data_modelling.evaluation.figures import LESION
from data_modelling.evaluation.markdown import (
    MODE_NAMES,
    figure,
    interval,
    listed,
    signed,
    table,
    with_interval,
)

PART_NAMES = {"out_of_fold": "out-of-fold", "locked_test": "locked test"}
FIGURE_NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "melanoma_auc": "melanoma AUC",
    "expected_calibration_error": "ECE",
}
QUESTION_NAMES = {"cancer": "the cancer group", "melanoma": "melanoma"}
NUMBERS = {5: "five", 10: "ten"}


def named(*figures: str) -> dict[str, str]:
    """Figures and what every page calls them."""
    return {figure: FIGURE_NAMES[figure] for figure in figures}


def results(values: dict[str, Any]) -> str:
    """A row for each part and input, what they stand on, the locked test, and other sources' photos."""
    header = ["photos", "input", "balanced accuracy", "macro AUC", "accuracy (most frequent class)", "ECE"]
    rows = [
        _row(f"{name}, {found['photos']:,}", mode, found[mode], majority)
        for name, found, majority in _judged_photos(values)
        for mode in MODE_NAMES
    ]
    out_of_fold = values["out_of_fold"]
    noun = group_noun(values)
    lines = [
        *table(header, rows),
        "",
        (
            f"In brackets: 95 % intervals (bootstrap over {noun}s). Out-of-fold: {out_of_fold['photos']:,} photos of "
            f"{out_of_fold['groups']:,} {noun}s ({folds(out_of_fold)}), predicted by a network "
            "of the same recipe that saw no photo of them. Temperature, decision prior and thresholds were chosen on "
            "these same photos. Balanced accuracy judges the decision; AUC, accuracy of the most probable class and ECE "
            "(15 bins of equal width) judge the probabilities."
        ),
        "",
        effect_of_details(out_of_fold["effect_of_details"]),
        "",
        *locked_test(values),
        "",
        *elsewhere(values),
    ]
    return "\n".join(lines)


def _judged_photos(values: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], float]]:
    """Name, figures by mode and majority share of each part, and of each of its sources where it has several."""
    for part, name in PART_NAMES.items():
        if part not in values:
            continue
        yield name, values[part], values[part]["majority_share"]
        for source, found in values[part].get("by_source", {}).items():
            of_classes = f"{found['photo']['classes']} classes"
            yield f"{name}, of them {source} ({of_classes})", found, found["photo"]["majority_share"]


def _row(name: str, mode: str, found: dict[str, Any], majority: float) -> list[str]:
    return [
        name,
        MODE_NAMES[mode],
        with_interval(found, "balanced_accuracy"),
        with_interval(found, "macro_auc"),
        f"{with_interval(found, 'accuracy_most_probable')} ({figure(majority)})",
        with_interval(found, "expected_calibration_error"),
    ]


def group_noun(values: dict[str, Any]) -> str:
    """What the photos of a group share: `lesion` or `patient`."""
    return str(values["out_of_fold"].get("grouped_by", LESION))


def folds(out_of_fold: dict[str, Any]) -> str:
    """Which folds were predicted: `fold 0 of five`, `folds 0 and 1 of five`, `all five folds`."""
    parts, of = out_of_fold["parts"], NUMBERS[out_of_fold["folds"]]
    if len(parts) == out_of_fold["folds"]:
        return f"all {of} folds"
    return f"fold{'s' if len(parts) > 1 else ''} {listed(parts)} of {of}"


def effect_of_details(effect: dict[str, Any]) -> str:
    """What the details changed, as a sentence."""
    parts = [
        f"{FIGURE_NAMES[key]} by {signed(effect[key]['difference'], effect[key]['interval'])}"
        for key in ("balanced_accuracy", "macro_auc")
    ]
    return f"Knowing age, sex and site changes {listed(parts)} (paired, same photos)."


def locked_test(values: dict[str, Any]) -> list[str]:
    """Whether the test was opened, how often, and whether it bears out the figures out-of-fold."""
    if values.get("no_locked_test"):
        return ["There is no locked test: its photos were too few to put any aside."]
    if "locked_test" not in values:
        return ["The locked test has not been opened for this bundle."]
    bears_out = f"{_all_contained(values['fit_to_served'])} {_of_calibration(values)}"
    return [_opened(values["openings"]), "", bears_out]


def openings(values: dict[str, Any]) -> list[str]:
    """The record of the openings up to this bundle's, a line each."""
    rows = values.get("openings", {}).get("rows", [])
    return table(
        ["opening", "date", "bundle", "model.onnx", "metadata.json", "reason"],
        [
            [
                number,
                row["date"],
                f"{row['bundle']} {row['version']}",
                f"`{row['model_sha256'][:12]}`",
                f"`{row['metadata_sha256'][:12]}`",
                row["reason"].replace("|", "/"),
            ]
            for number, row in enumerate(rows, 1)
        ],
    )


def _opened(found: dict[str, Any]) -> str:
    rows = found["rows"]
    if not rows:
        return "The bundle has figures of the locked test but no copy of the record of its opening."
    own = rows[-1]
    text = f"The locked test was opened for this bundle on {own['date']} ({own['reason']})"
    text += (
        ", its first opening."
        if len(rows) == 1
        else f". It was opening number {len(rows)}: the test had been looked at before, so that its figures say less "
        "than those of a first look."
    )
    if not found["as_opened"]:
        text += " Model or metadata were changed since: their hashes are not those on record."
    return text


def _all_contained(fit: dict[str, Any]) -> str:
    """One sentence over all figures, the exceptions named."""
    outside = [
        f"{FIGURE_NAMES[name]} with {MODE_NAMES[mode]} ({figure(found['out_of_fold'])} lies "
        f"{'above' if found['out_of_fold'] > found['interval'][1] else 'below'} {interval(found['interval'])})"
        for mode in MODE_NAMES
        for name, found in fit[mode].items()
        if found["contained"] is False
    ]
    if not outside:
        return "Each of its 95 % intervals contains the out-of-fold value."
    return f"Its 95 % interval does not contain the out-of-fold value of {listed(outside)}; of the others it does."


def _of_calibration(values: dict[str, Any]) -> str:
    """Whether the locked test's calibration error is more than so few photos make of a perfect calibration."""
    sentences = [
        _chance(values["locked_test"][mode]["calibration"], name) for mode, name in MODE_NAMES.items()
    ]
    return (
        "Of ECE it is not asked: on fewer photos it is larger whatever the calibration, and its resampled interval more so. "
        + " ".join(sentences)
    )


def fit_to_served(values: dict[str, Any]) -> list[str]:
    """Out-of-fold beside the locked test: figures, temperature and thresholds."""
    fit = values.get("fit_to_served")
    if fit is None:
        return []
    temperature = fit["temperature"]
    rows = [
        [
            FIGURE_NAMES[name],
            mode_name,
            figure(found["out_of_fold"]),
            f"{figure(found['locked_test'])} {interval(found['interval'])}",
            _yes(found["contained"]),
        ]
        for mode, mode_name in MODE_NAMES.items()
        for name, found in fit[mode].items()
    ]
    return [
        (
            "Temperature, decision prior and thresholds were chosen with networks that each saw a part of the photos; the "
            "served network saw them all. On the locked test, which neither saw:"
        ),
        "",
        *table(["figure", "input", "out-of-fold", "locked test", "contained"], rows),
        "",
        (
            f"The temperature in use is {temperature['used']:.3f}; refitted on the locked test, in hindsight and for no "
            f"use, it would be {temperature['refitted_in_hindsight']:.3f}."
        ),
        *(_threshold_fit(name, found) for name, found in fit["thresholds"].items()),
    ]


def _threshold_fit(name: str, found: dict[str, Any]) -> str:
    verdict = "contains" if found["contained"] else "does not contain"
    return (
        f"The threshold for {QUESTION_NAMES[name]} was chosen for a sensitivity of {figure(found['chosen_for'])}; on "
        f"the locked test it is {figure(found['sensitivity'])}, and its interval {interval(found['interval'])} "
        f"{verdict} that."
    )


def _chance(calibration: dict[str, Any], mode_name: str) -> str:
    error, perfect = calibration["equal_width"], calibration["equal_width_of_a_perfect_model"]
    verdict = "below" if error < perfect["percentile_95"] else "not below"
    return (
        f"ECE, {mode_name}, is {figure(error)}, {verdict} {figure(perfect['percentile_95'])}, which a perfectly "
        "calibrated model would exceed on as many photos one time in twenty."
    )


def bars(values: dict[str, Any]) -> list[str]:
    """What was to be reached, and whether it was."""
    texts = {
        "calibration_error_out_of_fold": "{figure} out-of-fold at most {limit}",
        "locked_calibration_error_within_chance": "{figure} on the locked test below a perfect model's 95th percentile, {limit}",
        "locked_interval_contains_out_of_fold": "out-of-fold {figure} inside the locked test's interval {limit}",
    }
    rows = []
    for bar in values["bars"]:
        limit = bar["limit"]
        shown = interval(limit) if isinstance(limit, list) else figure(limit)
        text = texts[bar["name"]].format(figure=FIGURE_NAMES[bar["figure"]], limit=shown if limit else "")
        rows.append([text.strip(" ,"), MODE_NAMES[bar["input"]], figure(bar["value"]), _met(bar["met"])])
    return table(["bar", "input", "found", "met"], rows)


def elsewhere(values: dict[str, Any]) -> list[str]:
    """The model on photos of other sources."""
    if "elsewhere" not in values:
        return ["On other sources' photos this bundle was not measured."]
    header = [
        "other sources' photos",
        "input",
        "melanoma AUC",
        "cancer AUC",
        "balanced accuracy",
        "accuracy",
        "mean confidence",
    ]
    rows = [
        [
            f"{source}{' (phone)' if found['phone'] else ''}, {found['photos']:,}",
            mode_name,
            with_interval(found[mode], "melanoma_auc"),
            with_interval(found[mode], "cancer_auc"),
            with_interval(found[mode], "balanced_accuracy"),
            figure(found[mode].get("accuracy_most_probable")),
            figure(found[mode]["mean_confidence"]),
        ]
        for source, found in values["elsewhere"].items()
        for mode, mode_name in MODE_NAMES.items()
    ]
    learned = learned_sources(values)
    said = (
        f"Photos of {listed(learned)} trained the network too, each judged here by one that saw none of its fold; of "
        "other sources none is training data"
        if learned
        else "None of these photos is training data of this bundle"
    )
    return [
        *table(header, rows),
        "",
        (
            f"{said}; intervals are over patients, or lesions where patients "
            "are not known. Cancer is judged against benign lesions; actinic keratosis, which may become cancer, is in "
            "neither. A dash: the source has not the diagnoses for it. Mean confidence is the probability of the most "
            "probable class, which should be the accuracy."
        ),
    ]


def _yes(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "no"


def _met(value: bool | None) -> str:
    return "not known before the locked test is opened" if value is None else "yes" if value else "**no**"


def learned_sources(values: dict[str, Any]) -> list[str]:
    """The other sources whose photos trained the network too."""
    return [source for source, found in values["elsewhere"].items() if found.get("learned_from")]
