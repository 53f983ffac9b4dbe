"""What the comparisons of the details and the shortcut tests say, in sentences made from their figures."""

from collections.abc import Mapping
from typing import Any

from data_modelling.evaluation.markdown import figure, interval, signed

Figures = Mapping[str, Any]

MODE_FIGURES = {"balanced_accuracy": "balanced accuracy", "macro_auc": "macro AUC"}


def details_section(out_of_fold: Figures) -> list[str]:
    """Lines of markdown: what age, sex and site add to the photo, know by themselves, and do when they are wrong.

    out_of_fold: the figures of a part in metrics.json. Empty when it has no figures of the details alone.
    """
    compared = out_of_fold.get("comparisons", {})
    if not {"photo_less_details", "both_less_shuffled"} <= set(compared):
        return []
    alone, shuffled = out_of_fold["details"], out_of_fold["shuffled"]
    return [
        (
            f"- Knowing them beside the photo: {_changes(compared['both_less_photo'])}. "
            f"{_verdict(compared['both_less_photo'], 'They help', 'They harm', 'No gain that is certain')}"
        ),
        (
            f"- By themselves, without any photo (a logistic regression on the other folds), they reach "
            f"{_reached(alone)}. The photo alone against them: {_changes(compared['photo_less_details'])}."
        ),
        f"- With another lesion's details, passed on by chance within a fold, the network reaches "
        f"{_reached(shuffled)}; the right ones against these: {_changes(compared['both_less_shuffled'])}. "
        + _verdict(
            compared["both_less_shuffled"],
            "Wrong details mislead it",
            "The right details do worse than wrong ones: it has not learned to use them",
            "That the right ones do better than wrong ones is not certain",
        ),
    ]


def shortcut_section(metrics: Figures) -> list[str]:
    """Lines of markdown on what the network looks at; that it was not tested when there are no figures.

    metrics: those of metrics.json.
    """
    found = metrics["out_of_fold"].get("shortcuts")
    if found is None:
        return ["Not tested: the outlines of the lesions were not there when the model was trained."]
    left_out = found["drawn"] - found["photos"]
    without = (
        f" ({left_out:,} more were left out: their lesion leaves no skin to tell its colour)"
        if left_out
        else ""
    )
    return [
        (
            f"{found['photos']:,} out-of-fold photos{without}, one a lesion, drawn by chance from fold "
            f"{', '.join(found['parts'])}; each judged by the network that never saw its fold, from the photo alone. "
            "Painted over is in the mean colour of the skin around the lesion; that a network never saw such patches "
            "in training is a part of what they do."
        ),
        "",
        _lesion_painted(found),
        _background_painted(found),
        _inside(found),
        _deletion(found),
    ]


def _lesion_painted(found: Figures) -> str:
    view = found["views"]["lesion_painted"]
    start = f"- **Lesion painted over**: {_left(found, 'lesion_painted')}. "
    low, high = view["intervals"]["macro_auc"]
    if low > 0.5:
        return start + (
            f"A macro AUC of {figure(view['macro_auc'])} rather than .500 is more than chance: it reads something "
            "beside the lesion's inside, be it the skin around, marks and frame of the photo, or the patch's own "
            "size and shape, which painting leaves."
        )
    if high < 0.5:
        return start + "That is worse than chance: the patch misleads it."
    return start + "What is left cannot be told from chance: it needs the lesion."


def _background_painted(found: Figures) -> str:
    view = found["views"]["background_painted"]
    return f"- **Background painted over**: {_left(found, 'background_painted')}. " + _verdict(
        view["less_intact"],
        "It does better without the background, which distracts it",
        "It uses the skin around the lesion, or is put off by its absence",
        "That it uses the background is not certain",
    )


