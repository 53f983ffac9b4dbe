"""The speed of training: ours against Keras's textbook way, the same network, on the same photos, in one run.

python -m benchmarks.training --data-root DATA --out docs/training-speed.md

Textbook: keras.utils.image_dataset_from_directory, Random layers in the model, float32, `fit`. Ours: photos decoded
once, one warp a batch, bfloat16 where the processor has it, averaged weights. The two take turns, so that whatever
else the machine does meets both. `--quality` trains both for the whole schedule and judges them on fold 0.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from data_modelling.datasets.roots import add_data_options
from data_modelling.datasets.splits import in_fold, training_sides
from data_modelling.evaluation.markdown import table as markdown_table
from data_modelling.inference.commands import run
from data_modelling.inference.details import Details, encode
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.files import replaced_when_whole
from data_modelling.networks.fusion import build_network
from data_modelling.settings import Settings, read_settings
from data_modelling.training.development import Development
from data_modelling.training.fit import Run, optimizer_of, photo_macro_auc
from data_modelling.training.pipeline import Examples, examples, training_batches
from data_modelling.training.precision import training_dtype
from data_modelling.training.road import Sources, development_part

CONFIG = Path(__file__).resolve().parents[1] / "data_modelling" / "configs" / "ham10000.toml"
EDGE = 64  # pixels
STEPS = 40  # batches of a turn that are timed, after WARM ones that are not
WARM = 5
TURNS = 5  # of each way
EPOCHS = 15  # of a training whose quality is judged
SEEDS = (1, 2)
FOLD = 0  # that judges the quality; neither way reads it in training
OURS, TEXTBOOK = "ours", "textbook"
UNKNOWN = encode(Details())


@dataclass(frozen=True)
class Photos:
    """What both ways learn from and are judged on. folder: of the training photos, a folder of links a class."""

    training: Examples
    stopping: Examples
    judged: Examples
    folder: Path


class Ours:
    """The recipe's own training, step by step."""

    def __init__(self, settings: Settings, photos: Photos) -> None:
        self.run = Run(settings, photos.training, photos.stopping)
        self.photos, self.settings = photos, settings

    def steps(self, count: int) -> None:
        """Train so many batches."""
        batches = training_batches(self.photos.training, self.settings, 0)
        for step, batch in zip(range(count), batches, strict=False):
            self.run.train_batch(*batch, step)

    def auc(self) -> float:
        """Train the whole schedule; macro AUC of the judged photos."""
        with tqdm(total=self.settings.training.epochs * self.run.steps, desc=OURS, unit=" steps") as bar:
            while not self.run.is_over():
                self.run.judge_epoch(self.run.train_epoch(bar))
        return photo_macro_auc(self.run.finished(), self.photos.judged)


class Textbook:
    """The same network as tutorials train it: files read anew each epoch, Random layers, float32, `fit`."""

    def __init__(self, settings: Settings, photos: Photos) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.photos, self.settings = photos, settings
        self.network = build_network(settings)
        self.model = _with_random_layers(self.network, settings)
        self.batches = keras.utils.image_dataset_from_directory(
            photos.folder,
            label_mode="categorical",
            class_names=list(codes(settings.task)),
            image_size=(settings.network.edge, settings.network.edge),
            batch_size=settings.training.batch,
            seed=settings.seed,
            verbose=False,
        ).map(_with_unknown_details)
        smooth = settings.training.label_smoothing
        self.model.compile(
            optimizer=optimizer_of(settings.training, len(self.batches)),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smooth),
        )

    def steps(self, count: int) -> None:
        """Train so many batches."""
        # Shuffled where the files are listed; Keras warns where it is asked to once more.
        self.model.fit(self.batches.take(count).prefetch(2), shuffle=False, verbose=0)

    def auc(self) -> float:
        """Train the whole schedule; macro AUC of the judged photos."""
        self.model.fit(
            self.batches.prefetch(2), shuffle=False, epochs=self.settings.training.epochs, verbose=2
        )
        return photo_macro_auc(self.network, self.photos.judged)


WAYS: dict[str, Callable[[Settings, Photos], Ours | Textbook]] = {OURS: Ours, TEXTBOOK: Textbook}


def _with_random_layers(network: keras.Model, settings: Settings) -> keras.Model:
    """Random layers that change photos about as much as the recipe's augmentation does."""
    changes, layers = settings.augmentation, keras.layers
    photo = keras.Input((settings.network.edge, settings.network.edge, 3), name="photo")
    details = keras.Input((len(UNKNOWN),), name="details")
    changed = layers.RandomFlip("horizontal_and_vertical")(photo)
    changed = layers.RandomRotation(changes.rotation / 360)(changed)
    changed = layers.RandomZoom(changes.scale - 1)(changed)
    changed = layers.RandomTranslation(changes.shift, changes.shift)(changed)
    changed = layers.RandomContrast(changes.contrast - 1)(changed)
    changed = layers.RandomBrightness(changes.brightness)(changed)
    logits = network({"photo": changed, "details": details})["logits"]
    return keras.Model({"photo": photo, "details": details}, logits)


def _with_unknown_details(photo: Any, label: Any) -> Any:
    unknown = keras.ops.convert_to_tensor(UNKNOWN)
    return {"photo": photo, "details": keras.ops.tile(unknown[None], (keras.ops.shape(photo)[0], 1))}, label


