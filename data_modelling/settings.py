"""The settings of a recipe: named values with meaning and unit; a TOML file overrides few of them.

settings = read_settings(Path("data_modelling/configs/ham10000.toml"))
"""

import dataclasses
import json
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_modelling.inference.bundle import LARGEST_EDGE
from data_modelling.inference.diagnoses import TASKS, codes, learned
from data_modelling.inference.errors import InputError

FOLDS = 5  # of every split
MORE_FOLDS = (FOLDS, 2 * FOLDS)  # how many a run may use; see datasets.splits.refined
CHANNELS = ("rgb", "bgr")
CNN = "cnn"  # the custom network
IMAGENET = "imagenet"
# The name in a recipe, and the function of keras.applications.
EFFICIENTNETS = {f"efficientnetb{size}": f"EfficientNetB{size}" for size in range(8)} | {
    f"efficientnetv2{size.lower()}": f"EfficientNetV2{size}"
    for size in ("B0", "B1", "B2", "B3", "S", "M", "L")
}
BLOCKS = ("residual", "plain")
NETWORKS = (CNN, "resnet34", "resnext50", *EFFICIENTNETS)
EARLIER = ("augmentation", "training")  # tables that may be other in earlier generations
SMALLEST_EDGE = 32  # pixels, of the networks by name: they halve the edge five times


@dataclass(frozen=True)
class NetworkSettings:
    """The image branch, the details branch and the head."""

    name: str = CNN  # of the image branch: cnn, or another of NETWORKS
    weights: str = ""  # it starts from: "" new ones, "imagenet", or a file (see networks.backbones)
    edge: int = 112  # pixels of the square photo that the network sees
    # The next seven are the custom CNN's.
    stem: int = 32  # channels of the first convolution, at half the edge
    widths: tuple[int, ...] = (64, 128, 192)  # channels of each stage; a stage halves the edge
    blocks: tuple[int, ...] = (2, 2, 2)  # blocks of each stage
    block: str = "residual"  # or plain: without the shortcut
    kernel: int = 3  # pixels of the blocks' convolutions, odd
    colour_constancy: float = 0.0  # power of the mean that tells the light's colour; 0: it stays in the photo
    squeeze: int = 0  # by which squeeze-and-excite divides a block's channels; 0: there is none
    dropout: float = 0.3  # share of the embedding's channels dropped in training
    details_units: int = 32  # hidden units of the details branch


@dataclass(frozen=True)
class AugmentationSettings:
    """Ranges of the random changes; 0 or 1 leaves a thing as it is."""

    flip: bool = True  # left-right and top-bottom, each with probability 1/2
    rotation: float = 180.0  # degrees to either side
    scale: float = 1.25  # largest zoom in or out, as a factor
    stretch: float = 1.15  # largest ratio of width to height, either way
    shift: float = 0.08  # largest shift, as a share of the edge
    brightness: float = 0.12  # largest change, as a share of the full range
    contrast: float = 1.25  # largest contrast factor, either way
    saturation: float = 1.3  # largest saturation factor, either way
    colour: float = 1.1  # largest gain of one colour channel, either way
    recompress: float = 0.0  # share of photos made coarser and compressed anew
    mixup: float = 0.0  # share of photos blended with another
    cutmix: float = 0.0  # share of photos with a rectangle of another
    drop_details: float = 0.5  # share of photos whose details are all hidden
    drop_detail: float = 0.2  # share of single details hidden in the rest


@dataclass(frozen=True)
class TrainingSettings:
    """How the weights are found."""

    epochs: int = 60  # length of the schedule
    coarse_share: float = 0.0  # first share of the epochs, in which photos are seen at half the edge
    batch: int = 64  # photos a step
    learning_rate: float = 2e-3  # AdamW's peak, after the warm-up
    warmup_epochs: float = 3.0  # epochs of linear warm-up before the cosine
    weight_decay: float = 0.05  # AdamW's, on kernels only
    label_smoothing: float = 0.05  # share of the target spread over all classes
    balance: float = (
        0.5  # 0: classes as they come; 1: every class equally often; between: a power of the counts
    )
    photos_a_class: int = 0  # each class is over- or undersampled to this many; 0: `balance` decides
    class_weights: float = 0.0  # 0: all photos weigh the same; 1: a class weighs the inverse of its count
    logit_adjustment: float = (
        0.0  # how much of the shares that are shown the loss adds (Menon et al. 2021, arXiv:2007.07314)
    )
    averaging: float = 0.995  # decay a step of the averaged weights (EMA)
    patience: int = 15  # epochs without a better averaged AUC that end the training, ...
    least_share: float = 0.6  # ... but not before this share of the schedule
    bfloat16: bool = True  # compute in bfloat16 where the processor has it
    pretraining_epochs: int = 0  # in which the image branch learns without labels; see training.pretraining
    outlines: float = 0.0  # weight of telling where the lesion is, beside what it is; see training.outlines
    # Whose networks teach the last generation: recipes (.toml; `train` trains them first), or work folders of runs.
    teachers: tuple[str, ...] = ()
    generations: int = 1  # networks one after another, each taught by the one before; the last is the result
    distillation: float = 0.5  # share of the loss that is learned from the teachers, if there are any
    frozen_epochs: int = 0  # first epochs in which the image branch stays as it is
    fine_tuning: float = 0.1  # factor of the learning rate after the frozen epochs, if there are any


