"""The whole road of `train`: photos, fold models for the figures, the served model, the bundle.

Everything is made in a work folder beside the bundle (`OUT.work`), stage by stage; a stage that is
finished there is not made again. The bundle appears under its name when it is complete.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets import OUTLINES, load_table
from data_modelling.datasets.colours import warn_of_blue
from data_modelling.datasets.companions import companions
from data_modelling.datasets.generated import write_generated
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import (
    TEST,
    attach_parts,
    in_fold,
    read_split,
    refined,
    split,
    training_sides,
    write_split,
)
from data_modelling.evaluation.calibration import fitted_temperature
from data_modelling.evaluation.controls import details_alone, others
from data_modelling.evaluation.predictions import (
    CONTROLS,
    MODES,
    MORE,
    as_written,
    modes_in,
    prediction_table,
    read_predictions,
    write_predictions,
)
from data_modelling.inference.checks import refusals_of
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.rejection.gate import distances_of, measure, part_of_network
from data_modelling.rejection.gate_scores import read_scores
from data_modelling.rejection.parts import Parts, fit_parts, gate_stage
from data_modelling.rejection.unknown import FILE as LEFT_OUT
from data_modelling.rejection.unknown import (
    UnknownPart,
    completed,
    fit_unknown,
    in_words,
    judged,
    unknown_figures,
    write_left_out,
)
from data_modelling.settings import Settings, as_dict, from_dict
from data_modelling.training.assemble import assemble, choices_on
from data_modelling.training.cache import decoded
from data_modelling.training.checkpoint import FOLD, NETWORK, SERVED, fold_stage
from data_modelling.training.development import Development
from data_modelling.training.distillation import known_to_teachers, recipes_of_teachers, work_of
from data_modelling.training.fit import fit
from data_modelling.training.outlines import outlines_of
from data_modelling.training.pipeline import examples, predict_logits
from data_modelling.training.same_photos import refuse_others
from data_modelling.training.shortcuts import drawn, judge_shortcuts

Chosen = Callable[[pd.DataFrame], NDArray[np.bool_]]  # which rows of a table, (N,)

# Settings that may change in an unfinished run and leave every finished stage as it is: a label, more folds.
FREE = ("version", "figure_folds")


@dataclass(frozen=True)
class Sources:
    """Where a run reads from. data_root None: the environment's or the repository's; see datasets.roots."""

    data_root: Path | None
    splits: Path
    strict: bool = False


@dataclass(frozen=True)
class Folds:
    """The first half of a run: what fold networks say of the photos that they never saw.

    sources: where the rest of the run reads from. left_out: as text.
    """

    sources: Sources
    development: Development
    predictions: pd.DataFrame
    left_out: list[str]


def work_folder(out: Path) -> Path:
    """Where the stages of a run towards the bundle `out` are kept."""
    return out.with_name(f"{out.name}.work")


def train(settings: Settings, sources: Sources, out: Path, resume: bool) -> list[str]:
    """Photos to bundle at `out`; returns what was left out, as text.

    Raises InputError when `out` exists, when an earlier run's work folder exists without `resume`, or with
    other settings, and for whatever is wrong with data and split.
    """
    if out.exists():
        raise InputError(f"{out} exists; choose another --out or move it away.")
    work = work_folder(out)
    folds = judge_folds(settings, sources, work, resume)
    _train_teachers(settings, sources, work.parent, [SERVED])
    sources, development = folds.sources, folds.development
    served_network(settings, development, work)
    predictions, unknown = _with_unknown(settings, development, folds.predictions, work)
    predictions = as_written(predictions)
    shortcuts = _shortcuts(settings, sources, development, predictions, work)
    table = development.table
    choices = choices_on(settings, table, predictions)
    parts = fit_parts(settings, development, predictions, choices, work)
    if development.more is not None:
        parts = _with_more(parts, settings, development.more, gate_stage(settings, development, work), work)
    if unknown:
        parts = _with_unknown_part(parts, unknown, settings, work)
    split_used = split_file(sources.splits, settings.split)
    assemble(settings, table, choices, parts, work, split_used, out, shortcuts)
    return folds.left_out


def judge_folds(
    settings: Settings, sources: Sources, work: Path, resume: bool, photos: Path | None = None
) -> Folds:
    """Train a run's fold networks, and before them their teachers', and predict the folds that they never saw.

    photos: folder of the decoded (or drawn) photos, where several runs share them; None: the work folder.

    Raises InputError as `opened` does, and for whatever is wrong with data and split.
    """
    opened(work, settings, resume)
    _train_teachers(settings, sources, work.parent, _folds(settings))
    photos = photos or work
    sources = sources_of(settings, sources, photos)
    development, left_out = development_part(settings, sources, photos)
    _refuse_no_class(settings, development)
    folds = [_fold_predictions(settings, development, fold, work) for fold in settings.figure_folds]
    if development.more is not None:
        for fold in settings.figure_folds:
            _predict_more(settings, development, fold, work)
    return Folds(sources, development, as_written(pd.concat(folds)), left_out)


def train_networks(
    settings: Settings, sources: Sources, work: Path, names: Sequence[str], resume: bool
) -> list[str]:
    """Train some of a run's networks (foldN, or SERVED), and before them their teachers'; what was left out, as text.

    So that several processes, or machines with one disk, may each train others of the same run. Raises InputError for a
    network that the run has not, as `opened` does, and for whatever is wrong with data and split.
    """
    known = [*_folds(settings), SERVED]
    for name in names:
        if name not in known:
            raise InputError(f"This recipe trains no network {name!r}, but {', '.join(known)}.")
    opened(work, settings, resume)
    _train_teachers(settings, sources, work.parent, names)
    sources = sources_of(settings, sources, work)
    development, left_out = development_part(settings, sources, work)
    _refuse_no_class(settings, development)
    for name in names:
        _network(settings, development, name, work)
    return left_out


def _folds(settings: Settings) -> list[str]:
    """The names of the fold networks."""
    return [fold_stage(fold) for fold in settings.figure_folds]


def _train_teachers(settings: Settings, sources: Sources, runs: Path, names: Sequence[str]) -> None:
    """Train what is not finished of these networks of the recipes among the teachers."""
    for recipe, theirs in recipes_of_teachers(settings).items():
        work = work_of(str(recipe), runs)
        missing = [name for name in names if not (work / name / NETWORK).exists()]
        if missing:
            print(f"First the networks of its teacher {recipe}, in {work}:")
            train_networks(theirs, sources, work, missing, resume=True)


def _refuse_no_class(settings: Settings, development: Development) -> None:
    """Raise InputError for photos that are of no class of the task, such as those only known to be benign."""
    count = int((~development.table["diagnosis"].isin(codes(settings.task))).sum())
    if count:
        raise InputError(
            f"{settings.dataset} has {count} photos of no class of {settings.task}, so that no figures can be told; "
            "data_modelling.nine_class trains on them for melanoma alone."
        )


def development_part(settings: Settings, sources: Sources, work: Path) -> tuple[Development, list[str]]:
    """Table and photos without the locked test, and what was left out; no photo of the test is decoded."""
    table, report = load_table(settings, sources.data_root, sources.strict)
    table = attach_parts(table, _parts(settings, sources))
    table = refined(table[table["part"] != TEST].reset_index(drop=True), settings.folds)
    warn_of_blue(table["path"])
    if settings.generated_lesions:
        table["source"] = "generated lesions"
    more, more_left_out = companions(settings, table, sources.data_root, sources.splits)
    photos = decoded(pd.concat([table, more], ignore_index=True), settings.network.edge, work)
    left_out = [str(report)] * bool(report) + more_left_out
    if photos.broken:
        named = "\n".join(f"{image_id}: {reason}" for image_id, reason in photos.broken.items())
        left_out.append(f"photos that do not decode: {len(photos.broken)}\n{named}")
        if sources.strict:
            raise InputError(f"Mend these or leave out --strict:\n{named}")
    whole, more_whole = (~rows["image_id"].isin(list(photos.broken)).to_numpy() for rows in (table, more))
    kept = np.concatenate([whole, more_whole])
    pixels = photos.pixels if kept.all() else photos.pixels[kept]
    own, others = table[whole].reset_index(drop=True), more[more_whole].reset_index(drop=True)
    development = Development(own, pixels, others if len(others) else None)
    if settings.training.outlines:
        development = _with_outlines(settings, development, sources, work)
    return development, left_out


def _with_outlines(settings: Settings, development: Development, sources: Sources, work: Path) -> Development:
    """With the outlines of the lesions; those of other sets are not known. InputError where the set has none."""
    find = OUTLINES.get(settings.dataset)
    known = find(sources.data_root) if find else {}
    if not known:
        raise InputError(
            f"training.outlines: the lesion outlines of {settings.dataset} are not there; see DATA/README.md, or set it to 0."
        )
    found = outlines_of(development.learned_from(), known, settings.network.edge, work)
    return replace(development, outlines=found)


def _parts(settings: Settings, sources: Sources) -> pd.DataFrame:
    """The split; that of data sets put together is theirs, their names joined by +."""
    return pd.concat(
        [read_split(split_file(sources.splits, name)) for name in settings.split.split("+")],
        ignore_index=True,
    )


def _fold_predictions(settings: Settings, development: Development, fold: int, work: Path) -> pd.DataFrame:
    """Predictions of a fold's photos by a model that never saw the fold.

    A file of other photos, or from before there were CONTROLS, is made again from the finished network.
    """
    path = work / fold_stage(fold) / "predictions.csv"
    table, inside = development.table, in_fold(development.table, fold)
    _sides(settings, development, _without(fold), path.parent)
    if not _are_said(path, table["image_id"][inside], settings.task, CONTROLS):
        network = fold_network(settings, development, fold, work)
        held_out = examples(table, development.pixels, inside, settings.task)
        passed_on = replace(held_out, details=held_out.details[others(table["group_id"][inside])])
        logits = {
            "photo": predict_logits(network, held_out, with_details=False),
            "both": predict_logits(network, held_out, with_details=True),
            "details": details_alone(table[~inside], table[inside], settings.task),
            "shuffled": predict_logits(network, passed_on, with_details=True),
        }
        write_predictions(path, prediction_table(table[inside], logits, settings.task))
    return read_predictions(path)


def _are_said(path: Path, photos: pd.Series, task: str, modes: tuple[str, ...]) -> bool:
    """Whether a file has the predictions of these photos, in these modes."""
    if not path.exists():
        return False
    said = read_predictions(path)
    return set(modes) <= set(modes_in(said, task)) and set(said["image_id"]) == set(photos)


def _predict_more(settings: Settings, development: Development, fold: int, work: Path) -> None:
    """Write what the network that never saw the fold says of the other sets' photos of it."""
    path, table = work / fold_stage(fold) / MORE, development.learned_from()
    inside = in_fold(table, fold) & ~development.own()
    if _are_said(path, table["image_id"][inside], settings.task, MODES):
        return
    network = fold_network(settings, development, fold, work)
    held_out = examples(table, development.pixels, inside, settings.task)
    logits = {
        mode: predict_logits(network, held_out, with_details=mode == "both").astype(float) for mode in MODES
    }
    write_predictions(path, prediction_table(table[inside], logits, settings.task))


