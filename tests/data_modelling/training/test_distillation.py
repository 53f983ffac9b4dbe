import json
from pathlib import Path

import keras
import numpy as np
import pytest
from msgspec import structs
from PIL import Image
from scipy.special import log_softmax, softmax

from data_modelling.inference.details import DETAILS_WIDTH, Details, encode_details
from data_modelling.inference.errors import InputError
from data_modelling.networks.model import build_network
from data_modelling.settings import Settings, read_settings, settings_to_dict
from data_modelling.training.batches import Examples, predict_logits, training_batches
from data_modelling.training.distillation import DistillationLoss, load_teachers, teacher_mask
from data_modelling.training.trainer import Trainer, fit_network
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
    return Examples(pixels, np.arange(35), np.arange(35) % CLASSES, np.zeros((35, DETAILS_WIDTH), np.float32))


def run_of(folder: Path, settings: Settings, seed: int = 3) -> Path:
    """A work folder whose stage fold0 is finished, with a network that nobody trained."""
    keras.utils.set_random_seed(seed)
    (folder / "fold0").mkdir(parents=True)
    build_network(settings).save(folder / "fold0" / "network.keras")
    (folder / "settings.json").write_text(json.dumps(settings_to_dict(settings)))
    return folder


def photos(count: int, edge: int) -> dict[str, np.ndarray]:
    pixels = np.random.default_rng(0).uniform(0, 255, (count, edge, edge, 3)).astype("float32")
    return {"photo": pixels, "details": np.repeat(encode_details(Details(age=40))[None], count, 0)}


def with_teachers(settings: Settings, *works: Path, **changes: float) -> Settings:
    training = structs.replace(settings.training, teachers=tuple(map(str, works)), **changes)
    return structs.replace(settings, training=training)


def test_teacher_probabilities_are_the_mean_for_the_training_prior(
    settings: Settings, tmp_path: Path
) -> None:
    """By numpy: each teacher's logits less the shift, as probabilities, and their mean."""
    works = [run_of(tmp_path / name, settings, seed) for name, seed in (("one", 1), ("two", 2))]
    teachers = load_teachers(with_teachers(settings, *works), tmp_path / "student.work" / "fold0")
    shift = np.linspace(-1, 1, CLASSES)
    inputs = photos(3, settings.network.edge)
    found = np.asarray(DistillationLoss(teachers, shift, 0.5).teacher_probabilities(inputs))
    saved = [keras.saving.load_model(work / "fold0" / "network.keras", compile=False) for work in works]
    expected = np.mean([softmax(np.asarray(one(inputs)["logits"]) - shift, axis=1) for one in saved], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_teacher_answers_only_for_photos_that_it_knows(settings: Settings, tmp_path: Path) -> None:
    """By numpy: the first teacher alone, both, the second three times as much as the first, and neither."""
    works = [run_of(tmp_path / name, settings, seed) for name, seed in (("one", 1), ("two", 2))]
    teachers = load_teachers(with_teachers(settings, *works), tmp_path / "student.work" / "fold0")
    inputs = photos(4, settings.network.edge)
    distillation = DistillationLoss(teachers, np.zeros(CLASSES), 0.5)
    teacher_weights = np.array([[1, 0], [1, 1], [0.25, 0.75], [0, 0]], np.float32)
    one, two = (softmax(np.asarray(teacher(inputs)["logits"]), axis=1) for teacher in teachers)
    expected = [one[0], (one[1] + two[1]) / 2, (one[2] + 3 * two[2]) / 4, np.zeros(CLASSES)]
    np.testing.assert_allclose(
        distillation.teacher_probabilities(inputs, teacher_weights), expected, atol=1e-5
    )
    student = np.random.default_rng(1).normal(size=(4, CLASSES)).astype("float32")
    by_hand = 0.5 * -(np.array(expected) * log_softmax(student, axis=1)).sum(axis=1).mean()
    assert float(distillation.loss(inputs, student, teacher_weights)) == pytest.approx(by_hand, rel=1e-4)


def test_a_teacher_knows_the_sets_that_it_learned_from(settings: Settings, tmp_path: Path) -> None:
    works = [
        run_of(tmp_path / "own", settings),
        run_of(tmp_path / "more", structs.replace(settings, more_photos=("isic2017",))),
        run_of(tmp_path / "all", structs.replace(settings, more_photos=("isic2019",))),
    ]
    sources = np.array(["HAM10000", "ISIC_2017", "BCN_20000", "PAD_UFES_20"])
    is_own = np.array([True, False, False, False])
    folder = tmp_path / "student.work" / "fold0"
    mask = teacher_mask(with_teachers(settings, *works), folder, sources, is_own)
    assert mask.tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]


