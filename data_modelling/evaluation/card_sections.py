"""The sections of a bundle's card, by the headings of Mitchell et al. 2019 (Model Cards, arXiv:1810.03993).

Each function takes metadata.json's and metrics.json's values and gives lines of markdown; no line leaves its
section out.
"""

from collections.abc import Callable
from typing import Any

from data_modelling.evaluation import results
from data_modelling.evaluation.figures import LESION
from data_modelling.evaluation.intervals import RESAMPLES
from data_modelling.evaluation.markdown import figure, interval, table, with_interval
from data_modelling.evaluation.origin import FROM_SCRATCH, how_trained
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.source_facts import LEARNED_TOO, sentences

Values = dict[str, Any]
Section = Callable[[Values, Values], list[str]]


def model_details(metadata: Values, values: Values) -> list[str]:
    """Who made it, what goes in and comes out, and under which licence."""
    data, training = metadata["data"], metadata["settings"]["training"]
    trained = how_trained(metadata)
    alone = ": no weights of others" if trained == FROM_SCRATCH else ""
    return [
        f"- {metadata['name']} {metadata['version']}, {metadata['date']}, by the authors of this project (CITATION.cff).",
        (
            f"- A convolutional network of {metadata['parameters']:,} parameters for {len(metadata['classes'])} classes of "
            f"skin lesions with a small branch for the patient's details, {trained}{alone}."
        ),
        (
            f"- Input: the centre square (or the user's frame) of a photo, {metadata['edge']} x {metadata['edge']} pixels; "
            "where known age, sex and anatomical site."
        ),
        (
            "- Output: probabilities of the classes, divided by a temperature of "
            f"{metadata['temperature']:.3f} before the softmax; a decision, which divides them by `decision_prior`."
        ),
        (
            f"- Training: at most {training['epochs']} epochs, stopped by a tenth of the training "
            f"{results.group_noun(values)}s, drawn whole; all settings are in `metadata.json`, the layers in `plots/architecture.png`."
        ),
        f"- Training data: {', '.join([*data['sources'], *metadata.get('more', {})])}{_through(metadata)}. Licence of the weights: {metadata['licence']}. Code: MIT.",
        f"- Cite this project and {sentences(metadata, 'cite')}.",
        "- Questions and faults: the project's issues.",
    ]


def _through(metadata: Values) -> str:
    if not (names := metadata.get(LEARNED_TOO)):
        return ""
    by = "its members" if "ensemble" in metadata else "the weights that it started from"
    return f", and through {by} {', '.join(names)}"


def intended_use(metadata: Values, _: Values) -> list[str]:
    """What it is for, and what it is not for."""
    names = ", ".join(f"{diagnosis.code} ({diagnosis.name})" for diagnosis in TASKS[metadata["task"]])
    return [
        "For education and research. Not a diagnosis and not a medical device.",
        "",
        f"- Meant for: learning and research on dermoscopic photos of single lesions of these classes: {names}.",
        "- Meant for people who want to see what such a model can and cannot do: students, doctors, researchers.",
        (
            "- Not meant for: deciding on a person's care, sorting patients, phone photos, anything but a lesion, mucosa and "
            "nails, watching a lesion over time. A spot that is new, changes, itches or bleeds goes to a doctor whatever the "
            "model says."
        ),
    ]


def factors(metadata: Values, values: Values) -> list[str]:
    """What the figures are told apart by, and what they cannot be."""
    skin = sentences(metadata, "skin")
    unknown = ", whether two lesions are one patient's" if results.group_noun(values) == LESION else ""
    return [
        "- Measured: diagnosis, age, sex, anatomical site, how the diagnosis was confirmed, and sex and age together.",
        f"- Skin type, not measured. {skin}.",
        (
            "- Not measured for want of labels: device, lighting, hair, ink and rulers in the photo, immune status, earlier "
            f"treatment{unknown}."
        ),
    ]


