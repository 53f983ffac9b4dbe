"""The choice of a model in the form: what each model answers, and how many melanomas it misses."""

from typing import Any

from app.bundle_facts import threshold_cost
from app.bundles import current_bundles


def model_choices() -> list[dict[str, Any]]:
    """Return the models that can be chosen, the default one first; none where there is only one.

    name: of the bundle's folder. bundle: the bundle. cost: of its melanoma threshold, if it has one.
    """
    bundles = current_bundles()
    valid = bundles.valid
    if len(valid) < 2:
        return []
    names = sorted(valid, key=lambda name: (name != bundles.default, name))
    return [
        {"name": name, "bundle": valid[name], "cost": threshold_cost(valid[name].metrics, "melanoma")}
        for name in names
    ]