def test_what_teachers_know_is_mixed_as_the_photos_are(settings: Settings) -> None:
    """Known and not known are the classes here, so that the target without smoothing says how a photo was mixed."""
    edge = settings.network.edge
    pixels = np.zeros((32, edge, edge, 3), np.uint8)
    labels = np.arange(32) % 2
    known = np.stack([labels == 0, labels == 1], axis=1).astype(np.float32)
    part = Examples(
        pixels, np.arange(32), labels, np.zeros((32, DETAILS_WIDTH), np.float32), teacher_weights=known
    )
    mixing = structs.replace(
        settings,
        augmentation=structs.replace(settings.augmentation, mixup=0.5),
        training=structs.replace(settings.training, label_smoothing=0.0),
    )
    for batch, target, _ in training_batches(part, mixing, 0):
        assert 0.1 < target[:, 0].mean() < 0.9
        np.testing.assert_allclose(batch["teacher_weights"], target[:, :2], atol=1e-6)


def test_a_teacher_of_smaller_photos_is_shown_them_resized(settings: Settings, tmp_path: Path) -> None:
    """By Pillow, whose bilinear filter takes in all pixels that become one."""
    edge = settings.network.edge
    work = run_of(tmp_path / "one", settings)
    larger = structs.replace(settings, network=structs.replace(settings.network, edge=48))
    (asked,) = load_teachers(with_teachers(larger, work), tmp_path / "student.work" / "fold0")
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
    distillation = DistillationLoss(
        load_teachers(with_teachers(settings, work), tmp_path / "student.work" / "fold0"),
        np.zeros(CLASSES),
        0.25,
    )
    inputs = photos(4, settings.network.edge)
    student = np.random.default_rng(1).normal(size=(4, CLASSES)).astype("float32")
    answers = np.asarray(distillation.teacher_probabilities(inputs))
    by_hand = 0.25 * -(answers * log_softmax(student, axis=1)).sum(axis=1).mean()
    assert float(distillation.loss(inputs, student)) == pytest.approx(by_hand, rel=1e-5)


def test_a_student_that_learns_from_the_teacher_alone_comes_to_answer_as_it_does(
    settings: Settings, tmp_path: Path
) -> None:
    """All labels are wrong; with a share of 1 only the teacher is listened to, whose own weights stay as they were."""
    work = run_of(tmp_path / "one", settings)
    edge = settings.network.edge
    pixels = np.random.default_rng(0).integers(0, 256, (64, edge, edge, 3), dtype=np.uint8)
    labels = np.arange(64) % CLASSES
    part = Examples(pixels, np.arange(64), labels, np.repeat(encode_details(Details())[None], 64, 0))
    teacher = keras.saving.load_model(work / "fold0" / "network.keras", compile=False)
    kernel = np.asarray(teacher.get_layer("head").kernel)
    teacher.get_layer("head").kernel.assign(4 * kernel)  # so that it says something
    teacher.save(work / "fold0" / "network.keras")
    taught = with_teachers(settings, work, distillation=1.0, epochs=8, patience=8, learning_rate=5e-3)

    def mean_distance(network: keras.Model) -> float:
        student_logits, teacher_logits = (
            predict_logits(model, part, with_details=False) for model in (network, teacher)
        )
        return float(
            np.abs(softmax(student_logits, axis=1) - softmax(teacher_logits, axis=1)).sum(axis=1).mean()
        )

    (tmp_path / "student" / "fold0").mkdir(parents=True)
    run = Trainer(taught, part, part)
    before = mean_distance(run.average.averaged)
    after = mean_distance(fit_network(taught, part, part, tmp_path / "student" / "fold0", "student"))
    assert after < 0.7 * before
    again = keras.saving.load_model(work / "fold0" / "network.keras", compile=False)
    np.testing.assert_array_equal(np.asarray(again.get_layer("head").kernel), 4 * kernel)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "other"}, "has another split"),
        ({"task": "isic2019", "left_out": ("BCC",)}, "has another task"),
    ],
)
def test_a_teacher_that_may_have_seen_the_fold_is_refused(
    settings: Settings, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    work = run_of(tmp_path / "one", structs.replace(settings, **change))
    with pytest.raises(InputError, match=message):
        load_teachers(with_teachers(settings, work), tmp_path / "student.work" / "fold0")


def test_a_teacher_without_the_stage_is_refused(settings: Settings, tmp_path: Path) -> None:
    work = run_of(tmp_path / "one", settings)
    with pytest.raises(InputError, match="no finished fold1"):
        load_teachers(with_teachers(settings, work), tmp_path / "student.work" / "fold1")