def metric_choices(metadata: Values, values: Values) -> list[str]:
    """Which figures judge what, and how sure they are."""
    chosen = figure(metadata["settings"]["cancer_sensitivity"])
    perfect = values["out_of_fold"]["photo"]["calibration"]["equal_width_of_a_perfect_model"]
    return [
        (
            "- The decision is judged by balanced accuracy, sensitivity, specificity and the confusion matrix; the "
            "probabilities by AUC, average precision, log-likelihood, Brier score and expected calibration error (ECE). "
            "`metrics.json` has them all."
        ),
        f"- Thresholds for the cancer group and for melanoma: the highest with a sensitivity of {chosen} out-of-fold.",
        (
            f"- Intervals are 95 %, by {RESAMPLES:,} bootstrap resamples of whole {results.group_noun(values)}s within their class; comparisons "
            "are paired. That of the ECE lies too high, since drawing again adds chance. Those of shares of refused photos are "
            "of photos one by one (Wilson), and so a little too narrow."
        ),
        (
            f"- On as few photos even a perfectly calibrated model shows an ECE of {figure(perfect['mean'])} on average, "
            f"and of more than {figure(perfect['percentile_95'])} one time in twenty."
        ),
    ]


def evaluation_data(metadata: Values, values: Values) -> list[str]:
    """The photos behind the figures, and the record of the locked test's openings."""
    out_of_fold, noun = values["out_of_fold"], results.group_noun(values)
    lines = [
        (
            f"- Out-of-fold: {out_of_fold['photos']:,} photos of {out_of_fold['groups']:,} {noun}s "
            f"({results.folds(out_of_fold)}) of the development part of the split `{metadata['data']['split']}`. All choices "
            f"were made on them ({metadata['chosen_on']})."
        ),
        f"- Photos of one {noun} never stand on two sides of the split; it is committed as ids.",
    ]
    if "locked_test" in values:
        locked = values["locked_test"]
        lines.append(
            f"- Locked test: {locked['photos']:,} photos of {locked['groups']:,} {noun}s, in no training and no choice."
        )
    else:
        lines.append(f"- {results.locked_test(values)[0]}")
    if "elsewhere" in values:
        names = ", ".join(
            f"{name} ({found['photos']:,} photos)" for name, found in values["elsewhere"].items()
        )
        lines.append(f"- Other sources, none of whose locked photos was read: {names}.")
        lines += [
            f"- Of {name}, whose benign photos are not told apart, at most {found['benign_at_most']:,} benign ones, drawn by id."
            for name, found in values["elsewhere"].items()
            if found["benign_at_most"] is not None
        ]
    record = results.openings(values) if values.get("openings", {}).get("rows") else []
    return [*lines, *([""] if record else []), *record]


def training_data(metadata: Values, values: Values) -> list[str]:
    """The photos that it learned from."""
    data = metadata["data"]
    counts = ", ".join(f"{code} {count:,}" for code, count in data["counts"].items())
    return [
        (
            f"- {data['photos']:,} photos of {data['groups']:,} {results.group_noun(values)}s: {counts}. A grouped tenth of them stopped the "
            "training."
        ),
        *_more_photos(metadata),
        f"- Where from: {sentences(metadata, 'origin')}.",
        f"- Diagnoses: {sentences(metadata, 'labels')}.",
        *([] if values.get("no_locked_test") else [f"- The locked test was {data['locked_test']}."]),
    ]


def _more_photos(metadata: Values) -> list[str]:
    return [
        (
            f"- Beside them {found['photos']:,} photos of {source}: "
            f"{', '.join(f'{name} {count:,}' for name, count in found['counts'].items())}. Nothing was chosen on them."
        )
        for source, found in metadata.get("more", {}).items()
    ]


def all_results(_: Values, values: Values) -> list[str]:
    """The table that the project's README has too."""
    return [results.results(values)]


def bars(_: Values, values: Values) -> list[str]:
    """What was to be reached, and whether it was."""
    return results.bars(values)


def classes(metadata: Values, values: Values) -> list[str]:
    """A row a class."""
    rows = []
    for diagnosis in TASKS[metadata["task"]]:
        row = values["out_of_fold"]["photo"]["classes"][diagnosis.code]
        rows.append(
            [
                f"{diagnosis.code}: {diagnosis.name}",
                f"{row['photos']:,}",
                with_interval(row, "auc"),
                with_interval(row, "sensitivity"),
                figure(row["specificity"]),
                figure(row["positive_predictive_value"]),
            ]
        )
    header = ["class", "photos", "AUC", "sensitivity", "specificity", "right among those decided so"]
    return [*table(header, rows), "", *_plots("confusion_matrix", "roc", "precision_recall")]