def more_predictions(settings: Settings, work: Path) -> pd.DataFrame:
    """Predictions of the other sets' photos, each by a network that never saw its fold."""
    return pd.concat([read_predictions(work / fold_stage(fold) / MORE) for fold in settings.figure_folds])


def _network(settings: Settings, development: Development, name: str, work: Path) -> keras.Model:
    """The network of this name, foldN or SERVED."""
    if name == SERVED:
        return served_network(settings, development, work)
    return fold_network(settings, development, int(name.removeprefix(FOLD)), work)


def served_network(settings: Settings, development: Development, work: Path) -> keras.Model:
    """The network that learns from all folds."""
    return fitted(settings, development, _everything, work / SERVED, "the served model")


def fold_network(settings: Settings, development: Development, fold: int, work: Path) -> keras.Model:
    """The network that never saw the fold."""
    return fitted(
        settings,
        development,
        _without(fold),
        work / fold_stage(fold),
        f"without fold {fold}",
    )


def _with_unknown(
    settings: Settings, development: Development, predictions: pd.DataFrame, work: Path
) -> tuple[pd.DataFrame, UnknownPart | None]:
    """Predictions with the logit of none of the classes, and its part; as they are where the task has no such class."""
    if not settings.left_out:
        return predictions, None
    temperature = fitted_temperature(predictions, settings.task)
    fold = settings.figure_folds[0]
    judged_photos = development.table[in_fold(development.table, fold)]
    rows = []
    for code in settings.left_out:
        answers = _answers_without(settings, development, code, fold, work)
        found, distance = answers.drop(columns="distance").to_numpy(), answers["distance"].to_numpy()
        rows.append(judged(judged_photos, found, distance, code, settings.task, temperature))
    part = fit_unknown(pd.concat(rows, ignore_index=True), settings.unknown_share, settings.task)
    scores = read_scores(gate_stage(settings, development, work))
    distances = scores.set_index("image_id")["distance"]
    return completed(predictions, distances, part.weights, settings.task, temperature), part


