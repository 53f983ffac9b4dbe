"""One network for several tasks: drawn lesions as HAM10000 and, under other lesion ids, as those of Barcelona."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from data_modelling.datasets import ham10000, isic2019
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.splits.files import write_splits
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.predictor import Predictor
from data_modelling.settings import Settings, read_settings
from data_modelling.training import development_set
from tests.conftest import PROJECT
from tests.data_modelling.isic_sets import write_isic2019
from tests.data_modelling.whole_run import ONE_BATCH, train_whole_run

SMOKE = (PROJECT / "data_modelling" / "configs" / "smoke.toml").read_text()
SHARED = """
left_out_clinics = ["BCN", "HAM10000"]
reference = "HAM10000"
"""


def recipe(folder: Path, name: str, **lines: str) -> Path:
    """The smoke recipe with other lines, for one epoch."""
    text = SMOKE.replace("generated_lesions = 220\n", SHARED + lines.pop("more", ""))
    text = text.replace("epochs = 6", "epochs = 1").replace("batch = 16", f"batch = {ONE_BATCH}")
    for key, value in lines.items():
        text = "\n".join(
            f'{key} = "{value}"' if line.startswith(f"{key} = ") else line for line in text.splitlines()
        )
    text = text.replace(
        "[training]", "[augmentation]\nvignette = 0.2\nrecompress = 0.5\n\n[training]\nsource_balance = 0.5"
    )
    path = folder / f"{name}.toml"
    path.write_text(text + "\n")
    return path


def move_to_barcelona(root: Path) -> None:
    """Give every third lesion to BCN20000: its photos lie in ISIC 2019's own folder, and HAM10000 does not have it."""
    metadata = pd.read_csv(root / isic2019.FOLDER / isic2019.METADATA)
    is_bcn = metadata["lesion_id"].str[-4:].astype(int) % 3 == 0
    metadata["lesion_id"] = metadata["lesion_id"].where(~is_bcn, "BCN" + metadata["lesion_id"].str[3:])
    metadata.to_csv(root / isic2019.FOLDER / isic2019.METADATA, index=False)
    own = root / isic2019.FOLDER / "images"
    own.mkdir()
    for image in metadata["image"][is_bcn]:
        shutil.move(root / ham10000.PHOTO_FOLDER / f"{image}.jpg", own)
    csv = root / ham10000.METADATA[0]
    rows = pd.read_csv(csv)
    rows[~rows["image_id"].isin(metadata["image"][is_bcn])].to_csv(csv, index=False)


def write_two_clinics(root: Path) -> None:
    """Write drawn lesions of HAM10000 and of Barcelona into `data`, and their splits into `splits`."""
    write_synthetic_lesions(root / "data", lesions=200, seed=7)
    write_isic2019(root / "data")
    move_to_barcelona(root / "data")
    (root / "splits").mkdir()
    shutil.copyfile(PROJECT / "DATA" / "splits" / "isic2017.csv", root / "splits" / "isic2017.csv")
    write_splits(root / "data", root / "splits")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """Settings and bundle of HAM10000's task; the networks' run lies beside it, in `clinics.work`."""
    root = tmp_path_factory.mktemp("clinics")
    write_two_clinics(root)
    networks = recipe(
        root, "clinics", task="isic2019", dataset="isic2019", split="isic2019", more='left_out = ["BCC"]\n'
    )
    file = recipe(
        root, "ham10000", split="ham10000", more=f'more_photos = ["isic2019"]\nnetworks_of = "{networks}"\n'
    )
    settings = read_settings(file)
    folders = development_set.DataFolders(root / "data", root / "splits")
    train_whole_run(settings, folders, root / "ham10000")
    return settings, root / "ham10000"


def photo_of(out: Path) -> bytes:
    return next(iter(sorted((out.parent / "data" / ham10000.PHOTO_FOLDER).glob("*.jpg")))).read_bytes()


def test_a_probability_is_the_sum_of_its_parts(run: tuple[Settings, Path]) -> None:
    """AKIEC of HAM10000 is AK or SCC of ISIC 2019."""
    _, out = run
    load = keras.saving.load_model
    source = load(out.parent / "clinics.work" / "served" / "network.keras", compile=False)
    merged = load(out / "model.keras", compile=False)
    photo = np.random.default_rng(0).uniform(0, 255, (5, 32, 32, 3)).astype(np.float32)
    batch = {"photo": photo, "details": np.tile(encode_details(Details()), (5, 1))}
    mel, nv, bcc, ak, bkl, df, vasc, scc, _ = np.exp(
        np.asarray(source.predict_on_batch(batch)["logits"], float)
    ).T
    expected = np.stack([mel, nv, bcc, ak + scc, bkl, df, vasc], axis=1)
    probability = softmax(np.asarray(merged.predict_on_batch(batch)["logits"], float), axis=1)
    np.testing.assert_allclose(probability, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)


