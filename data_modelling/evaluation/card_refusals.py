"""The card's section on photos that are refused or doubted: gate, quality checks, detectors of a photo's origin."""

from typing import Any

from data_modelling.evaluation.markdown import figure, interval, listed, percent, percent_interval, table
from data_modelling.evaluation.results import learned_sources
from data_modelling.rejection.foreign_test import foreign_section


def refusal_section(_: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Only what was measured is told."""
    return "\n\n".join(
        [*foreign_section(values), *_elsewhere(values), *_origin(values), *_quality(values)]
    ).splitlines()


def _elsewhere(values: dict[str, Any]) -> list[str]:
    """What the gate costs on true lesion photos of other sources."""
    if "elsewhere" not in values:
        return []
    shares = [
        f"{source} {percent(found['checks']['refused']['share'])} "
        f"{percent_interval(found['checks']['refused']['interval'])} "
        f"of {found['photos']:,}"
        for source, found in values["elsewhere"].items()
    ]
    learned = learned_sources(values)
    known = (
        f" Photos of {listed(learned)} were refused by gates that saw none of their fold, but others of the same "
        "clinics: of a clinic that it does not know, the gate may refuse more."
        if learned
        else ""
    )
    return [
        (
            f"Photos of true lesions that other sources lost to a refusal: {'; '.join(shares)}. The gate knows the "
            "training photos alone, and what is unlike them in colour and sharpness it takes for foreign more often."
            f"{known}"
        )
    ]


def _origin(values: dict[str, Any]) -> list[str]:
    if "origin" not in values:
        return []
    origin = values["origin"]
    rows = [
        ["a phone photo, against all dermoscopic ones", _auroc(origin["phone"]), "-"],
        *(
            [
                f"{source}, unlike the judged data set",
                _auroc(found),
                _auroc(origin["without_the_source"][source]["unlike"]),
            ]
            for source, found in origin["unlike"].items()
        ),
    ]
    flagged = [
        f"{source} {percent(found['unlike_altered'])} and {percent(found['phone_altered'])}"
        for source, found in origin["flagged"].items()
    ]
    unseen = [
        f"{source} {percent(found['flagged']['unlike_altered'])} and {percent(found['flagged']['phone_altered'])}"
        for source, found in origin["without_the_source"].items()
    ]
    return [
        (
            "Two detectors tell from the pixels where a photo is from; all sources' photos were stretched and compressed "
            "alike before. AUROC on photos of groups that the detector never saw:"
        ),
        "\n".join(table(["what is told", "AUROC", "AUROC, that source never seen"], rows)),
        (
            f"Flagged as unlike the judged data set, and as a phone photo: {'; '.join(flagged)}. By a detector that never "
            f"saw the source: {'; '.join(unseen)}. There is one source of phone photos, so other phones are not measured."
        ),
    ]


def _quality(values: dict[str, Any]) -> list[str]:
    if "severity" not in values:
        return []
    found = values["severity"]
    clean = found["unchanged"]
    rows = [
        [
            name,
            f"{first['severity']:g} ({kind['unit']})",
            figure(first["balanced_accuracy"]),
            percent(first["caught"]),
            percent(first["refused"]),
        ]
        for name, kind in found["kinds"].items()
        if (first := kind["first_below"])
    ]
    return [
        (
            f"Quality checks, on {clean['photos']:,} out-of-fold photos that no threshold was chosen on: as they are, "
            f"balanced accuracy {figure(clean['balanced_accuracy'])} {interval(clean['interval'])}, "
            f"{percent(clean['refused'])} refused and {percent(clean['caught'])} refused or warned. At the first step that "
            f"takes the accuracy below {found['below']:g} of that:"
        ),
        "\n".join(
            table(["made worse by", "step", "balanced accuracy", "refused or warned", "refused"], rows)
        ),
        "![severity](plots/severity.png)",
    ]


def _auroc(found: dict[str, Any]) -> str:
    return f"{figure(found['auroc'])} {interval(found['interval'])}"
