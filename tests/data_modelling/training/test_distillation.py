import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import log_softmax, softmax

from data_modelling.inference.details import WIDTH, Details, encode
from data_modelling.inference.errors import InputError
from data_modelling.networks.fusion import build_network
from data_modelling.settings import Settings, as_dict, read_settings
from data_modelling.training.distillation import Teaching, known_to_teachers, teachers_of
from data_modelling.training.fit import Run, fit
from data_modelling.training.pipeline import Examples, predict_logits, training_batches
from tests.conftest import PROJECT

CLASSES = 7


@pytest.fixture(scope="module")
def settings() -> Settings:
    return read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")


@pytest.fixture
def part(settings: Settings) -> Examples:
    """35 photos of noise, five of each class."""
    edge = settings.network.edge
    pixels = np.random.default_rng(0).integers(0, 256, (35, edge, edge, 3), dtype=np.uint8)
    return Examples(pixels, np.arange(35), np.arange(35) % CLASSES, np.zeros((35, WIDTH), np.float32))


def run_of(folder: Path, settings: Settings, seed: int = 3) -> Path:
    """A work folder whose stage fold0 is finished, with a network that nobody trained."""
    keras.utils.set_random_seed(seed)
    (folder / "fold0").mkdir(parents=True)
    build_network(settings).save(folder / "fold0" / "network.keras")
    (folder / "settings.json").write_text(json.dumps(as_dict(settings)))
    return folder


def photos(count: int, edge: int) -> dict[str, np.ndarray]:
    pixels = np.random.default_rng(0).uniform(0, 255, (count, edge, edge, 3)).astype("float32")
    return {"photo": pixels, "details": np.repeat(encode(Details(age=40))[None], count, 0)}


def with_teachers(settings: Settings, *works: Path, **changes: float) -> Settings:
    training = dataclasses.replace(settings.training, teachers=tuple(map(str, works)), **changes)
    return dataclasses.replace(settings, training=training)


