import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from data_modelling import evaluate
from data_modelling.datasets import external_sources as sources
from data_modelling.datasets.registry import DataSet, external_data_sets
from data_modelling.datasets.splits.assignment import read_split
from data_modelling.evaluation.external_sources import FACTS, external_metrics, read_external_predictions
from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.errors import InputError
from tests.conftest import PROJECT

CODES = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
METADATA = {
    "task": "ham10000",
    "classes": CODES,
    "temperature": 1.0,
    "thresholds": {"cancer": 0.5, "melanoma": 0.5},
    "decision_prior": dict.fromkeys(CODES, 1 / 7),
}
PATIENTS = 12
DIAGNOSES = ("ACK", "BCC", "MEL", "NEV", "SCC", "SEK")


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A data root with phone photos of twelve patients, two each, and a split that locks two patients."""
    root, splits = tmp_path / "data", tmp_path / "splits"
    (root / "PAD_UFES_20" / "images").mkdir(parents=True)
    splits.mkdir()
    rows, parts = [], []
    for number in range(2 * PATIENTS):
        patient, image_id = f"PAT_{number // 2}", f"PAT_{number // 2}_{number}"
        rows.append((f"{image_id}.png", patient, DIAGNOSES[number // 2 % 6], 50, "FEMALE", "NOSE"))
        parts.append((image_id, patient, "test" if number // 2 >= PATIENTS - 2 else str(number // 2 % 5)))
        photo = Image.fromarray(np.full((40, 50, 3), 10 * number, np.uint8))
        photo.save(root / "PAD_UFES_20" / "images" / f"{image_id}.png")
    columns = ["img_id", "patient_id", "diagnostic", "age", "gender", "region"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "PAD_UFES_20" / "labels.csv", index=False)
    pd.DataFrame(parts, columns=["image_id", "group_id", "part"]).to_csv(
        splits / "pad_ufes_20.csv", index=False
    )
    return root, splits


def by_name(folder: str) -> DataSet:
    return next(record for record in external_data_sets() if record.folder == folder)


def test_locked_photos_are_not_among_them_and_details_are_read(places: tuple[Path, Path]) -> None:
    table, report = sources.load(by_name("PAD_UFES_20"), *places)
    assert set(table["group_id"]) == {f"PAT_{number}" for number in range(PATIENTS - 2)}
    assert not report
    assert set(table["diagnosis"]) == {"AK", "BCC", "MEL", "NV", "SCC", "BKL"}
    assert set(table["site"]) == {"head/neck"}
    assert set(table["age"]) == {50.0}


def test_photos_that_the_split_does_not_know_are_reported_and_left_out(places: tuple[Path, Path]) -> None:
    """PAD-UFES-20 as its authors publish it has more photos than the committed split."""
    root, splits = places
    parts = read_split(splits / "pad_ufes_20.csv")
    first = parts["group_id"].iloc[0]
    parts[parts["group_id"] != first].to_csv(splits / "pad_ufes_20.csv", index=False)
    table, report = sources.load(by_name("PAD_UFES_20"), root, splits)
    assert report.photos_not_in_split == tuple(parts.loc[parts["group_id"] == first, "image_id"])
    assert "photos not in split: 2 (" in str(report)
    assert first not in set(table["group_id"])
    assert len(table) == 2 * (PATIENTS - 3)


@pytest.mark.parametrize(
    ("diagnosis", "index", "flag"),
    [("MEL", 0, "cancer"), ("SCC", 3, "cancer"), ("AK", 3, "may_become_cancer"), ("benign", -1, "benign")],
)
def test_diagnoses_as_the_models_classes_and_flags(diagnosis: str, index: int, flag: str) -> None:
    assert sources.class_of(diagnosis, "ham10000") == index
    assert sources.flag(diagnosis) == flag


def test_where_the_task_has_both_they_are_not_joined() -> None:
    assert sources.class_of("SCC", "isic2019") != sources.class_of("AK", "isic2019") > 0


def test_benign_photos_are_drawn_by_id_alone_and_others_all_stay() -> None:
    rows = pd.DataFrame({"image_id": [f"{n}" for n in range(50)], "diagnosis": ["MEL"] * 5 + ["benign"] * 45})
    drawn = sources._limit_benign(rows, 10)
    assert (drawn["diagnosis"] == "MEL").sum() == 5
    assert len(drawn) == 15
    again = sources._limit_benign(rows.sample(frac=1, random_state=1), 10)
    assert set(again["image_id"]) == set(drawn["image_id"])
    assert len(sources._limit_benign(rows, None)) == 50


def test_the_command_predicts_what_is_there_and_names_what_is_not(
    smoke_bundle: Path, places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root, splits = places
    options = [
        "--bundle",
        str(smoke_bundle),
        "--data-root",
        str(root),
        "--splits",
        str(splits),
        "--elsewhere",
    ]
    assert evaluate.main(options) == 3
    assert "ISIC_2017 is not there" in capsys.readouterr().err
    rows = read_external_predictions(smoke_bundle / "predictions" / "elsewhere.csv.gz", "ham10000")
    locked = read_split(splits / "pad_ufes_20.csv").query("part == 'test'")
    assert len(rows) == 2 * (PATIENTS - 2)
    assert not set(rows["image_id"]) & set(locked["image_id"])
    bundle = load_bundle(smoke_bundle)
    assert bundle.metrics["elsewhere"]["PAD_UFES_20"]["photos"] == 20
    assert (smoke_bundle / "plots" / "elsewhere.png").is_file()
    assert "| PAD_UFES_20 (phone), 20 | photo alone |" in (smoke_bundle / "README.md").read_text()
    before = (smoke_bundle / "metrics.json").read_bytes()
    assert evaluate.main(["--bundle", str(smoke_bundle)]) == 0
    assert (smoke_bundle / "metrics.json").read_bytes() == before


def test_photos_that_the_first_weights_learned_from_are_passed_over(
    smoke_bundle: Path, places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The networks learned from them indirectly, so no prediction is unseen; the card says so."""
    metadata = json.loads((smoke_bundle / "metadata.json").read_text())
    told = metadata | {"also_learned_from": ["PAD_UFES_20"]}
    (smoke_bundle / "metadata.json").write_text(json.dumps(told))
    write_checksums(smoke_bundle)
    root, splits = (str(place) for place in places)
    command = ["--bundle", str(smoke_bundle), "--data-root", root, "--splits", splits]
    assert evaluate.main([*command, "--elsewhere"]) == 2
    assert "No external source is available" in capsys.readouterr().err
    assert evaluate.main(command) == 0
    card = (smoke_bundle / "README.md").read_text()
    assert "and through its initial weights also PAD_UFES_20." in card