def _inside(found: Figures) -> str:
    shares = found["inside"]
    start = (
        f"- **Where the map lies**: {_percent(shares['map']['mean'])} of what speaks for the decided class lies in "
        f"the lesion, which covers {_percent(found['lesion_share'])} of the photo; of a random map "
        f"{_percent(shares['random']['mean'])}, of a centred Gaussian {_percent(shares['gaussian']['mean'])}. "
    )
    said = {
        "random": _against(
            shares["map_less_random"], "random cells", "more in the lesion than", "less in the lesion than"
        ),
        "gaussian": _against(
            shares["map_less_gaussian"],
            "the Gaussian, which never looks at the photo",
            "more in the lesion than",
            "less in the lesion than",
        ),
    }
    return start + f"It lies {said['random']}, and {said['gaussian']}."


def _deletion(found: Figures) -> str:
    areas = found["deletion"]
    start = (
        "- **Deletion**: when the highest cells are painted over first, the area under what is left of the decided "
        f"class's probability is {figure(areas['map']['mean'])}; in random order {figure(areas['random']['mean'])}, "
        f"from the centre outwards {figure(areas['gaussian']['mean'])} (smaller: what is painted over mattered "
        "more). "
    )
    # A difference below zero is the better one here.
    said = {
        "random": _against(areas["map_less_random"], "a random order", "worse than", "better than"),
        "gaussian": _against(
            areas["map_less_gaussian"], "going from the centre outwards", "worse than", "better than"
        ),
    }
    said_of_all = f"The map's order finds what the answer rests on {said['random']}, and {said['gaussian']}."
    return start + said_of_all + _deletion_of_the_rarer(found)


def _deletion_of_the_rarer(found: Figures) -> str:
    areas = found["deletion_of_the_rarer"]
    if not areas["photos"]:
        return ""
    return (
        f" Bare skin is often answered with the most frequent class; of the {areas['photos']:,} photos decided as "
        f"another than {found['most_frequent']} the areas are {figure(areas['map']['mean'])}, "
        f"{figure(areas['random']['mean'])} and {figure(areas['gaussian']['mean'])} (map less random "
        f"{_signed(areas['map_less_random'])}, map less Gaussian {_signed(areas['map_less_gaussian'])})."
    )


def _left(found: Figures, name: str) -> str:
    """Both figures of a view, beside those of the intact photo."""
    view, intact = found["views"][name], found["views"]["intact"]
    chance = {"balanced_accuracy": found["balanced_accuracy_by_chance"], "macro_auc": 0.5}
    return " and ".join(
        f"{said} {figure(view[key])} {interval(view['intervals'][key])} (as it is {figure(intact[key])}, by chance "
        f"{figure(chance[key])}; paired {_signed(view['less_intact'][key])})"
        for key, said in MODE_FIGURES.items()
    )


def _verdict(differences: Figures, more: str, less: str, neither: str) -> str:
    """One of three sentences, by which of the two figures differ from zero for certain, and in which direction."""
    signs = {}
    for key, said in MODE_FIGURES.items():
        low, high = differences[key]["interval"]
        if low > 0 or high < 0:
            signs[said] = low > 0
    if not signs:
        return f"{neither}."
    if len(set(signs.values())) > 1:
        return "The two figures disagree."
    alone = f" (certain of {next(iter(signs))} alone)" if len(signs) == 1 else ""
    return f"{more if all(signs.values()) else less}{alone}."


def _against(difference: Figures, other: str, more: str, less: str) -> str:
    low, high = difference["interval"]
    said = (
        f"{more} {other}"
        if low > 0
        else f"{less} {other}"
        if high < 0
        else f"not certainly otherwise than {other}"
    )
    return f"{said} ({_signed(difference)})"


def _changes(differences: Figures) -> str:
    return " and ".join(f"{said} {_signed(differences[key])}" for key, said in MODE_FIGURES.items())


def _reached(figures: Figures) -> str:
    return " and ".join(
        f"{said} {figure(figures[key])} {interval(figures['intervals'][key])}"
        for key, said in MODE_FIGURES.items()
    )


def _signed(difference: Figures) -> str:
    return signed(difference["difference"], difference["interval"])


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")