def thresholds(_: Values, values: Values) -> list[str]:
    """What the thresholds cost in counts of photos, and what others would."""
    out_of_fold = values["out_of_fold"]
    lines = ["Out-of-fold, photo alone. In use:", ""]
    lines += [_cost(name, cost) for name, cost in out_of_fold["thresholds"].items()]
    lines += ["", "For comparison, the thresholds that reach a sensitivity:", ""]
    lines += [
        _cost(f"{name}_{rate}", cost, f"at a sensitivity of {figure(float(rate))}")
        for name, point in out_of_fold["operating_points"].items()
        for rate, cost in point["at_sensitivity"].items()
    ]
    return [*lines, "", *_plots("decision_curve")]


def _cost(name: str, cost: Values, aim: str = "") -> str:
    """A threshold's cost in counts of photos."""
    title = {"cancer": "The cancer group", "melanoma": "Melanoma"}[name.split("_", maxsplit=1)[0]]
    others = cost["flagged"] / cost["negatives"] * 1000 if cost["negatives"] else 0
    return (
        f"- {title}{', ' if aim else ''}{aim}, at or above {cost['threshold']:.3f}: of {cost['positives']:,} photos "
        f"{cost['missed']:,} missed; of {cost['negatives']:,} others {cost['flagged']:,} flagged "
        f"({others:.0f} of 1,000)."
    )


def calibration(metadata: Values, values: Values) -> list[str]:
    """How far the probabilities can be believed, and what leaving out uncertain photos would spare."""
    out_of_fold = values["out_of_fold"]
    photo, before = out_of_fold["photo"]["calibration"], out_of_fold["as_trained"]["photo"]
    shares = out_of_fold["risk_coverage"]
    rows = [
        [f"{float(share):.0%}", figure(found["error"]), figure(found["balanced_error"])]
        for share, found in shares.items()
    ]
    return [
        (
            f"ECE out-of-fold with the photo alone: {figure(before['expected_calibration_error'])} as trained, "
            f"{figure(photo['equal_width'])} after the temperature of {metadata['temperature']:.3f}; in bins of equal mass "
            f"{figure(photo['equal_mass'])}, classwise {figure(photo['classwise'])}."
        ),
        "",
        (
            "Errors of the decision if only the most certain photos were answered (balanced only where each class has enough "
            "answered photos):"
        ),
        "",
        *table(["answered", "wrong", "balanced error"], rows),
        "",
        *_plots("reliability", "risk_coverage"),
    ]


def fit_to_served(_: Values, values: Values) -> list[str]:
    """Whether the choices made with fold models fit the served one."""
    lines = results.fit_to_served(values)
    return [*lines, "", *_plots("locked_test")] if lines else []


def other_sources(_: Values, values: Values) -> list[str]:
    """What the thresholds did on other sources, in counts; the AUCs are in the table of results."""
    if "elsewhere" not in values:
        return ["This bundle was not measured on other sources' photos."]
    lines = []
    for source, found in values["elsewhere"].items():
        cost, unsure = found["photo"]["thresholds"]["cancer"], found["photo"]["may_become_cancer"]
        extra = (
            f" Of {unsure['photos']:,} actinic keratoses {unsure['flagged']:,} were flagged."
            if unsure["photos"]
            else ""
        )
        error = found["photo"].get("expected_calibration_error")
        sure = f" ECE {figure(error)}." if error is not None else ""
        lines.append(
            f"- {source}{', phone photos' if found['phone'] else ''}, photo alone, with the threshold of the cancer group: "
            f"of {cost['positives']:,} cancers {cost['missed']:,} missed; of {cost['negatives']:,} benign "
            f"{cost['flagged']:,} flagged.{extra}{sure}"
        )
    return [*lines, "", *_plots("elsewhere")]


