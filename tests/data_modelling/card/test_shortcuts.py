import copy

import pytest

from data_modelling.card.model_card import render_card_part


def difference(value: float, low: float, high: float) -> dict:
    return {"difference": value, "interval": [low, high]}


def both(value: float, low: float, high: float) -> dict:
    return {name: difference(value, low, high) for name in ("balanced_accuracy", "macro_auc")}


def view(balanced: float, auc: float, low: float, high: float) -> dict:
    return {
        "balanced_accuracy": balanced,
        "macro_auc": auc,
        "intervals": {"balanced_accuracy": [balanced, balanced], "macro_auc": [low, high]},
    }


def of_maps(own: float, random: float, gaussian: float, less_random: dict, less_gaussian: dict) -> dict:
    means = {"map": own, "random": random, "gaussian": gaussian}
    return {kind: {"mean": mean, "interval": [mean, mean]} for kind, mean in means.items()} | {
        "map_less_random": less_random,
        "map_less_gaussian": less_gaussian,
    }


FOUND = {
    "photos": 1980,
    "drawn": 2000,
    "groups": 1980,
    "parts": ["0", "1"],
    "balanced_accuracy_by_chance": 1 / 7,
    "lesion_share": 0.34,
    "views": {
        "intact": view(0.7, 0.945, 0.93, 0.96),
        "lesion_painted": view(0.2, 0.65, 0.6, 0.7) | {"less_intact": both(-0.4, -0.5, -0.3)},
        "background_painted": view(0.6, 0.9, 0.88, 0.92) | {"less_intact": both(-0.1, -0.15, -0.05)},
    },
    "inside": of_maps(0.55, 0.34, 0.61, difference(0.21, 0.2, 0.22), difference(-0.06, -0.07, -0.05)),
    "deletion": of_maps(0.4, 0.6, 0.39, difference(-0.2, -0.21, -0.19), difference(0.01, -0.01, 0.03)),
    "most_frequent": "NV",
    "deletion_of_the_rarer": {"photos": 600}
    | of_maps(0.2, 0.45, 0.25, difference(-0.25, -0.3, -0.2), difference(-0.05, -0.06, -0.04)),
}


def said(**changes: dict) -> str:
    return render_card_part("shortcuts", {"out_of_fold": {"shortcuts": copy.deepcopy(FOUND) | changes}})


def test_every_figure_is_told() -> None:
    text = said()
    assert (
        "1,980 out-of-fold photos with a known lesion outline. They were drawn at random from folds 0 and 1, one per lesion. "
        "20 more were drawn, but left out" in text
    )
    assert "| intact | .700 | - | .945 | - |" in text
    assert (
        "| lesion painted over | .200 [.200, .200] | -0.400 [-0.500, -0.300] | .650 [.600, .700] | -0.400 ["
        in text
    )
    assert "| by chance | .143 | - | .500 | - |" in text
    assert "the lesion covers 34 % of the photo" in text
    for row in ("heat map | 55 % | .400 | .200", "random map | 34 % | .600", "Gaussian | 61 % | .390"):
        assert f"| {row} |" in text


def test_the_rarer_classes_are_told_by_themselves_if_there_are_any() -> None:
    assert "only the 600 photos not decided as NV." in said()
    assert (
        "| heat map, minus random map | +0.210 [+0.200, +0.220] | -0.200 [-0.210, -0.190] | -0.250 ["
        in said()
    )
    assert "bare skin" not in said(deletion_of_the_rarer={"photos": 0})


def test_the_unpleasant_is_said() -> None:
    """More than chance without the lesion; less in the lesion than a Gaussian that never looks."""
    text = said()
    assert "a macro AUC of .650 is more than chance." in text
    assert "more evidence there than the random map, and less than the Gaussian." in text
    assert (
        "The heat map is better than the random map, and not certainly different from the Gaussian." in text
    )
    assert "the network uses the skin around the lesion, or the paint misleads it." in text


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [(0.45, 0.55, "does not differ from chance"), (0.3, 0.4, "worse than chance")],
)
def test_what_is_left_without_the_lesion(low: float, high: float, sentence: str) -> None:
    painted = FOUND["views"] | {
        "lesion_painted": view(0.14, (low + high) / 2, low, high) | {"less_intact": both(-0.5, -0.6, -0.4)}
    }
    assert sentence in said(views=painted)
    assert "better than chance" not in said(views=painted)


def test_without_figures_it_says_that_it_was_not_tested() -> None:
    assert "was not tested" in render_card_part("shortcuts", {"out_of_fold": {}})


def details(both_less_photo: dict, both_less_shuffled: dict) -> list[str]:
    metrics = {
        "details": view(0.3, 0.76, 0.75, 0.77),
        "shuffled": view(0.6, 0.9, 0.88, 0.92),
        "comparisons": {
            "both_less_photo": both_less_photo,
            "photo_less_details": both(0.4, 0.3, 0.5),
            "both_less_shuffled": both_less_shuffled,
        },
    }
    text = render_card_part("details", {"out_of_fold": metrics})
    return [line for line in text.splitlines() if line.startswith("| ")][2:]


def test_what_the_details_do_is_told_with_its_certainty() -> None:
    first, second, *_, third = details(both(0.02, 0.01, 0.03), both(0.04, 0.03, 0.05))
    assert first.endswith("| +0.020 [+0.010, +0.030] | +0.020 [+0.010, +0.030] | The details help. |")
    assert "| .300 [.300, .300] | .760 [.750, .770] |" in second
    assert third.endswith("Wrong details mislead the network. |")
    first, *_, third = details(both(0.0, -0.01, 0.01), both(-0.04, -0.05, -0.03))
    assert first.endswith("No gain is certain. |")
    assert third.endswith("the network has not learned to use them. |")


def test_a_gain_of_one_figure_alone_is_named_so() -> None:
    one = {"balanced_accuracy": difference(0.02, -0.01, 0.03), "macro_auc": difference(0.02, 0.01, 0.03)}
    assert details(one, both(0, -1, 1))[0].endswith("The details help (certain only for macro AUC). |")


def test_figures_that_disagree_are_not_called_a_gain() -> None:
    mixed = {"balanced_accuracy": difference(0.02, 0.01, 0.03), "macro_auc": difference(-0.02, -0.03, -0.01)}
    assert details(mixed, both(0, -1, 1))[0].endswith("The two metrics disagree. |")


def test_of_a_part_without_controls_nothing_is_said() -> None:
    values = {"out_of_fold": {"comparisons": {"both_less_photo": both(0, -1, 1)}}}
    assert render_card_part("details", values).strip() == ""
