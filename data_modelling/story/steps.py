"""The steps of the story: what each changes, which recipe makes it, and what it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from data_modelling.inference.diagnoses import codes
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, read_settings

FINAL, TUNED = "final", "tuned"
MELANOMA, MOLE = "MEL", "NV"  # the classes that the story tells apart in plain counts


@dataclass(frozen=True)
class Step:
    """A step.

    name: of the step; title and told: what the page says it is. recipe: of `story_<recipe>.toml`. answers: what is judged: the
    network's answer to the photo, to photo and details, that of the details alone, or the classical baseline's.
    decided: for the class most probable where classes have the shares that training showed, or for the one most
    probable after division by the decision prior. less: the step that it is compared with; None is the step before.
    plot: file of its confusion matrix, in DATA/plots.
    """

    name: str
    title: str
    told: str
    plot: str
    recipe: str
    answers: Literal["photo", "both", "details", "baseline"] = "photo"
    decided: Literal["as trained", "decision prior"] = "as trained"
    less: str | None = None


STEPS = (
    Step(
        "unchanged",
        "Unchanged data, first model",
        "A plain network of convolutions, shown the photos as they are and the classes as they come: most are moles.",
        "confusion_matrix_unchanged_dataset_first_model.png",
        "unchanged",
    ),
    Step(
        "class_weights",
        "Class weights",
        "The same network and photos. In the loss a photo weighs the inverse of its class's count, so that every class "
        "weighs the same.",
        "confusion_matrix_class_weights_first_model.png",
        "class_weights",
    ),
    Step(
        "sampled",
        "1,000 photos a class",
        "The same network. Instead of weights, every class has 1,000 photos an epoch: imbalanced-learn's "
        "RandomOverSampler repeats photos of the rarer classes, its RandomUnderSampler leaves out photos of the commoner "
        "ones.",
        "confusion_matrix_balanced_dataset_first_model.png",
        "sampled",
    ),
    Step(
        TUNED,
        "The tuned network",
        "Shape, training, random changes of the photos and the answer to imbalance are those that the search found.",
        "confusion_matrix_tuned_model.png",
        TUNED,
    ),
    Step(
        FINAL,
        "The final recipe, photo only",
        "The served model's recipe at this story's size and length, and so without what takes long training (teachers, "
        "blended photos): residual blocks, random changes of the photos, classes drawn by the root of their counts, and "
        "a decision that divides the probabilities by the decision prior.",
        "confusion_matrix_balanced_dataset_final_model.png",
        FINAL,
        decided="decision prior",
    ),
    Step(
        "details",
        "Details only",
        "Age, sex and site without any photo: a logistic regression, fitted on the other folds.",
        "confusion_matrix_details_only.png",
        FINAL,
        "details",
        "decision prior",
    ),
    Step(
        "both",
        "The final recipe, photo and details",
        "The network of the final recipe, told age, sex and site beside the photo.",
        "confusion_matrix_photo_and_details_final_model.png",
        FINAL,
        "both",
        "decision prior",
        less=FINAL,
    ),
    Step(
        "baseline",
        "Classical baseline",
        "No network: numbers that a person chose (colour, shape and texture of the lesion in the same small photos), the "
        "details, and scikit-learn's gradient-boosted trees.",
        "confusion_matrix_classical_baseline.png",
        FINAL,
        "baseline",
        "decision prior",
        less="both",
    ),
)


@dataclass(frozen=True)
class Recipes:
    """The recipes that are there, by Step.recipe.

    search_folds: the fold that judged the search's trials, and the one that none of them read; empty without one.
    """

    settings: dict[str, Settings]
    search_folds: tuple[int, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps whose recipe is there."""
        return tuple(step for step in STEPS if step.recipe in self.settings)


def read_recipes(folder: Path, tuned: Path | None) -> tuple[Recipes, list[str]]:
    """The recipes in `folder`, and a sentence for the tuned one where it is not there.

    tuned: a search's best.toml; None takes `story_tuned.toml` of the folder if it is there.

    Raises InputError for any other recipe that is not there or cannot be told of.
    """
    names = [name for name in dict.fromkeys(step.recipe for step in STEPS) if name != TUNED]
    settings = {name: read_settings(folder / f"story_{name}.toml") for name in names}
    _refuse_untellable(settings[FINAL])
    path = tuned or folder / f"story_{TUNED}.toml"
    if tuned is None and not path.exists():
        absent = f"there is no {path}; copy best.toml of a search there, or name it with --tuned"
        return Recipes(settings), [f"The step of the tuned network was left out: {absent}."]
    found = read_settings(path)
    if len(found.figure_folds) != 2:
        raise InputError(
            f"{path} is no best.toml of a search: figure_folds must be the fold that judged the trials and the one "
            "that none read."
        )
    settings[TUNED] = framed(found, settings[FINAL])
    return Recipes(settings, found.figure_folds), []


def framed(found: Settings, frame: Settings) -> Settings:
    """What a search found, at the size and length of `frame` and on its fold."""
    epochs = frame.training.epochs
    warmup = min(found.training.warmup_epochs, frame.training.warmup_epochs)
    return replace(
        frame,
        name=f"story_{TUNED}",
        more_photos=found.more_photos,
        network=replace(found.network, edge=frame.network.edge),
        augmentation=found.augmentation,
        training=replace(found.training, epochs=epochs, warmup_epochs=warmup),
    )


def compared_with(step: Step, before: Sequence[Step]) -> Step | None:
    """The step that one is compared with, among those before it; None for the first."""
    if step.less is None:
        return before[-1] if before else None
    return next(one for one in before if one.name == step.less)


def _refuse_untellable(settings: Settings) -> None:
    if len(settings.figure_folds) != 1:
        raise InputError(f"A story is told of one fold: figure_folds of {settings.name} must name one.")
    if not {MELANOMA, MOLE} <= set(codes(settings.task)):
        raise InputError(f"A story tells of melanomas and moles, and {settings.task} has not both.")