def _answers_without(
    settings: Settings, development: Development, code: str, fold: int, work: Path
) -> pd.DataFrame:
    """Logits, a column a class, and distance of the fold's photos by a network that saw neither fold nor class."""
    folder = work / f"{fold_stage(fold)}_without_{code}"
    path, without = folder / "answers.csv", _without(fold, code)
    table, pixels, inside = development.table, development.pixels, in_fold(development.table, fold)
    photos = table["image_id"][inside]
    _sides(settings, development, without, folder)
    if not (
        path.exists()
        and pd.read_csv(path, dtype={"image_id": str}).get("image_id", photos[:0]).tolist() == photos.tolist()
    ):
        network = fitted(settings, development, without, folder, f"without {code}")
        own = part_of_network(settings, table, pixels, without(table), network)
        distances = distances_of(own.gate(), measure(settings, table, pixels, inside, network))
        found = predict_logits(network, examples(table, pixels, inside, settings.task), with_details=False)
        with replaced_when_whole(path) as temporary:
            answers = pd.DataFrame(found, columns=list(codes(settings.task))).assign(distance=distances)
            answers.assign(image_id=photos.to_numpy()).to_csv(
                temporary, index=False, float_format="%.6f", lineterminator="\n"
            )
    return pd.read_csv(path).drop(columns="image_id")


