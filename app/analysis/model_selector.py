"""The choice of a model in the form: what each model answers, and how many melanomas it misses."""

from dataclasses import dataclass

from app.bundle_facts import ThresholdCost, threshold_cost
from app.bundles import current_bundles
from data_modelling.inference.bundle import Bundle


@dataclass(frozen=True)
class ModelChoice:
    """Hold a model that can be chosen. name: of the bundle's folder. cost: of its melanoma threshold, if it has one."""

    name: str
    bundle: Bundle
    cost: ThresholdCost | None


def model_choices() -> list[ModelChoice]:
    """Return the models that can be chosen, the default one first; none where there is only one."""
    bundles = current_bundles()
    valid = bundles.valid
    if len(valid) < 2:
        return []
    names = sorted(valid, key=lambda name: (name != bundles.default, name))
    return [ModelChoice(name, valid[name], threshold_cost(valid[name].metrics, "melanoma")) for name in names]
