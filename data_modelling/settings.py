"""Declares all settings of a training, with meaning and unit; a recipe (TOML file) changes some of the defaults.

settings = read_settings(Path("data_modelling/configs/ham10000.toml"))
"""

import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from data_modelling.inference.bundle import LARGEST_EDGE
from data_modelling.inference.diagnoses import TASKS, class_codes, learned_class_codes
from data_modelling.inference.errors import InputError

FOLD_COUNT = 5  # folds of every split
CHANNELS = ("rgb", "bgr")
CNN = "cnn"  # the custom network of this project
RESNET = "resnet34"
NETWORKS = (CNN, RESNET)
BLOCK_KINDS = ("residual", "plain")
ADAMW, MUON = OPTIMIZERS = ("adamw", "muon")
SMALLEST_EDGE = 32  # pixels; for ResNet34, which halves the edge five times
TYPE_NAMES = {"array": "a list", "object": "a table"}  # msgspec's names of types, and the names in our errors
# Options that were removed because they did not help (docs/ablations.md), each with the value that switched it off.
# Older bundles and work folders still have these options, with this value.
REMOVED_SETTINGS: dict[str, dict[str, Any]] = {
    "": {"earlier": {}, "folds": 5},
    "network": {"colour_constancy": 0.0, "squeeze": 0, "weights": ""},
    "augmentation": {"cutmix": 0.0},
    "training": {
        "logit_adjustment": 0.0,
        "pretraining_epochs": 0,
        "outlines": 0.0,
        "generations": 1,
        "frozen_epochs": 0,
        "fine_tuning": 0.1,
    },
}


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Describes the network: its image branch, its details branch and its head."""

    name: str = CNN  # image branch, one of NETWORKS
    edge: int = 112  # pixels of the square photo that the network sees
    # The next five settings apply to the custom CNN only.
    stem: int = 32  # channels of the first convolution, which halves the edge
    widths: tuple[int, ...] = (64, 128, 192)  # channels of each stage (blocks that together halve the edge)
    blocks: tuple[int, ...] = (2, 2, 2)  # blocks of each stage
    block: str = "residual"  # residual, or plain (without residual connections)
    kernel: int = 3  # edge of the blocks' convolution kernels in pixels, odd
    dropout: float = 0.3  # share of the embedding's channels that are set to 0 in training
    details_units: int = 32  # hidden units of the details branch


class AugmentationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Gives the ranges of the random changes of training photos; a range of 0 or a factor of 1 changes nothing."""

    flip: bool = True  # left-right and top-bottom, each with probability 1/2
    rotation: float = 180.0  # degrees to either side
    scale: float = 1.25  # largest zoom in or out, as a factor
    stretch: float = 1.15  # largest ratio of width to height, or of height to width
    shift: float = 0.08  # largest shift, as a share of the edge
    brightness: float = 0.12  # largest change, as a share of the full range
    contrast: float = 1.25  # largest factor; the smallest is 1 / contrast
    saturation: float = 1.3  # largest factor; the smallest is 1 / saturation
    colour: float = 1.1  # largest factor of one colour channel; the smallest is 1 / colour
    recompress: float = 0.0  # share of photos that are reduced, saved as JPEG and enlarged again
    reduced_edges: tuple[int, ...] = (64, 100)  # smallest and largest edge of a reduced photo, in pixels
    vignette: float = 0.0  # share of photos that get a round dark border, as some dermatoscopes make
    mixup: float = 0.0  # share of photos that are blended with another photo
    drop_details: float = 0.5  # share of photos whose details are all hidden
    drop_detail: float = 0.2  # for the other photos: probability with which each single detail is hidden


class TrainingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Says how the network's weights are trained."""

    epochs: int = 60  # length of the schedule of the learning rate
    coarse_share: float = 0.0  # share of the epochs, at the beginning, that use photos of half the edge
    batch: int = 64  # photos per step
    optimizer: str = ADAMW  # one of OPTIMIZERS; see training.optimizer
    learning_rate: float = 2e-3  # largest learning rate, after the warm-up
    warmup_epochs: float = 3.0  # epochs in which the learning rate rises linearly; then it falls
    weight_decay: float = 0.05  # decay of the kernels; biases and normalisations do not decay
    label_smoothing: float = 0.05  # share of the target that is spread over all classes
    balance: float = 0.5  # a class of n photos gets a share like n^(1 - balance); 0: as in the data; 1: equal
    source_balance: float = 0.0  # the same for sources within a class; 0 ignores the source
    photos_a_class: int = 0  # photos of each class in an epoch (over- or undersampled); 0: `balance` decides
    class_weights: float = 0.0  # a photo of a class of n weighs 1 / n^class_weights in the loss; 0: all equal
    averaging: float = 0.995  # decay per step of the averaged weights (EMA)
    patience: int = 15  # the training ends after so many epochs without a better AUC, ...
    least_share: float = 0.6  # ... but not before this share of the schedule
    bfloat16: bool = True  # compute in bfloat16 if the processor or a GPU supports it
    teachers: tuple[str, ...] = ()  # networks to imitate: recipes (trained first) or work folders of runs
    distillation: float = 0.5  # share of the loss that comes from the teachers, if there are any


class FeatureNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names the features in a TFRecord shard; "" means that a feature is absent. image and image_id are required."""

    image: str = "image"  # the bytes of a JPEG, PNG or WebP file
    image_id: str = "image_id"
    diagnosis: str = "diagnosis"  # class code or its index; in a task of two classes, 0 is no and 1 is yes
    group_id: str = "group_id"
    age: str = "age"  # years
    sex: str = "sex"
    site: str = "site"
    source: str = "source"
    confirmation: str = "confirmation"


class PreparedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Says how `prepare` writes class folders and TFRecord shards, and how shards are read."""

    edge: int = 0  # edge in pixels of the square to store as PNG; 0 stores the photo's file as it is
    shard: int = 1024  # photos in each shard that is written
    channels: str = "rgb"  # order of the colours in a shard's photos: rgb or bgr
    features: FeatureNames = msgspec.field(default_factory=FeatureNames)

    def __post_init__(self) -> None:
        if self.channels not in CHANNELS:
            raise InputError(f"prepared.channels must be one of {', '.join(CHANNELS)}.")
        if self.edge < 0 or self.shard < 1:
            raise InputError("prepared.edge must be 0 or more pixels and prepared.shard at least 1 photo.")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Holds all settings of one recipe, from the photos to the bundle."""

    name: str  # name of the bundle
    version: str  # version of the bundle
    task: str  # list of classes: a key of inference.diagnoses.TASKS
    dataset: str  # name of a data set or storage format of datasets.registry
    split: str  # name of the file in the splits folder, without ending
    more_photos: tuple[str, ...] = ()  # other data sets that are trained on too; see datasets.extra_sets
    networks_of: str = ""  # path of another recipe; this run uses copies of its networks, with merged classes
    left_out_clinics: tuple[str, ...] = ()  # clinic groups; for each group, a network is trained without it
    unseen_sets: tuple[str, ...] = ()  # data sets to test on, without photos of clinics that occur in the run
    reference: str = ""  # source whose class shares the calibration assumes; "" means those of the data set
    figure_folds: tuple[int, ...] = (0,)  # folds to predict; for each fold, a network is trained without it
    seed: int = 1  # fixes the random draws of the run
    cancer_sensitivity: float = 0.9  # share of cancers (and melanomas) that the thresholds find out-of-fold
    left_out: tuple[str, ...] = ()  # classes; for each, a network is trained without it, to fit UNK's score
    unknown_share: float = 0.02  # assumed share of photos of no known class, to calibrate UNK (unknown)
    generated_lesions: int = 0  # number of synthetic lesions to draw; 0: the data set is read
    network: NetworkSettings = msgspec.field(default_factory=NetworkSettings)
    augmentation: AugmentationSettings = msgspec.field(default_factory=AugmentationSettings)
    training: TrainingSettings = msgspec.field(default_factory=TrainingSettings)
    prepared: PreparedSettings = msgspec.field(default_factory=PreparedSettings)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InputError(f"task must be one of {', '.join(TASKS)}, not {self.task!r}.")
        self._check_classes()
        folds = set(self.figure_folds)
        if not folds or not folds <= set(range(FOLD_COUNT)) or len(folds) < len(self.figure_folds):
            raise InputError(f"figure_folds must name some of the folds 0 to {FOLD_COUNT - 1}, each once.")
        if not 0 < self.cancer_sensitivity <= 1:
            raise InputError("cancer_sensitivity must be a share above 0 and at most 1.")
        if self.training.epochs < 1 or self.training.batch < 1:
            raise InputError("training.epochs and training.batch must be at least 1.")
        self._check_network()
        self._check_coarse()
        if self.training.optimizer not in OPTIMIZERS:
            raise InputError(
                f"training.optimizer must be one of {', '.join(OPTIMIZERS)}, not {self.training.optimizer!r}."
            )

    def _check_classes(self) -> None:
        has_unknown = learned_class_codes(self.task) != class_codes(self.task)
        if has_unknown != bool(self.left_out) or not set(self.left_out) <= set(
            learned_class_codes(self.task)
        ):
            codes = ", ".join(learned_class_codes(self.task))
            raise InputError(
                f"left_out must {f'name classes of {codes}' if has_unknown else 'be empty'} for the task {self.task}."
            )
        if not 0 < self.unknown_share < 1:
            raise InputError("unknown_share must be a share above 0 and below 1.")

    def _check_coarse(self) -> None:
        share = self.training.coarse_share
        if not 0 <= share < 1:
            raise InputError(
                "training.coarse_share must be at least 0 and below 1: the last epochs use the full edge."
            )
        if share:
            try:
                half_edge_settings(self)
            except InputError as error:
                raise InputError(f"training.coarse_share: at half the edge, {error}") from error

    def _check_network(self) -> None:
        network = self.network
        if not 1 <= network.edge <= LARGEST_EDGE:
            raise InputError(f"network.edge must be from 1 to {LARGEST_EDGE} pixels.")
        if network.name not in NETWORKS:
            raise InputError(f"network.name must be one of {', '.join(NETWORKS)}, not {network.name!r}.")
        if network.name == CNN:
            self._check_cnn()
        elif network.edge < SMALLEST_EDGE:
            raise InputError(f"network.edge must be at least {SMALLEST_EDGE} for {network.name}.")

    def _check_cnn(self) -> None:
        network = self.network
        if network.block not in BLOCK_KINDS:
            raise InputError(f"network.block must be one of {', '.join(BLOCK_KINDS)}, not {network.block!r}.")
        if network.kernel % 2 == 0 or network.kernel < 1:
            raise InputError(f"network.kernel must be odd, not {network.kernel}.")
        if len(network.widths) != len(network.blocks):
            raise InputError("network.widths and network.blocks must have the same length.")
        if network.edge % 2 ** (len(network.widths) + 1):
            raise InputError(f"network.edge must be a multiple of {2 ** (len(network.widths) + 1)}.")


def half_edge_settings(settings: Settings) -> Settings:
    """Return the same recipe for photos of half the edge. Raises InputError if its network does not accept them."""
    network = replace(settings.network, edge=settings.network.edge // 2)
    training = replace(settings.training, coarse_share=0.0)
    return replace(settings, network=network, training=training)


def merge_tables(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `change`; tables are merged, and other values are replaced."""
    merged = dict(base)
    for key, value in change.items():
        are_tables = isinstance(value, dict) and isinstance(base.get(key, {}), dict)
        merged[key] = merge_tables(base.get(key, {}), value) if are_tables else value
    return merged


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file. Raises InputError for a missing file and for one that is no TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no configuration {path}; see data_modelling/configs.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no valid TOML: {error}.") from error