def _with_more(parts: Parts, settings: Settings, more: pd.DataFrame, of_gate: Path, work: Path) -> Parts:
    """The parts with what was learned from other sets, and what was said of their photos by networks that saw others.

    Among it whether the gate of such a network, of `of_gate`, refuses them.
    """
    foreign = read_scores(of_gate, MORE).set_index("image_id")["refused"].astype(bool)
    said = more_predictions(settings, work)
    refusals = [";".join(refusals_of((), foreign[image_id])) for image_id in said["image_id"]]
    write_predictions(work / MORE, said.assign(refusals=refusals))
    counts = {
        str(source): {"photos": len(rows), "counts": rows["diagnosis"].value_counts().to_dict()}
        for source, rows in more.groupby("source")
    }
    return replace(
        parts,
        metadata=parts.metadata | {"more": counts},
        files=parts.files | {f"predictions/{MORE}": work / MORE},
    )


def _with_unknown_part(parts: Parts, unknown: UnknownPart, settings: Settings, work: Path) -> Parts:
    """The parts with the rejection score, whose figures are printed."""
    path = work / LEFT_OUT
    write_left_out(path, unknown.rows)
    figures = unknown_figures(unknown.rows, unknown.metadata | {"task": settings.task})
    print(*in_words(figures), sep="\n")
    return replace(
        parts,
        metadata=parts.metadata | unknown.metadata,
        files=parts.files | {f"predictions/{LEFT_OUT}": path},
    )


