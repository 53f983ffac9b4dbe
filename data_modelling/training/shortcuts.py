"""Does the network look at the lesion? Out-of-fold photos are painted over, and its maps laid over their outlines.

At most PHOTOS photos, one a lesion, each judged by the network that never saw its fold, from the photo alone:

- with the lesion painted over, and with all but the lesion (see training.painting);
- how much of the map of the decided class (inference.heatmap: what speaks for it rather than for the average
  class) lies within the outline, against maps of random cells and a Gaussian around the photo's centre, since
  lesions are centred;
- the deletion curve (Petsiuk et al. 2018, arXiv:1806.07421): how much of the decided class's probability is left
  when the highest cells of the map are painted over, a tenth more at each step (at most all of it: a class that
  was decided at 2 % may well rise); the area under it is small when the map finds what the answer rests on.
  Against a random order and the Gaussian's.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets.table import class_indices
from data_modelling.evaluation.calibration import Choices
from data_modelling.evaluation.shortcut_plots import Example, draw_examples
from data_modelling.evaluation.shortcuts import FILE, MAPS, VIEWS, write_shortcuts
from data_modelling.inference import heatmap
from data_modelling.inference.decision import decisions, probabilities
from data_modelling.inference.details import Details, encode
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.files import replaced_when_whole
from data_modelling.training import painting
from data_modelling.training.outlines import read_outline

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Ask = Callable[[Pixels], tuple[Floats, NDArray[np.float32]]]

PHOTOS = 2000  # at most
SEED = 3  # of the sample and of the random maps
RANDOM_MAPS = 50  # a photo, whose shares within the outline are averaged
SPREAD = 0.25  # of the edge: the Gaussian's standard deviation; in the deletion curve only its order counts
STEPS = 10  # of the deletion curve, from the whole photo to none of it
AT_ONCE = 32  # photos that are painted and asked together, and that the network is given at a time
PAGE = "shortcut_examples.png"


@dataclass(frozen=True)
class Judge:
    """How a fold's network answers and decides. ask: photos (N, edge, edge, 3) to logits and feature maps."""

    ask: Ask
    head: heatmap.Head
    temperature: float
    decision_prior: Floats


@dataclass(frozen=True)
class Answer:
    """What the network said to one photo. maps: (classes, rows, columns), less their mean over the classes."""

    logits: Floats
    decided: int
    maps: Floats


def judge_shortcuts(
    sample: pd.DataFrame,
    pixels: Pixels,
    outlines: Mapping[str, str],
    networks: Callable[[str], Path],
    choices: Choices,
    task: str,
    folder: Path,
) -> Path:
    """Write the results of the sample's photos and the page of examples into `folder`, which is returned.

    sample: rows of the one table with the column part. pixels: (rows, edge, edge, 3), its photos. outlines:
    paths by image id. networks: the saved network that never saw a part. What was made for the same of all
    these is not made again. Shows progress.

    Raises InputError for an outline that is broken or of another shape than its photo.
    """
    noted = folder / "key.json"
    key = _key(sample, outlines, networks, choices)
    if noted.exists() and json.loads(noted.read_text()) == key:
        return folder
    noted.unlink(missing_ok=True)
    areas = np.stack(
        [read_outline(outlines[row.image_id], row.path, pixels.shape[1]) for row in sample.itertuples()]
    )
    judges = {part: _judge(networks(part), choices) for part in sorted(sample["part"].unique())}
    rows: dict[int, dict[str, Any]] = {}
    with tqdm(total=len(sample), desc="shortcuts", unit=" photos") as bar:
        for part, judge in judges.items():
            inside = np.flatnonzero(sample["part"] == part)
            for start in range(0, len(inside), AT_ONCE):
                chosen = inside[start : start + AT_ONCE]
                names = sample["image_id"].iloc[chosen].tolist()
                found = measured(judge, names, pixels[chosen], areas[chosen])
                rows |= dict(zip(chosen.tolist(), found, strict=True))
                bar.update(len(chosen))
    facts = sample[["image_id", "group_id", "part", "diagnosis"]].rename(columns={"diagnosis": "truth"})
    measures = pd.DataFrame([_columns(rows[place], task) for place in range(len(sample))])
    results = pd.concat([facts.reset_index(drop=True), measures], axis=1)
    write_shortcuts(folder / FILE, results)
    _draw_page(folder / PAGE, sample, pixels, areas, judges, task)
    with replaced_when_whole(noted) as temporary:
        temporary.write_text(json.dumps(key))
    return folder


