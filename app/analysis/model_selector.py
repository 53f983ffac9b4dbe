"""The choice of a model in the form: what each model answers, and how many melanomas it misses."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.bundle_facts import ThresholdCost, threshold_cost, training_data_text
from app.bundles import current_bundles
from app.http.languages import mark_message
from data_modelling.inference.bundle import Bundle

# What a model of each task answers, in the reader's words.
TASK_TITLES: Mapping[str, str] = {
    "ham10000": mark_message("Seven kinds of skin spot"),
    "isic2019": mark_message("Eight kinds of skin spot, and “none of these”"),
    "isic2020": mark_message("Melanoma or not"),
}


@dataclass(frozen=True)
class ModelChoice:
    """Hold a model that can be chosen.

    name: the name of the bundle's folder. title: a message to translate. training_data: a text about the training
    data. cost: the cost of its melanoma threshold; None where its bundle lacks it.
    """

    name: str
    title: str
    version: str
    training_data: str | None
    cost: ThresholdCost | None

    @property
    def missed(self) -> int:
        """Return how many of 100 melanomas it missed in testing."""
        return round(100 * self.cost.missed / self.cost.positives) if self.cost else 0

    @property
    def flagged(self) -> int:
        """Return how many of 100 other spots it flagged in testing."""
        return round(100 * self.cost.flagged / self.cost.negatives) if self.cost else 0


def model_choices() -> tuple[ModelChoice, ...]:
    """Return the models that can be chosen, the default one first; none where there is only one."""
    bundles = current_bundles()
    valid = bundles.valid
    if len(valid) < 2:
        return ()
    names = sorted(valid, key=lambda name: (name != bundles.default, name))
    return tuple(_model_choice(name, valid[name]) for name in names)


def _model_choice(name: str, bundle: Bundle) -> ModelChoice:
    cost = threshold_cost(bundle.metrics, "melanoma")
    if cost and not (cost.positives and cost.negatives):
        cost = None
    return ModelChoice(
        name, TASK_TITLES[bundle.task], bundle.version, training_data_text(bundle.metadata), cost
    )