@dataclass(frozen=True)
class FeatureNames:
    """Names of a TFRecord shard's features; "" is "there is none", and image and image_id must be there."""

    image: str = "image"  # a JPEG, PNG or WebP file
    image_id: str = "image_id"
    diagnosis: str = "diagnosis"  # a class code of the task, or its index
    group_id: str = "group_id"
    age: str = "age"  # years
    sex: str = "sex"
    site: str = "site"
    source: str = "source"
    confirmation: str = "confirmation"


@dataclass(frozen=True)
class PreparedSettings:
    """How `prepare` writes class folders and TFRecord shards, and how shards are read."""

    edge: int = 0  # pixels of the square that is stored as PNG; 0 stores the photo's file as it is
    shard: int = 1024  # photos of a shard that is written
    channels: str = "rgb"  # order of the colours in a shard's photos: rgb or bgr
    features: FeatureNames = field(default_factory=FeatureNames)

    def __post_init__(self) -> None:
        if self.channels not in CHANNELS:
            raise InputError(f"prepared.channels must be one of {', '.join(CHANNELS)}.")
        if self.edge < 0 or self.shard < 1:
            raise InputError("prepared.edge must be 0 or more pixels and prepared.shard at least 1 photo.")


@dataclass(frozen=True)
class Settings:
    """One recipe, from photos to bundle."""

    name: str  # of the bundle
    version: str  # of the bundle
    task: str  # which classes: a key of inference.diagnoses.TASKS
    dataset: str  # which loader: a key of datasets.DATASETS or of datasets.FORMATS
    split: str  # stem of the file in the splits folder
    more_photos: tuple[str, ...] = ()  # splits of other sets whose photos train too; see datasets.companions
    folds: int = FOLDS  # how many there are: those of the split, or twice as many
    figure_folds: tuple[int, ...] = (0,)  # folds that are predicted by a model that never saw them
    seed: int = 1
    cancer_sensitivity: float = (
        0.9  # share of cancers (and of melanomas) at or above the threshold, out-of-fold
    )
    left_out: tuple[
        str, ...
    ] = ()  # classes left out in turn to fit and judge the score of none of the classes
    unknown_share: float = 0.02  # share of photos of none of the classes that their column is calibrated for
    generated_lesions: int = 0  # lesions to draw where the data set is `generated`
    network: NetworkSettings = field(default_factory=NetworkSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    prepared: PreparedSettings = field(default_factory=PreparedSettings)
    # What is other in the generations before the last: values of the tables EARLIER names; see before_the_last.
    earlier: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InputError(f"task must be one of {', '.join(TASKS)}, not {self.task!r}.")
        self._check_classes()
        if self.folds not in MORE_FOLDS:
            raise InputError(f"folds must be {' or '.join(map(str, MORE_FOLDS))}, not {self.folds}.")
        if not self.figure_folds or not set(self.figure_folds) <= set(range(self.folds)):
            raise InputError(f"figure_folds must name at least one of the folds 0 to {self.folds - 1}.")
        self._check_network()
        self._check_coarse()
        if self.training.generations < 1:
            raise InputError("training.generations must be at least 1.")
        if self.earlier:
            self._check_earlier()

    def _check_classes(self) -> None:
        has_unknown = learned(self.task) != codes(self.task)
        if has_unknown != bool(self.left_out) or not set(self.left_out) <= set(learned(self.task)):
            raise InputError(
                f"left_out must name classes of {', '.join(learned(self.task))} where the task has a class without "
                f"photos, and be empty elsewhere; {self.task} has {'one' if has_unknown else 'none'}."
            )
        if not 0 < self.unknown_share < 1:
            raise InputError("unknown_share must be a share above 0 and below 1.")

    def _check_earlier(self) -> None:
        if self.training.generations == 1:
            raise InputError("earlier is there without an earlier generation: training.generations is 1.")
        unknown = sorted(set(self.earlier) - set(EARLIER))
        if unknown:
            raise InputError(f"earlier.{unknown[0]} must be one of {', '.join(EARLIER)}.")
        before_the_last(self)

    def _check_coarse(self) -> None:
        share = self.training.coarse_share
        if not 0 <= share < 1:
            raise InputError(
                "training.coarse_share must be a share from 0, and below 1: the last epochs see all."
            )
        if share:
            try:
                at_half_the_edge(self)
            except InputError as error:
                raise InputError(f"training.coarse_share: at half the edge, {error}") from error

    def _check_network(self) -> None:
        network = self.network
        if not 1 <= network.edge <= LARGEST_EDGE:
            raise InputError(f"network.edge must be from 1 to {LARGEST_EDGE} pixels.")
        if network.name not in NETWORKS:
            raise InputError(f"network.name must be one of {', '.join(NETWORKS)}, not {network.name!r}.")
        if network.weights == IMAGENET and network.name not in EFFICIENTNETS:
            raise InputError(
                f"network.weights: there are no ImageNet weights of {network.name}; name a file."
            )
        if network.name == CNN:
            self._check_cnn()
        elif network.edge < SMALLEST_EDGE:
            raise InputError(f"network.edge must be at least {SMALLEST_EDGE} for {network.name}.")

    def _check_cnn(self) -> None:
        network = self.network
        if network.block not in BLOCKS:
            raise InputError(f"network.block must be one of {', '.join(BLOCKS)}, not {network.block!r}.")
        if network.kernel % 2 == 0 or network.kernel < 1:
            raise InputError(f"network.kernel must be odd, not {network.kernel}.")
        if len(network.widths) != len(network.blocks):
            raise InputError("network.widths and network.blocks must have the same length.")
        if network.edge % 2 ** (len(network.widths) + 1):
            raise InputError(f"network.edge must be a multiple of {2 ** (len(network.widths) + 1)}.")


def at_half_the_edge(settings: Settings) -> Settings:
    """The same recipe for photos of half the edge, all of them. InputError where its network cannot see such."""
    network = dataclasses.replace(settings.network, edge=settings.network.edge // 2)
    training = dataclasses.replace(settings.training, coarse_share=0.0)
    return dataclasses.replace(settings, network=network, training=training, earlier={})


def before_the_last(settings: Settings) -> Settings:
    """The recipe of the generation before, all but its seed. InputError for an unknown key or a wrong type."""
    values = json.loads(json.dumps(as_dict(dataclasses.replace(settings, earlier={}))))
    try:
        found = from_dict(merged(values, settings.earlier))
    except InputError as error:
        raise InputError(f"earlier: {error}") from error
    generations = settings.training.generations - 1
    return dataclasses.replace(
        found, training=dataclasses.replace(found.training, generations=generations, teachers=())
    )


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The base with the change's values; tables are merged, anything else is replaced."""
    found = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(base.get(key, {}), dict)
        found[key] = merged(base.get(key, {}), value) if both else value
    return found


def read_settings(path: Path) -> Settings:
    """Settings from a TOML file; InputError for a missing file, an unknown key or a wrong type."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except FileNotFoundError as error:
        raise InputError(f"There is no configuration {path}; see data_modelling/configs.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no valid TOML: {error}.") from error
    try:
        return _build(Settings, values, "")
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def with_folds(settings: Settings, folds: int | None, fold: str | None) -> Settings:
    """The settings with another number of folds, and with one of them, or `all`, for the figures; None leaves a thing.

    Raises InputError for a fold that there is not.
    """
    count = folds or settings.folds
    if fold is None:
        chosen = settings.figure_folds
    elif fold == "all":
        chosen = tuple(range(count))
    elif fold.isascii() and fold.isdigit():
        chosen = (int(fold),)
    else:
        raise InputError(f"--fold must be a number from 0 to {count - 1} or all, not {fold!r}.")
    return dataclasses.replace(settings, folds=count, figure_folds=chosen)


def as_dict(settings: Settings) -> dict[str, Any]:
    """Plain values, as they are saved in a bundle."""
    return dataclasses.asdict(settings)


def from_dict(values: dict[str, Any]) -> Settings:
    """Settings from what a bundle or run saved; what it does not say has its default. InputError as above."""
    built: Settings = _build(Settings, values, "")
    return built


def _build(cls: type, values: dict[str, Any], prefix: str) -> Any:
    kinds = typing.get_type_hints(cls)
    unknown = sorted(set(values) - set(kinds))
    if unknown:
        raise InputError(f"{prefix}{unknown[0]} is no setting; known are {', '.join(kinds)}.")
    built = {key: _value(kinds[key], value, prefix + key) for key, value in values.items()}
    required = [
        f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in built]
    if missing:
        raise InputError(f"{prefix}{missing[0]} must be set.")
    return cls(**built)


def _value(kind: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(kind) or typing.get_origin(kind) is dict:
        return _table(kind, value, name)
    if isinstance(kind, types.GenericAlias):  # tuple[int, ...]
        item = typing.get_args(kind)[0]
        if not isinstance(value, list):
            raise InputError(f"{name} must be a list.")
        return tuple(_value(item, each, name) for each in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise InputError(f"{name} must be of type {kind.__name__}, not {type(value).__name__}.")
    return value


def _table(kind: Any, value: Any, name: str) -> Any:
    """A dataclass of settings, or a table as it is."""
    if not isinstance(value, dict):
        raise InputError(f"{name} must be a table.")
    return _build(kind, value, f"{name}.") if dataclasses.is_dataclass(kind) else value
