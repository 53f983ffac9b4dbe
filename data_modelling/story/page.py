"""The story as a page, made of its table alone: figures, differences, and a paragraph a step in plain counts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.evaluation import intervals
from data_modelling.evaluation.contest import bounds, read_table, write_table_and_page
from data_modelling.evaluation.markdown import figure, interval, listed, signed, table
from data_modelling.inference.diagnoses import TASKS, codes
from data_modelling.story.rows import FIGURES, LESS, read_matrix
from data_modelling.story.steps import FINAL, MELANOMA, MOLE, STEPS, TUNED, Step

PLOTS = "../DATA/plots"  # from the page
SAID = ("balanced_accuracy", "macro_auc")  # the figures of a step's paragraph
ARCHITECTURE = "CNN_final_model_architecture.png"
# What a recipe has whose setting is not 0 or empty.
HAS = {
    "more_photos": "other sets' photos",
    "network.colour_constancy": "colour constancy",
    "network.squeeze": "squeeze-and-excite",
    "augmentation.recompress": "recompressed photos",
    "augmentation.mixup": "blended photos",
    "augmentation.cutmix": "photos with a rectangle of another",
    "training.coarse_share": "first epochs at half the edge",
    "training.class_weights": "class weights",
    "training.logit_adjustment": "logit adjustment",
    "training.pretraining_epochs": "learning without labels first",
    "training.outlines": "lesion outlines as a second target",
    "training.teachers": "teachers",
}
Row = dict[str, Any]


def write_story(out: Path, rows: pd.DataFrame) -> None:
    """Write the table beside the page `out` as csv, and the page from it."""
    write_table_and_page(out, rows, page)


def read_story(source: Path) -> pd.DataFrame:
    """The table of a story that was written."""
    return read_table(source)


def page(rows: pd.DataFrame, source: str) -> str:
    """The page of a table; source: the name of its csv."""
    records = rows.to_dict("records")
    numbers = {row["name"]: number for number, row in enumerate(records, 1)}
    steps = {step.name: step for step in STEPS}
    paragraphs = [
        "# The story, in steps",
        f"`python -m data_modelling.compare --story` wrote `{source}`, and this page from it.",
        _about(records[0], _minutes(records)),
        "\n".join(_table_of_figures(records, steps)),
        "\n".join(_table_of_differences(records, numbers)),
        _notes(records),
        *_absent(numbers),
    ]
    for row in records:
        step = steps[row["name"]]
        paragraphs += [f"## {numbers[step.name]}. {step.title}", step.told, in_counts(row)]
        paragraphs += [text for text in (_beside(row, numbers), _searched(row), _full_size(row)) if text]
        paragraphs.append(f"![Confusion matrix: {step.title}]({PLOTS}/{step.plot})")
        if step.name == FINAL:
            paragraphs.append(f"![Architecture of the final model]({PLOTS}/{ARCHITECTURE})")
    return "\n\n".join(paragraphs) + "\n"


def _about(first: Row, minutes: float) -> str:
    return (
        f"One split, one fold, one figure each: every step was trained on the other folds of the split {first['split']} and "
        f"judged on the same {first['photos']:,} photos of {first['groups']:,} lesions of fold {first['folds']}, which it had "
        f"not seen, at {first['edge']} pixels. All trainings together took {minutes:.0f} minutes of processor time. Small "
        "photos and few epochs keep it short: the differences count, not the heights."
    )


def _minutes(records: list[Row]) -> float:
    return float(np.nansum([row["seconds"] for row in records])) / 60


def _table_of_figures(records: list[Row], steps: dict[str, Step]) -> list[str]:
    lines = (
        (
            f"{number}. {steps[row['name']].title}",
            *(f"{figure(row[name])} {interval(bounds(row, name))}" for name in FIGURES),
            "-" if np.isnan(row["seconds"]) else f"{row['seconds']:,.0f}",
        )
        for number, row in enumerate(records, 1)
    )
    return table(("step", *FIGURES.values(), "seconds of training"), lines)


def _table_of_differences(records: list[Row], numbers: dict[str, int]) -> list[str]:
    lines = (
        (
            f"{numbers[row['name']]} less {numbers[row[LESS]]}",
            *(signed(row[f"{name}_{LESS}"], bounds(row, f"{name}_{LESS}")) for name in FIGURES),
        )
        for row in records[1:]
    )
    return table(("steps", *FIGURES.values()), lines)


def _notes(records: list[Row]) -> str:
    trained = [str(number) for number, row in enumerate(records, 1) if row["decided"] == "as trained"]
    return (
        f"In brackets: 95 % intervals (bootstrap over lesions, {intervals.RESAMPLES:,} resamples); differences are paired, "
        f"same photos. AUCs judge the probabilities, all else the decision. Steps {listed(trained)} decide for the class "
        "that is most probable where the classes have the shares that the training showed: nothing is chosen for that. "
        "The others divide the probabilities by a decision prior. The last column of figures is what every step has with a "
        "decision prior: it shows what is left of class weights and sampling once the decision takes care of the "
        "classes' shares. The prior's one number, and the temperature, were chosen on these same photos. Seconds: "
        "processor time of all threads; a dash for another answer of a network that is trained already, and for the "
        "details alone, which was not timed."
    )


def _absent(numbers: dict[str, int]) -> list[str]:
    titles = [step.title for step in STEPS if step.name not in numbers]
    return [f"Not told, because the recipe was not there: {listed(titles)}."] if titles else []


def in_counts(row: Row) -> str:
    """What a step finds and mistakes, in plain counts of its confusion matrix."""
    matrix, classes = read_matrix(row["confusion"]), codes(row["task"])
    melanoma, mole = classes.index(MELANOMA), classes.index(MOLE)
    of_class = matrix.sum(axis=1)
    rarest = int(np.argmin(np.where(of_class > 0, of_class, of_class.sum() + 1)))
    never = [
        _named(row["task"], index) for index in np.flatnonzero((of_class > 0) & (matrix.sum(axis=0) == 0))
    ]
    sentences = [
        f"It decides {matrix.trace():,} of {matrix.sum():,} photos right.",
        (
            f"Of {of_class[melanoma]:,} photos of melanoma in fold {row['folds']} it finds {matrix[melanoma, melanoma]:,} "
            f"and calls {matrix[melanoma, mole]:,} moles; of {of_class[mole]:,} photos of moles it calls "
            f"{matrix[mole, melanoma]:,} melanoma."
        ),
        (
            f"Of {of_class[rarest]:,} photos of {_named(row['task'], rarest)}, the rarest class, it finds "
            f"{matrix[rarest, rarest]:,}."
        ),
    ]
    if never:
        sentences.append(f"It never decides for {listed(never)}.")
    return " ".join(sentences)


def _named(task: str, index: int) -> str:
    name = TASKS[task][index].name
    return name[0].lower() + name[1:]


def _beside(row: Row, numbers: dict[str, int]) -> str:
    """What a step found and lost beside the one that it is compared with, photo by photo."""
    if not isinstance(row[LESS], str):
        return ""
    number = numbers[row[LESS]]
    said = [
        f"{FIGURES[name]} is {_verdict(row, name)} ({signed(row[f'{name}_{LESS}'], bounds(row, f'{name}_{LESS}'))})"
        for name in SAID
    ]
    return (
        f"Beside step {number} it finds {row['melanomas_won']:,.0f} photos of melanoma that were missed there, and misses "
        f"{row['melanomas_lost']:,.0f} that were found there; {' and '.join(said)}."
    )


def _verdict(row: Row, name: str) -> str:
    low, high = bounds(row, f"{name}_{LESS}")
    if low > 0:
        return "better"
    return "worse" if high < 0 else "not clearly different"


def _searched(row: Row) -> str:
    if row["name"] != TUNED:
        return ""
    judged, unread = row["search_folds"].split()
    if row["folds"] == judged:
        return f"The search judged its trials on this very fold {judged}: the figures of this step are a little too good."
    kept = ", the fold of this story" if row["folds"] == unread else ""
    return f"The search judged its trials on fold {judged} and never read fold {unread}{kept}."


def _full_size(row: Row) -> str:
    if row["name"] != FINAL:
        return ""
    said = [
        f"{what} {figure(row[f'full_{name}'])} {interval(bounds(row, f'full_{name}'))}"
        for name, what in FIGURES.items()
        if f"full_{name}" in row
    ]
    return (
        f"At full size{_recipe(row.get('full_differs'))} the bundle {row['full_bundle']} ({row['full_edge']:.0f} pixels, at most "
        f"{row['full_epochs']:.0f} epochs), whose {row['full_photos']:,.0f} out-of-fold photos in {row['full_folds']:.0f} folds "
        f"have, by the photo alone: {listed(said)}."
    )


def _recipe(differs: object) -> str:
    """Whether the bundle's recipe is the story's, and what it has beside; the first tables did not compare them."""
    if not isinstance(differs, str):
        return " the recipe (the settings were not compared) is"
    found = json.loads(differs)
    return f", {said_apart(found)}, the recipe is" if found else " the same recipe is"


def said_apart(differs: dict[str, list[Any]]) -> str:
    """What sets a recipe apart from another in words: `with teachers, without class weights and with ...`.

    differs: by name of the setting, the other's value and its own.
    """
    beside, lacking, other = [], [], []
    for name, (before, after) in differs.items():
        if name in HAS and not before:
            beside.append(HAS[name])
        elif name in HAS and not after:
            lacking.append(HAS[name])
        else:
            other.append(f"`{name}` {_value(after)} instead of {_value(before)}")
    groups = (("with", beside), ("without", lacking), ("with", other))
    return listed([f"{word} {listed(names)}" for word, names in groups if names])


def _value(value: Any) -> str:
    if isinstance(value, list):
        return listed([str(one) for one in value]) if value else "none"
    return "none" if value in (None, "") else str(value)