def read_settings(path: Path) -> Settings:
    """Return the settings in a TOML file. Raises InputError for a missing file, an unknown key or a wrong type."""
    values = read_toml(path)
    try:
        return _build(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def settings_with_fold(settings: Settings, fold: str | None) -> Settings:
    """Return the settings with figure_folds set to one fold, or to all folds for `all`; None changes nothing.

    Raises InputError for a fold that does not exist.
    """
    if fold is None:
        return settings
    if fold == "all":
        return replace(settings, figure_folds=tuple(range(FOLD_COUNT)))
    if fold.isascii() and fold.isdigit():
        return replace(settings, figure_folds=(int(fold),))
    raise InputError(f"--fold must be a number from 0 to {FOLD_COUNT - 1} or all, not {fold!r}.")


def settings_to_dict(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values, in the form in which a bundle saves them."""
    values: dict[str, Any] = msgspec.to_builtins(settings)
    return values


def settings_from_dict(values: dict[str, Any]) -> Settings:
    """Return settings from the values that a bundle or run saved; other settings have their defaults.

    Raises InputError for an unknown key or a wrong type, and for a removed option that was in use.
    """
    return _build(_without_removed(values))


def _without_removed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without the REMOVED_SETTINGS that were switched off."""
    kept = {key: value for key, value in values.items() if REMOVED_SETTINGS[""].get(key) != value}
    for table, removed in REMOVED_SETTINGS.items():
        if isinstance(kept.get(table), dict):
            kept[table] = {key: value for key, value in kept[table].items() if removed.get(key) != value}
    return kept


def _build(values: dict[str, Any]) -> Settings:
    """Return the settings of these values. Raises InputError, with the key, for an unknown setting or a wrong type."""
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise InputError(_describe(str(error))) from error


def _describe(error: str) -> str:
    """Return an error message of msgspec as one sentence that begins with the key of the setting."""
    message, _, place = error.partition(" - at `$")
    table = place.strip(".`")  # such as training.epochs, or network.widths[...]
    quoted = re.findall("`(.+?)`", message)
    prefix = f"{table}." if table else ""
    if "unknown field" in message:
        return f"{prefix}{quoted[0]} is no setting; the settings are {', '.join(_setting_names(table))}."
    if "missing required field" in message:
        return f"{prefix}{quoted[0]} must be set."
    if quoted and quoted[0] in TYPE_NAMES:
        return f"{table} must be {TYPE_NAMES[quoted[0]]}."
    if len(quoted) == 2:
        return f"{table.partition('[')[0]} must be of type {quoted[0]}, not {quoted[1]}."
    return f"{table}: {message}."


def _setting_names(table: str) -> tuple[str, ...]:
    """Return the names of the settings in a table such as `prepared.features`; "" is the recipe itself."""
    settings: Any = Settings
    for name in filter(None, table.split(".")):
        settings = typing.get_type_hints(settings)[name]
    return tuple(settings.__struct_fields__)