def drawn(table: pd.DataFrame, outlines: Mapping[str, str], count: int = PHOTOS) -> NDArray[np.int64]:
    """Which rows of a table are judged: of those with an outline one a lesion, at most `count`, by chance.

    The order is that of a hash of the id: the same for everyone, and no class or fold is preferred.
    """
    draws = [hashlib.sha256(f"{SEED} {image_id}".encode()).digest() for image_id in table["image_id"]]
    order = np.array(sorted(range(len(table)), key=draws.__getitem__), np.int64)
    known = order[table["image_id"].isin(list(outlines)).to_numpy()[order]]
    first = ~table["group_id"].iloc[known].duplicated().to_numpy()
    return np.sort(known[first][:count])


def measured(
    judge: Judge, names: Sequence[str], photos: Pixels, outlines: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """What shortcuts.csv has of each photo, class codes and logits as arrays; see evaluation.shortcuts.

    names: of the photos, from which their random maps are drawn. photos: (N, edge, edge, 3). outlines:
    (N, edge, edge). A photo whose skin cannot be told has no more than its answer and the lesion's share.
    """
    answers = answered(judge, photos)
    areas = [painting.find_areas(photo, outline) for photo, outline in zip(photos, outlines, strict=True)]
    rows: list[dict[str, Any]] = [
        {"decided": answer.decided, "lesion_share": float(outline.mean()), "intact": answer.logits}
        for answer, outline in zip(answers, outlines, strict=True)
    ]
    asked = [place for place, found in enumerate(areas) if found is not None]
    changed = [
        np.stack(list(_changed(names[place], photos[place], areas[place], answers[place]))) for place in asked
    ]
    if not asked:
        return rows
    logits = judge.ask(np.concatenate(changed))[0].reshape(len(asked), -1, len(judge.head.bias))
    for place, of_photo in zip(asked, logits, strict=True):
        answer = answers[place]
        rows[place] |= {"lesion_painted": of_photo[0], "background_painted": of_photo[1]}
        rows[place] |= _inside(names[place], answer, outlines[place])
        left = probabilities(of_photo, judge.temperature)[2:, answer.decided]
        whole = probabilities(answer.logits[None], judge.temperature)[0, answer.decided]
        rows[place] |= _deletion_areas(np.minimum(left / whole, 1))
    return rows


def answered(judge: Judge, photos: Pixels) -> list[Answer]:
    """Logits, decision and maps of each photo as it is."""
    logits, feature_maps = judge.ask(photos)
    decided = decisions(probabilities(logits, judge.temperature), judge.decision_prior)
    maps = [judge.head.maps(one) for one in feature_maps]
    return [
        Answer(of_photo, int(label), cells - cells.mean(axis=0))
        for of_photo, label, cells in zip(logits, decided, maps, strict=True)
    ]


def gaussian(shape: tuple[int, int]) -> Floats:
    """A Gaussian around the centre, on the cells of a map."""
    rows, columns = ((np.arange(size) + 0.5) / size - 0.5 for size in shape)
    return np.asarray(np.exp(-(rows[:, None] ** 2 + columns[None] ** 2) / (2 * SPREAD**2)))


def deletion_area(left: Floats) -> float:
    """Area (0-1 where nothing rises) under a deletion curve in equal steps, by the trapezium rule."""
    return float((left[1:] + left[:-1]).sum() / 2 / (len(left) - 1))


def _judge(saved: Path, choices: Choices) -> Judge:
    """A saved network as a judge."""
    network = keras.saving.load_model(saved, compile=False)
    unknown = np.tile(encode(Details()), (AT_ONCE, 1))

    def ask(photos: Pixels) -> tuple[Floats, NDArray[np.float32]]:
        answers = []
        # Always as many photos, the surplus cut off again: for another number Keras would build its function anew.
        batch = np.zeros((AT_ONCE, *photos.shape[1:]), np.float32)
        for start in range(0, len(photos), AT_ONCE):
            batch[: len(photos) - start] = photos[start : start + AT_ONCE]
            answers.append(network.predict_on_batch({"photo": batch, "details": unknown}))
        logits, maps = (
            np.concatenate([one[end] for one in answers])[: len(photos)] for end in ("logits", "feature_map")
        )
        return logits.astype(np.float64), maps

    kernel, bias = network.get_layer("head").get_weights()
    head = heatmap.Head(kernel.astype(np.float64), bias.astype(np.float64))
    return Judge(ask, head, choices.temperature, choices.decision_prior)


def _changed(name: str, photo: Pixels, areas: painting.Areas, answer: Answer) -> Iterator[Pixels]:
    """The photo without lesion, without background, then without ever more cells: MAPS one after the other."""
    colour = painting.mean_colour(photo, areas.skin)
    yield painting.painted(photo, areas.lesion, colour)
    yield painting.painted(photo, ~areas.lesion, colour)
    maps = _maps(name, answer)
    for kind in MAPS:
        shape = maps[kind].shape
        order = np.argsort(-maps[kind], axis=None, kind="stable")  # of equal cells the first in reading order
        for step in range(1, STEPS):
            cells = order[: round(len(order) * step / STEPS)]
            yield painting.painted(photo, painting.cells_area(cells, shape, len(photo)), colour)
    yield np.broadcast_to(colour, photo.shape)  # the last step is the same for all


def _maps(name: str, answer: Answer) -> dict[str, Floats]:
    """The maps (rows, columns) by MAPS: the decided class's, one random, the Gaussian."""
    own = answer.maps[answer.decided]
    return {"map": own, "random": _rng(name).random(own.shape), "gaussian": gaussian(own.shape)}


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng((SEED, zlib.crc32(name.encode())))


def _inside(name: str, answer: Answer, outline: painting.Mask) -> dict[str, float | None]:
    """Share of each map within the outline; that of random maps is their mean."""
    own = np.maximum(answer.maps[answer.decided], 0)
    randoms = _rng(name).random((RANDOM_MAPS, *own.shape))
    shares = [heatmap.share_inside(one, outline) for one in randoms]
    return {
        "map_inside": heatmap.share_inside(own, outline),
        "random_inside": float(np.mean([share for share in shares if share is not None])),
        "gaussian_inside": heatmap.share_inside(gaussian(own.shape), outline),
    }


def _deletion_areas(left: Floats) -> dict[str, float]:
    """left: probability after each change over that before; STEPS - 1 for each of MAPS, then the last step."""
    curves = left[:-1].reshape(len(MAPS), STEPS - 1)
    return {
        f"{kind}_deletion": deletion_area(np.concatenate([[1.0], curve, left[-1:]]))
        for kind, curve in zip(MAPS, curves, strict=True)
    }


def _columns(row: dict[str, Any], task: str) -> dict[str, Any]:
    """A row with its decision as a code and a column a logit."""
    columns = {name: value for name, value in row.items() if name not in VIEWS}
    logits = {
        f"{view}_{code}": value
        for view in VIEWS
        if view in row
        for code, value in zip(codes(task), row[view], strict=True)
    }
    return columns | {"decided": codes(task)[row["decided"]]} | logits


def _draw_page(
    path: Path,
    sample: pd.DataFrame,
    pixels: Pixels,
    outlines: NDArray[np.bool_],
    judges: Mapping[str, Judge],
    task: str,
) -> None:
    """The first photo by id of each class whose skin can be told, as the network saw it."""
    examples = []
    labels = class_indices(sample["diagnosis"], task)
    order = np.argsort(sample["image_id"].to_numpy())
    for label, code in enumerate(codes(task)):
        for place in order[labels[order] == label]:
            areas = painting.find_areas(pixels[place], outlines[place])
            if areas is None:
                continue
            row = sample.iloc[place]
            judge = judges[row["part"]]
            (answer,) = answered(judge, pixels[place][None])
            views = [pixels[place], *list(_changed(row["image_id"], pixels[place], areas, answer))[:2]]
            sure = probabilities(judge.ask(np.stack(views))[0], judge.temperature)[:, answer.decided]
            evidence = np.maximum(answer.maps[answer.decided], 0)
            examples.append(
                Example(
                    row["image_id"],
                    code,
                    codes(task)[answer.decided],
                    views,
                    sure.tolist(),
                    evidence,
                    outlines[place],
                )
            )
            break
    draw_examples(path, examples, sorted(sample["source"].unique()))


def _key(
    sample: pd.DataFrame, outlines: Mapping[str, str], networks: Callable[[str], Path], choices: Choices
) -> dict[str, str]:
    """Hashes of all that the results depend on."""
    digest = hashlib.sha256(f"{choices.temperature} {choices.decision_prior.tolist()}".encode())
    for module in (__file__, painting.__file__, heatmap.__file__):
        digest.update(Path(module).read_bytes())
    for image_id in sample["image_id"]:
        state = Path(outlines[image_id]).stat()
        digest.update(f"{image_id} {state.st_size} {state.st_mtime_ns}".encode())
    for part in sorted(sample["part"].unique()):
        digest.update(hashlib.sha256(networks(part).read_bytes()).digest())
    return {"key": digest.hexdigest()}
