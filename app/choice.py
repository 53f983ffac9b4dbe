"""Which model answers, where a reader can choose: what each tells, and what it costs to ask it."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.bundles import current_bundles
from app.languages import marked
from app.record import Cost, cost, training_data
from data_modelling.inference.bundle import Bundle

# What a model of each task tells, in the reader's words.
TELLS: Mapping[str, str] = {
    "ham10000": marked("Seven kinds of skin spot"),
    "isic2019": marked("Eight kinds of skin spot, and “none of these”"),
    "isic2020": marked("Melanoma or not"),
}


@dataclass(frozen=True)
class Choice:
    """A model that can be chosen.

    name: of the bundle's folder. tells: to be said with `_`. data: what it was trained with. cost: what finding
    melanomas costs with it; None where its bundle does not say.
    """

    name: str
    tells: str
    version: str
    data: str | None
    cost: Cost | None

    @property
    def missed(self) -> int:
        """Of 100 melanomas in testing, how many it missed."""
        return round(100 * self.cost.missed / self.cost.positives) if self.cost else 0

    @property
    def flagged(self) -> int:
        """Of 100 other spots in testing, how many it raised concern for."""
        return round(100 * self.cost.flagged / self.cost.negatives) if self.cost else 0


def choices() -> tuple[Choice, ...]:
    """The models that can be chosen, the default one first; none where there is no choice."""
    bundles = current_bundles()
    valid = bundles.valid
    if len(valid) < 2:
        return ()
    names = sorted(valid, key=lambda name: (name != bundles.default, name))
    return tuple(_choice(name, valid[name]) for name in names)


def _choice(name: str, bundle: Bundle) -> Choice:
    found = cost(bundle.metrics, "melanoma")
    whole = found if found and found.positives and found.negatives else None
    return Choice(name, TELLS[bundle.task], bundle.version, training_data(bundle.metadata), whole)
