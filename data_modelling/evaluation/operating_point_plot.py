"""What is gained by not answering every photo."""

from typing import Any

from matplotlib.figure import Figure

from data_modelling.evaluation.style import BLUE, GREY, ORANGE

FIGURES = {
    "balanced_accuracy": ("Balanced accuracy", BLUE),
    "melanoma_sensitivity": ("Sensitivity for melanoma", ORANGE),
}


def draw_operating_point(figure: Figure, found: dict[str, Any]) -> None:
    """The chosen rule as a dot, beside leaving out the least sure photos, which is a line; `found`: of one input."""
    share = found["answered"]["photos"] / found["photos"]
    for axes, (name, (title, colour)) in zip(figure.subplots(1, 2), FIGURES.items(), strict=True):
        rows = [row for row in found["curve"] if row[name] is not None]
        axes.plot(
            [row["share_answered"] for row in rows],
            [row[name] for row in rows],
            color=GREY,
            label="least sure left out",
        )
        if found["all"][name] is not None:
            axes.axhline(found["all"][name], color="#bbbbbb", lw=1, ls="--", label="all photos")
        if found["answered"][name] is not None:
            axes.plot(
                share, found["answered"][name], "o", color=colour, ms=9, label="refused or wide set left out"
            )
        axes.set(title=title, xlabel="Share of the out-of-fold photos that is answered", xlim=(0.45, 1.02))
        axes.legend(frameon=False, fontsize=9)
    figure.suptitle("The operating point, photo alone, judged crosswise", x=0.01, ha="left")