def speeds(settings: Settings, photos: Photos, turns: int, steps: int) -> dict[str, list[float]]:
    """Photos a second of each way in each turn; the first batches of a way are not timed."""
    ways = {name: make(settings, photos) for name, make in WAYS.items()}
    for way in ways.values():
        way.steps(WARM)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in tqdm(range(turns), desc="turns", unit=" turns"):
        for name, way in ways.items():
            started = time.perf_counter()
            way.steps(steps)
            found[name].append(steps * settings.training.batch / (time.perf_counter() - started))
    return found


def qualities(settings: Settings, photos: Photos) -> dict[str, list[float]]:
    """Macro AUC on the judged fold after EPOCHS epochs, of each way with each of SEEDS."""
    training = replace(settings.training, epochs=EPOCHS, patience=EPOCHS)
    return {
        name: [make(replace(settings, seed=seed, training=training), photos).auc() for seed in SEEDS]
        for name, make in WAYS.items()
    }


@contextmanager
def photos_of(settings: Settings, development: Development) -> Iterator[Photos]:
    """The development part's photos without FOLD, less the stopping tenth, and FOLD to judge on."""
    table = development.table
    judged = in_fold(table, FOLD)
    learning, stopping = training_sides(table, ~judged, settings.seed)
    with tempfile.TemporaryDirectory() as place:
        for code in codes(settings.task):
            (Path(place) / code).mkdir()
        for path, code in table.loc[learning, ["path", "diagnosis"]].itertuples(index=False):
            (Path(place) / code / Path(path).name).symlink_to(Path(path).resolve())
        parts = (
            examples(table, development.pixels, part, settings.task) for part in (learning, stopping, judged)
        )
        yield Photos(*parts, folder=Path(place))


def written(found: dict[str, Any]) -> str:
    """The results as a page of Markdown."""
    speed, ratios = found["photos_a_second"], found["ratios"]
    rows = [
        [name, f"{statistics.median(values):.0f}", f"{min(values):.0f}-{max(values):.0f}"]
        for name, values in speed.items()
    ]
    option = " --quality" if "macro_auc" in found else ""
    lines = [
        "# Speed of training",
        "",
        f"`python -m benchmarks.training{option}` wrote this page; it runs both ways in turns.",
        "",
        (
            f"Machine: {found['machine']}. The network of `{found['config']}` at {found['edge']} px, batches of "
            f"{found['batch']}, {len(ratios)} turns of {found['steps']} batches each."
        ),
        "",
        *markdown_table(["way", "photos/s (median)", "least-most"], rows),
        "",
        f"Ours is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f}-{max(ratios):.2f} over the turns).",
    ]
    if "macro_auc" in found:
        rows = [[name, *(f"{value:.4f}" for value in values)] for name, values in found["macro_auc"].items()]
        lines += [
            "",
            f"Macro AUC on fold {FOLD} after {EPOCHS} epochs (photo alone; no choice was made on it):",
            "",
            *markdown_table(["way", *(f"seed {seed}" for seed in SEEDS)], rows),
        ]
    return "\n".join(lines) + "\n"


def compared(settings: Settings) -> Settings:
    """The recipe's network at EDGE, trained once, on labels alone, all pixels, photos unmixed: what the textbook's way does too."""
    training = replace(
        settings.training,
        coarse_share=0.0,
        generations=1,
        outlines=0.0,
        pretraining_epochs=0,
        teachers=(),
    )
    network = replace(settings.network, edge=EDGE)
    changes = replace(settings.augmentation, mixup=0.0, cutmix=0.0)
    return replace(
        settings, network=network, augmentation=changes, training=training, more_photos=(), earlier={}
    )


def measure(data_root: Path | None, splits: Path, turns: int, steps: int, quality: bool) -> dict[str, Any]:
    """Both ways on the photos of HAM10000's development part."""
    settings = compared(read_settings(CONFIG))
    with tempfile.TemporaryDirectory() as work:
        development, _ = development_part(settings, Sources(data_root, splits), Path(work))
        with photos_of(settings, development) as photos:
            speed = speeds(settings, photos, turns, steps)
            found = {
                "machine": machine(),
                "config": CONFIG.name,
                "edge": EDGE,
                "batch": settings.training.batch,
                "steps": steps,
                "photos_a_second": speed,
                "ratios": [ours / other for ours, other in zip(speed[OURS], speed[TEXTBOOK], strict=True)],
            }
            return found | ({"macro_auc": qualities(settings, photos)} if quality else {})


def machine() -> str:
    """Processor, cores and versions, in words."""
    facts = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip() for line in facts.read_text().splitlines() if "model name" in line
    ]
    kind = names[0] if names else platform.processor()
    dtype = training_dtype(wanted=True)
    return f"{kind}, {len(names)} cores, {dtype} where wanted, Keras {keras.__version__}, Python {platform.python_version()}"


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description="Speed of training.")
    add_data_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="page of Markdown to write")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--turns", type=int, default=TURNS, help="turns of each way")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches of a turn")
    parser.add_argument("--quality", action="store_true", help="also train both to the end and judge them")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        found = measure(options.data_root, options.splits, options.turns, options.steps, options.quality)
        with replaced_when_whole(options.out) as temporary:
            temporary.write_text(written(found))
        if options.json:
            options.json.write_text(json.dumps(found))
        return []

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