def test_the_answers_are_the_mean_for_the_shares_that_are_shown(settings: Settings, tmp_path: Path) -> None:
    """By numpy: each teacher's logits less the shift, as probabilities, and their mean."""
    works = [run_of(tmp_path / name, settings, seed) for name, seed in (("one", 1), ("two", 2))]
    teachers = teachers_of(with_teachers(settings, *works), tmp_path / "student.work" / "fold0")
    shift = np.linspace(-1, 1, CLASSES)
    inputs = photos(3, settings.network.edge)
    found = np.asarray(Teaching(teachers, shift, 0.5).answers(inputs))
    saved = [keras.saving.load_model(work / "fold0" / "network.keras", compile=False) for work in works]
    expected = np.mean([softmax(np.asarray(one(inputs)["logits"]) - shift, axis=1) for one in saved], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_teacher_answers_only_for_photos_that_it_knows(settings: Settings, tmp_path: Path) -> None:
    """By numpy: the first teacher alone, both, the second three times as much as the first, and neither."""
    works = [run_of(tmp_path / name, settings, seed) for name, seed in (("one", 1), ("two", 2))]
    teachers = teachers_of(with_teachers(settings, *works), tmp_path / "student.work" / "fold0")
    inputs = photos(4, settings.network.edge)
    teaching = Teaching(teachers, np.zeros(CLASSES), 0.5)
    known = np.array([[1, 0], [1, 1], [0.25, 0.75], [0, 0]], np.float32)
    one, two = (softmax(np.asarray(teacher(inputs)["logits"]), axis=1) for teacher in teachers)
    expected = [one[0], (one[1] + two[1]) / 2, (one[2] + 3 * two[2]) / 4, np.zeros(CLASSES)]
    np.testing.assert_allclose(teaching.answers(inputs, known), expected, atol=1e-5)
    student = np.random.default_rng(1).normal(size=(4, CLASSES)).astype("float32")
    by_hand = 0.5 * -(np.array(expected) * log_softmax(student, axis=1)).sum(axis=1).mean()
    assert float(teaching.loss(inputs, student, known)) == pytest.approx(by_hand, rel=1e-4)


def test_a_teacher_knows_the_sets_that_it_learned_from(settings: Settings, tmp_path: Path) -> None:
    works = [
        run_of(tmp_path / "own", settings),
        run_of(tmp_path / "more", dataclasses.replace(settings, more_photos=("isic2017",))),
    ]
    sources = ["HAM10000", "ISIC_2017", "PAD_UFES_20"]
    own = np.array([True, False, False])
    folder = tmp_path / "student.work" / "fold0"
    found = known_to_teachers(with_teachers(settings, *works), folder, sources, own)
    assert found.tolist() == [[1, 1], [0, 1], [0, 0]]


def test_what_teachers_know_is_mixed_as_the_photos_are(settings: Settings) -> None:
    """Known and not known are the classes here, so that the target without smoothing says how a photo was mixed."""
    edge = settings.network.edge
    pixels = np.zeros((32, edge, edge, 3), np.uint8)
    labels = np.arange(32) % 2
    known = np.stack([labels == 0, labels == 1], axis=1).astype(np.float32)
    part = Examples(pixels, np.arange(32), labels, np.zeros((32, WIDTH), np.float32), known=known)
    mixing = dataclasses.replace(
        settings,
        augmentation=dataclasses.replace(settings.augmentation, mixup=0.5, cutmix=0.3),
        training=dataclasses.replace(settings.training, label_smoothing=0.0),
    )
    for batch, target, _ in training_batches(part, mixing, 0):
        assert 0.1 < target[:, 0].mean() < 0.9
        np.testing.assert_allclose(batch["known"], target[:, :2], atol=1e-6)


def test_a_teacher_of_smaller_photos_is_shown_them_resized(settings: Settings, tmp_path: Path) -> None:
    """By Pillow, whose bilinear filter takes in all pixels that become one."""
    edge = settings.network.edge
    work = run_of(tmp_path / "one", settings)
    larger = dataclasses.replace(settings, network=dataclasses.replace(settings.network, edge=48))
    (asked,) = teachers_of(with_teachers(larger, work), tmp_path / "student.work" / "fold0")
    inputs = photos(3, 48)
    small = [
        np.stack(
            [
                np.asarray(Image.fromarray(channel).resize((edge, edge), Image.Resampling.BILINEAR))
                for channel in photo.transpose(2, 0, 1)
            ],
            axis=-1,
        )
        for photo in inputs["photo"]
    ]
    saved = keras.saving.load_model(work / "fold0" / "network.keras", compile=False)
    expected = saved(inputs | {"photo": np.stack(small)})["logits"]
    np.testing.assert_allclose(asked(inputs)["logits"], expected, atol=1e-3)
    assert not asked.trainable_variables


def test_the_loss_by_hand(settings: Settings, tmp_path: Path) -> None:
    work = run_of(tmp_path / "one", settings)
    teaching = Teaching(
        teachers_of(with_teachers(settings, work), tmp_path / "student.work" / "fold0"),
        np.zeros(CLASSES),
        0.25,
    )
    inputs = photos(4, settings.network.edge)
    student = np.random.default_rng(1).normal(size=(4, CLASSES)).astype("float32")
    answers = np.asarray(teaching.answers(inputs))
    by_hand = 0.25 * -(answers * log_softmax(student, axis=1)).sum(axis=1).mean()
    assert float(teaching.loss(inputs, student)) == pytest.approx(by_hand, rel=1e-5)


def test_a_student_of_the_teacher_alone_comes_to_answer_as_it_does(
    settings: Settings, tmp_path: Path
) -> None:
    """All labels are wrong; with a share of 1 only the teacher is listened to, whose own weights stay as they were."""
    work = run_of(tmp_path / "one", settings)
    edge = settings.network.edge
    pixels = np.random.default_rng(0).integers(0, 256, (64, edge, edge, 3), dtype=np.uint8)
    labels = np.arange(64) % CLASSES
    part = Examples(pixels, np.arange(64), labels, np.repeat(encode(Details())[None], 64, 0))
    teacher = keras.saving.load_model(work / "fold0" / "network.keras", compile=False)
    kernel = np.asarray(teacher.get_layer("head").kernel)
    teacher.get_layer("head").kernel.assign(4 * kernel)  # so that it says something
    teacher.save(work / "fold0" / "network.keras")
    taught = with_teachers(settings, work, distillation=1.0, epochs=8, patience=8, learning_rate=5e-3)

    def apart(network: keras.Model) -> float:
        asked, told = (predict_logits(one, part, with_details=False) for one in (network, teacher))
        return float(np.abs(softmax(asked, axis=1) - softmax(told, axis=1)).sum(axis=1).mean())

    (tmp_path / "student" / "fold0").mkdir(parents=True)
    run = Run(taught, part, part)
    before = apart(run.averaged)
    after = apart(fit(taught, part, part, tmp_path / "student" / "fold0", "student"))
    assert after < 0.7 * before
    again = keras.saving.load_model(work / "fold0" / "network.keras", compile=False)
    np.testing.assert_array_equal(np.asarray(again.get_layer("head").kernel), 4 * kernel)


def test_a_generation_is_taught_by_the_one_before_and_goes_on_after_an_interruption(
    settings: Settings, part: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = dataclasses.replace(settings.training, epochs=1, generations=3)
    seen: list[tuple[int, list[np.ndarray]]] = []  # of each training: seed, and the heads of its teachers

    class Watched(Run):
        def __init__(self, settings: Settings, *options: Any) -> None:
            super().__init__(settings, *options)
            seen.append((settings.seed, [np.array(one.get_layer("head").kernel) for one in self.teachers]))
            if len(seen) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr("data_modelling.training.fit.Run", Watched)
    folder = tmp_path / "fold0"
    folder.mkdir()
    whole = dataclasses.replace(settings, training=short)
    with pytest.raises(KeyboardInterrupt):
        fit(whole, part, part, folder, "")
    fit(whole, part, part, folder, "")
    assert [seed for seed, _ in seen] == [
        settings.seed + 2000,
        settings.seed + 1000,
        settings.seed,
        settings.seed,
    ]
    heads = [
        np.asarray(keras.saving.load_model(path / "network.keras", compile=False).get_layer("head").kernel)
        for path in (folder / "earlier" / "earlier", folder / "earlier", folder)
    ]
    assert not np.array_equal(heads[0], heads[1])
    assert seen[0][1] == []
    for (_, [taught_by]), before in zip(seen[1:], (heads[0], heads[1], heads[1]), strict=True):
        np.testing.assert_array_equal(taught_by, before)


def test_an_earlier_generation_may_be_trained_otherwise(
    settings: Settings, part: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = run_of(tmp_path / "other", settings)
    known = (np.arange(35) < 20).astype(np.float32)[:, None]
    recipe = dataclasses.replace(
        settings,
        training=dataclasses.replace(settings.training, epochs=1, generations=2, teachers=(str(work),)),
        augmentation=dataclasses.replace(settings.augmentation, mixup=0.5),
        earlier={"training": {"epochs": 2}, "augmentation": {"mixup": 0.0}},
    )
    seen: list[Settings] = []
    knew: list[np.ndarray | None] = []

    class Watched(Run):
        def __init__(self, settings: Settings, training: Examples, *options: Any) -> None:
            super().__init__(settings, training, *options)
            seen.append(settings)
            knew.append(training.known)

    monkeypatch.setattr("data_modelling.training.fit.Run", Watched)
    (tmp_path / "fold0").mkdir()
    fit(recipe, dataclasses.replace(part, known=known), part, tmp_path / "fold0", "")
    found = [(one.training.epochs, one.augmentation.mixup, one.training.learning_rate) for one in seen]
    rate = settings.training.learning_rate
    assert found == [(2, 0.0, rate), (1, 0.5, rate)]
    assert knew[0] is None
    np.testing.assert_array_equal(knew[1], np.hstack([known, np.ones((35, 1))]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"split": "other"}, "has another split"),
        ({"folds": 10}, "has another folds"),
        ({"task": "isic2019", "left_out": ("BCC",)}, "has another task"),
    ],
)
def test_a_teacher_that_may_have_seen_the_fold_is_refused(
    settings: Settings, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    work = run_of(tmp_path / "one", dataclasses.replace(settings, **change))
    with pytest.raises(InputError, match=told):
        teachers_of(with_teachers(settings, work), tmp_path / "student.work" / "fold0")


def test_a_teacher_without_the_stage_is_refused(settings: Settings, tmp_path: Path) -> None:
    work = run_of(tmp_path / "one", settings)
    with pytest.raises(InputError, match="no finished fold1"):
        teachers_of(with_teachers(settings, work), tmp_path / "student.work" / "fold1")
