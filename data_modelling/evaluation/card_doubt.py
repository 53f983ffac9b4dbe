"""The card's section on how sure the model is: prediction sets, and the photos that get no answer."""

from typing import Any

from data_modelling.evaluation.results import group_noun
from data_modelling.inference.sets import INPUTS, LEVELS

INPUT_NAMES = {"photo": "photo alone", "both": "photo and details"}
PART_NAMES = {"out_of_fold": "out-of-fold", "locked_test": "locked test"}


def doubt_section(metadata: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Coverage and size of the sets, overall and a class, and what the operating point gains and costs."""
    noun = group_noun(values)
    return [
        "\n\n".join(
            (
                _ABOUT_SETS.format(noun=noun),
                _coverage(values, noun),
                "Coverage a class, photo alone, out-of-fold:",
                _classes(metadata, values["out_of_fold"]["prediction_sets"]["photo"], noun),
                *_subgroups(values["out_of_fold"]["prediction_sets"]["photo"], noun),
                metadata["operating_point"]["reason"],
                _operating_points(values),
            )
        )
    ]


def _coverage(values: dict[str, Any], noun: str) -> str:
    lines = [
        f"| photos | input | level | {noun}s | coverage | classes in a set |",
        "|---|---|---|---|---|---|",
    ]
    for part, part_name in PART_NAMES.items():
        for given in INPUTS if part in values else ():
            for level in LEVELS:
                row = values[part]["prediction_sets"][given][level]
                lines.append(
                    f"| {part_name} | {INPUT_NAMES[given]} | {level} % | {row['groups']:,} | {_share(row)} "
                    f"| {row['mean_size']:.2f} |"
                )
    return "\n".join(lines)


def _classes(metadata: dict[str, Any], by_level: dict[str, Any], noun: str) -> str:
    lines = [
        f"| class | {noun}s | {' | '.join(f'{level} %' for level in LEVELS)} |",
        "|---" * (2 + len(LEVELS)) + "|",
    ]
    for code in metadata["classes"]:
        rows = [by_level[level]["classes"][code] for level in LEVELS]
        lines.append(f"| {code} | {rows[0]['groups']:,} | {' | '.join(_share(row) for row in rows)} |")
    return "\n".join(lines)


def _subgroups(by_level: dict[str, Any], noun: str) -> list[str]:
    """A heading and a table; nothing where no subgroup has enough groups."""
    lines = [
        f"| | {noun}s | {' | '.join(f'{level} %' for level in LEVELS)} |",
        "|---" * (2 + len(LEVELS)) + "|",
    ]
    for rows in zip(*(by_level[level]["subgroups"] for level in LEVELS), strict=True):
        first = rows[0]
        lines.append(
            f"| {first['attribute']}: {first['value']} | {first['groups']:,} "
            f"| {' | '.join(_share(row) for row in rows)} |"
        )
    heading = "Coverage within subgroups, photo alone, out-of-fold:"
    return [heading, "\n".join(lines)] if len(lines) > 2 else []


def _operating_points(values: dict[str, Any]) -> str:
    return "\n".join(
        f"- {PART_NAMES[part]}, {INPUT_NAMES[given]}: {_operating_point(values[part]['operating_point'][given])}"
        for part in PART_NAMES
        if part in values
        for given in INPUTS
    )


def _operating_point(found: dict[str, Any]) -> str:
    answered, everything, melanomas = found["answered"], found["all"], found["melanomas"]
    return (
        f"of {found['photos']:,} photos {found['refused']:,} are refused and {found['wide']:,} have a wide set "
        f"({found['uncertain']:,} of them below the thresholds: uncertain). Balanced accuracy of the answered photos "
        f"{_figure(answered['balanced_accuracy'])}, of all {_figure(everything['balanced_accuracy'])} "
        f"(difference {_signed(found['gain']['balanced_accuracy_interval'])}); sensitivity for melanoma "
        f"{_figure(answered['melanoma_sensitivity'])} and {_figure(everything['melanoma_sensitivity'])} "
        f"({_signed(found['gain']['melanoma_sensitivity_interval'])}). Of {melanomas['photos']:,} melanomas "
        f"{melanomas['refused']:,} are refused and {melanomas['wide']:,} have a wide set."
    )


def _share(row: dict[str, Any]) -> str:
    if row["coverage"] is None:
        return "-"
    low, high = (f"{100 * bound:.1f}" for bound in row["interval"])
    return f"{100 * row['coverage']:.1f} % [{low}, {high}]"


def _signed(bounds: list[float | None]) -> str:
    return f"[{', '.join('-' if bound is None else f'{bound:+.3f}' for bound in bounds)}]"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0")


_ABOUT_SETS = """A prediction set holds the classes that a photo's probabilities do not rule out, found so that the true
class is in it for 90 % (or 95 %) of the {noun}s of each class (class-conditional conformal prediction; each {noun}
counts once, whatever its number of photos; Wilson's 95 % intervals in brackets). Out-of-fold photos are judged with
thresholds from the other parts alone."""