def unitary_results(metadata: Values, values: Values) -> list[str]:
    """The subgroups by one attribute."""
    return [
        (
            "Out-of-fold, photo alone; over the classes of which a subgroup has ten lesions, so that rows differ in what "
            "they are measured on. `follow_up` means a mole that was watched: its photos are all of one class. "
            f"{sentences(metadata, 'skin')}."
        ),
        "",
        *_subgroups(values["out_of_fold"]["subgroups"], results.group_noun(values)),
        "",
        *_plots("subgroups"),
    ]


def intersectional_results(_: Values, values: Values) -> list[str]:
    """The subgroups by two attributes."""
    return [
        "Sex and age together, measured like the subgroups above.",
        "",
        *_subgroups(values["out_of_fold"]["intersections"], results.group_noun(values)),
    ]


def _subgroups(rows: list[Values], noun: str) -> list[str]:
    header = ["", "photos", f"{noun}s", "classes", "balanced accuracy", "macro AUC"]
    cells = []
    for row in rows:
        start = [f"{row['attribute']}: {row['value']}", f"{row['photos']:,}", f"{row['groups']:,}"]
        if "said" in row:
            cells.append([*start, "", row["said"], ""])
        else:
            figures = (with_interval(row, name) for name in ("balanced_accuracy", "macro_auc"))
            cells.append([*start, row["classes"], *figures])
    return table(header, cells)


def ethical_considerations(metadata: Values, _: Values) -> list[str]:
    """What may go wrong for whom."""
    return [
        f"- Data: {sentences(metadata, 'ethics')}.",
        (
            "- Harm: a cancer that is missed may be looked after too late; a benign spot that is flagged worries and may be cut "
            "out for nothing. The thresholds above tell how often either happened in testing."
        ),
        f"- Fairness: {sentences(metadata, 'skin')}.",
        (
            "- Neither doctors nor patients took part in building or judging it, and nobody measured what its answers do to "
            "their decisions."
        ),
        "- The page keeps no photo; see the project's README.",
    ]


def caveats(_: Values, values: Values) -> list[str]:
    """What to keep in mind, and what to do before any other use."""
    with_photos = [item for item in values["out_of_fold"]["photo"]["classes"].items() if item[1]["photos"]]
    rarest, row = min(with_photos, key=lambda item: item[1]["photos"])
    lines = [
        "- It knows only its classes, and gives probabilities of these for everything it answers.",
        (
            f"- Rare classes have few photos ({rarest}: {row['photos']:,} out-of-fold, sensitivity "
            f"{interval(row['sensitivity_interval'])}): their figures are uncertain."
        ),
        (
            "- Temperature, decision prior and thresholds were chosen on the photos that give the out-of-fold figures, which "
            "flatters these a little."
        ),
        (
            "- The probabilities are calibrated for the class shares of the data set's own photos. Where cancers are rarer, they are "
            "too high."
        ),
    ]
    if "elsewhere" in values:
        lines += [
            f"- On {source}'s photos it was right in {figure(found['photo']['accuracy_most_probable'])} and sure of "
            f"{figure(found['photo']['mean_confidence'])} on average (photo alone)."
            for source, found in values["elsewhere"].items()
            if "accuracy_most_probable" in found["photo"]
        ]
    else:
        lines.append(
            "- It was not measured on other sources' photos; expect it to be wrong more often there, and as sure."
        )
    return [
        *lines,
        (
            "- Before any other use: measure it on photos of the place where it would be used, of all skin types that live "
            "there."
        ),
    ]


def files(_: Values, values: Values) -> list[str]:
    """What lies in the bundle, and how its figures are made again."""
    locked = (
        " `openings.csv` is the record of the locked test as it was at this bundle's opening."
        if "openings" in values
        else ""
    )
    return [
        (
            "`model.onnx` (served), `model.keras`, `metadata.json` (how to read the logits: temperature, decision prior, "
            "thresholds; the recipe), `metrics.json` (all figures), `predictions/` (logits behind the figures), `history.json` "
            f"(learning curves), `plots/`, `SHA256SUMS`.{locked}"
        ),
        "",
        (
            "`python -m data_modelling.evaluate --bundle FOLDER` writes figures, plots and this card again from the "
            "predictions, without the photos."
        ),
    ]


def _plots(*names: str) -> list[str]:
    return [f"![{name.replace('_', ' ')}](plots/{name}.png)" for name in names]