def test_without_any_source_the_command_does_not_start(
    smoke_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--bundle", str(smoke_bundle), "--data-root", str(tmp_path), "--elsewhere"]) == 2
    assert "No external source is available" in capsys.readouterr().err


def made(source: str, truth: list[str], said: list[str], groups: list[str]) -> pd.DataFrame:
    """Predictions that are certain of the class in `said`."""
    facts = pd.DataFrame(
        {"image_id": range(len(truth)), "group_id": groups, "source": source, "truth": truth}
    )
    facts["flag"] = [sources.flag(one) for one in truth]
    facts = facts.reindex(columns=list(FACTS))
    logits = 3.0 * np.array([[one == code for code in CODES] for one in said])
    columns = {f"{mode}_{code}": logits[:, i] for mode in ("photo", "both") for i, code in enumerate(CODES)}
    checks = pd.DataFrame({"refusals": [""] * len(truth)})
    return pd.concat([facts, pd.DataFrame(columns), checks], axis=1)


def test_refusals_are_counted_and_those_by_the_gate_apart() -> None:
    rows = made("PAD_UFES_20", ["NV"] * 4, ["NV"] * 4, list("abcd"))
    rows["refusals"] = ["photo_foreign", "photo_dark;photo_blurred", "", np.nan]
    found = external_metrics(rows, METADATA)["PAD_UFES_20"]["checks"]
    assert (found["refused"]["refused"], found["refused"]["share"]) == (2, 0.5)
    assert (found["photo_foreign"]["refused"], found["photo_foreign"]["photos"]) == (1, 4)


def test_metrics_by_hand() -> None:
    """Actinic keratosis is neither cancer nor benign: of two, one is flagged. One of three cancers is missed."""
    truth = ["MEL", "SCC", "BCC", "AK", "AK", "NV", "NV", "BKL"]
    said = ["MEL", "AKIEC", "NV", "AKIEC", "NV", "NV", "MEL", "BKL"]
    found = external_metrics(made("PAD_UFES_20", truth, said, list("aabbccdd")), METADATA)["PAD_UFES_20"]
    assert found["phone"] is True
    assert (found["photos"], found["groups"]) == (8, 4)
    photo = found["photo"]
    cost = photo["thresholds"]["cancer"]
    assert (cost["positives"], cost["missed"], cost["negatives"], cost["flagged"]) == (3, 1, 3, 1)
    assert photo["may_become_cancer"] == {"photos": 2, "flagged": 1}
    assert photo["share_of_higher_concern"] == pytest.approx(4 / 8)
    # Cancers: two high, one low; benign: one high, two low.
    assert photo["cancer_auc"] == pytest.approx(
        roc_auc_score([1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 1, 0]), abs=0.06
    )
    names = ["AKIEC" if one in ("AK", "SCC") else one for one in truth]
    assert photo["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(names, said), abs=1e-6)


def test_where_only_benign_is_known_no_class_is_evaluated() -> None:
    rows = made("ISIC_2020", ["MEL", "benign", "benign"], ["MEL", "NV", "MEL"], list("abc"))
    photo = external_metrics(rows, METADATA)["ISIC_2020"]["photo"]
    assert photo["melanoma_auc"] == pytest.approx(0.75)
    assert "balanced_accuracy" not in photo
    assert "expected_calibration_error" not in photo


def test_a_question_without_both_kinds_has_no_area() -> None:
    photo = external_metrics(made("ISIC_2017", ["NV", "BKL"], ["NV", "NV"], ["a", "b"]), METADATA)[
        "ISIC_2017"
    ]["photo"]
    assert "melanoma_auc" not in photo
    assert photo["thresholds"]["melanoma"]["positives"] == 0


def test_a_file_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.csv.gz"
    made("ISIC_2017", ["NV"], ["NV"], ["a"]).drop(columns="both_DF").to_csv(path, index=False)
    with pytest.raises(InputError, match="both_DF"):
        read_external_predictions(path, "ham10000")


@pytest.mark.parametrize(
    "path",
    sorted((PROJECT / "DATA" / "models").glob("*/predictions/elsewhere.csv.gz")),
    ids=lambda path: path.parts[-3],
)
def test_no_committed_prediction_is_of_a_locked_photo(path: Path) -> None:
    rows = pd.read_csv(path, dtype=str)
    for record in external_data_sets():
        parts = read_split(PROJECT / "DATA" / "splits" / f"{record.name}.csv")
        locked = set(parts.loc[parts["part"] == "test", "image_id"])
        assert not locked & set(rows.loc[rows["source"] == record.folder, "image_id"])


def test_the_real_phone_photos_are_all_but_the_locked_ones(data_root: Path) -> None:
    table, report = sources.load(by_name("PAD_UFES_20"), data_root, PROJECT / "DATA" / "splits")
    parts = read_split(PROJECT / "DATA" / "splits" / "pad_ufes_20.csv")
    assert set(table["image_id"]) == set(parts.loc[parts["part"] != "test", "image_id"])
    assert not report.values_not_accepted