def test_the_map_of_a_merged_class_explains_the_same_answer(run: tuple[Settings, Path]) -> None:
    _, out = run
    predictor = Predictor(load_bundle(out))
    answer = predictor.answer(photo_of(out), Details(), explain=("heatmap",))
    heatmap = answer.explanation["heatmap"]
    assert set(heatmap["classes"]) == set(answer.probabilities)
    assert np.isfinite(np.array(heatmap["classes"]["AKIEC"]["cells"])).all()


def test_the_probabilities_are_for_the_class_shares_of_the_reference(run: tuple[Settings, Path]) -> None:
    """Those of HAM10000 outside the locked test, counted with pandas."""
    _, out = run
    metadata = json.loads((out / "metadata.json").read_text())
    rows = pd.read_csv(out.parent / "data" / ham10000.METADATA[0])
    split = pd.read_csv(out.parent / "splits" / "ham10000.csv").set_index("image_id")["part"]
    counts = rows["dx"][rows["image_id"].map(split) != "test"].str.upper().value_counts(normalize=True)
    assert metadata["reference_shares"] == pytest.approx(counts.to_dict(), abs=1e-9)


def test_a_clinic_is_judged_by_a_network_that_never_saw_it(run: tuple[Settings, Path]) -> None:
    _, out = run
    every = pd.read_csv(out / "predictions" / "left_out_clinics.csv.gz")
    assert set(every["clinic"]) == {"BCN", "HAM10000"}
    answers = every[every["clinic"] == "BCN"]
    more = pd.read_csv(out / "predictions" / "more.csv.gz")
    split = pd.read_csv(out.parent / "splits" / "isic2019.csv")
    own = {path.stem for path in (out.parent / "data" / "ISIC_2019" / "images").iterdir()}
    assert set(answers["image_id"]) == own - set(split.loc[split["part"] == "test", "image_id"])
    assert set(more["image_id"]) < set(answers["image_id"])  # the recipe predicts one fold alone
    np.testing.assert_allclose(answers.filter(regex="^p_").sum(axis=1), 1, atol=1e-5)
    cancer = answers[["p_MEL", "p_BCC", "p_AKIEC"]].sum(axis=1)
    assert (answers["score"] >= cancer - 1e-5).all()
    assert (answers["score"] > cancer + 1e-4).any()  # another frame or the details
    metrics = json.loads((out / "metrics.json").read_text())
    row = metrics["clinics"][0]
    assert (row["group"], row["photos"], row["lesions"]) == (
        "BCN",
        len(answers),
        answers["group_id"].nunique(),
    )
    # Ten lesions of a class are too few to say more than how many photos were refused.
    assert row["left_out"]["refused"]["value"] == pytest.approx(answers["refused"].mean(), abs=1e-4)
    assert "melanoma_auc" not in row["left_out"]
    # With fewer than 150 melanoma lesions nothing can be promised: the all-clear is never given.
    assert json.loads((out / "metadata.json").read_text())["thresholds"]["clear"] == 0
    assert metrics["status_counts"]["BCN"]["left_out"]["benign"]["no_cancer_class"] == 0


def test_the_same_command_makes_the_same_metrics_again(run: tuple[Settings, Path]) -> None:
    settings, out = run
    metrics = (out / "metrics.json").read_bytes()
    shutil.move(out, out.with_name("first"))
    folders = development_set.DataFolders(out.parent / "data", out.parent / "splits")
    train_whole_run(settings, folders, out, resume=True)
    assert (out / "metrics.json").read_bytes() == metrics


def test_choices_at_a_left_out_clinic_are_made_on_the_photos_that_stopped_the_shared_networks(
    run: tuple[Settings, Path],
) -> None:
    """Also where the clinic is the task's own data set, which then has no photo to choose on."""
    _, out = run
    files = [
        out.parent / work / "without_HAM10000" / "stopping_photos.txt"
        for work in ("clinics.work", "ham10000.work")
    ]
    stopping = [file.read_text().split() for file in files]
    assert stopping[0] == stopping[1]
    in_ham = set(pd.read_csv(out.parent / "data" / ham10000.METADATA[0])["image_id"])
    assert stopping[0]
    assert not in_ham & set(stopping[0])
