from matplotlib.figure import Figure

from data_modelling.plots.bundle_plots import draw_learning_curves
from data_modelling.plots.forest_plots import subgroup_rows

EPOCH = {"loss": 1.0, "stopping_macro_auc": 0.5, "smoothed_macro_auc": 0.5}


def test_the_learning_curves_of_all_networks_are_drawn_and_can_be_told_apart() -> None:
    names = [
        *(f"fold{fold}" for fold in range(5)),
        "fold0_without_BKL",
        "served",
        "without_BCN",
        "without_MSK",
    ]
    figure = Figure()
    draw_learning_curves(figure, {name: [EPOCH, EPOCH] for name in names})
    losses, _ = figure.axes
    assert [line.get_label() for line in losses.lines] == [
        "without fold 0",
        "without fold 0 without BKL",
        *(f"without fold {fold}" for fold in range(1, 5)),
        "served model",
        "without BCN",
        "without MSK",
    ]
    assert len({(line.get_color(), line.get_linestyle()) for line in losses.lines}) == len(names)


def test_the_groups_of_a_subgroup_have_their_name() -> None:
    row = {"attribute": "sex", "value": "female", "groups": 137, "classes": 2, "macro_auc": 0.57}
    rows = [row | {"macro_auc_interval": [0.39, 0.75]}]
    (drawn,) = subgroup_rows({"grouped_by": "patient", "subgroups": rows, "intersections": []})
    assert drawn.name == "sex: female (137 patients, 2 classes)"