def _shortcuts(
    settings: Settings, sources: Sources, development: Development, predictions: pd.DataFrame, work: Path
) -> Path | None:
    """The folder with the results of the shortcut tests; None when the data set's lesion outlines are not there."""
    find = OUTLINES.get(settings.dataset)
    outlines = find(sources.data_root) if find else {}
    judged = np.flatnonzero(development.table["part"].isin([str(fold) for fold in settings.figure_folds]))
    rows = judged[drawn(development.table.iloc[judged], outlines)]
    if not len(rows):
        return None
    return judge_shortcuts(
        development.table.iloc[rows],
        development.pixels[rows],
        outlines,
        lambda part: work / fold_stage(part) / NETWORK,
        choices_on(settings, development.table, predictions),
        settings.task,
        work / "shortcuts",
    )


def _everything(table: pd.DataFrame) -> NDArray[np.bool_]:
    return np.ones(len(table), bool)


def _without(fold: int, code: str = "") -> Chosen:
    """Chooses what is neither of a fold nor of a class."""
    return lambda table: ~in_fold(table, fold) & (table["diagnosis"] != code).to_numpy()


def fitted(
    settings: Settings, development: Development, chosen: Chosen, folder: Path, title: str
) -> keras.Model:
    """A network fitted on the rows chosen of a table, less a grouped tenth of the judged set's, which stops the training.

    A network whose training has ended is taken as it was saved: to save it again would change its file. Raises InputError
    for one that began with other photos.
    """
    table = development.learned_from()
    learning, stopping = _sides(settings, development, chosen, folder)
    saved = folder / NETWORK
    if saved.exists():
        return keras.saving.load_model(saved, compile=False)
    training = examples(table, development.pixels, learning, settings.task, development.outlines)
    own = development.own()[training.rows]
    training = replace(training, own=own)
    if settings.training.teachers:
        training = replace(
            training, known=known_to_teachers(settings, folder, table["source"].iloc[training.rows], own)
        )
    judged = examples(table, development.pixels, stopping, settings.task)
    return fit(settings, training, judged, folder, title)


def _sides(
    settings: Settings, development: Development, chosen: Chosen, folder: Path
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which photos train the network in a folder and which stop it; InputError where it began with others."""
    table = development.learned_from()
    learning, stopping = training_sides(table, chosen(table), settings.seed, development.own())
    parts = {"training photos": learning, "stopping photos": stopping}
    refuse_others(folder, table, parts, settings.network.weights)
    return learning, stopping


def opened(work: Path, settings: Settings, resume: bool, free: tuple[str, ...] = FREE) -> Path:
    """The work folder, made or found again with the same settings, but for those named in `free`.

    Raises InputError when it is there without `resume`, or was started with other settings.
    """
    noted = work / "settings.json"
    if noted.exists() and not resume:
        raise InputError(f"{work} holds an unfinished run; add --resume to go on with it, or remove it.")
    if noted.exists() and not _same(json.loads(noted.read_text()), settings, free):
        raise InputError(f"{work} was started with other settings; restore them, or remove it to start anew.")
    with replaced_when_whole(noted) as temporary:
        temporary.write_text(json.dumps(as_dict(settings), indent=1))
    return work


def _same(noted: dict[str, Any], settings: Settings, free: tuple[str, ...]) -> bool:
    """Whether a run was started with these settings; one that is newer than the run has its default there."""
    try:
        return bool(_decisive(as_dict(from_dict(noted)), free) == _decisive(as_dict(settings), free))
    except InputError:
        return False


def _decisive(settings: dict[str, Any], free: tuple[str, ...]) -> Any:
    """Settings as JSON gives them back, without the free ones."""
    return json.loads(json.dumps({key: value for key, value in settings.items() if key not in free}))


def sources_of(settings: Settings, sources: Sources, work: Path) -> Sources:
    """Where the recipe's photos are: `sources`, or, for generated lesions, what is drawn and split in `work` once."""
    if not settings.generated_lesions:
        return sources
    folder = work / "generated"
    path = split_file(folder, settings.split)
    if not path.exists():
        write_generated(folder, settings.generated_lesions, settings.seed)
        table, _ = load_table(settings, folder, strict=True)
        write_split(path, split(table))
    return Sources(folder, folder, strict=True)
