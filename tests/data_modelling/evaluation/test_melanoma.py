import numpy as np
import pandas as pd
import pytest

from data_modelling.evaluation import melanoma
from data_modelling.evaluation.questions import auc
from data_modelling.inference.errors import InputError

METADATA = {"task": "isic2020"}


@pytest.fixture
def predictions() -> pd.DataFrame:
    """400 photos of 50 patients in five folds, a tenth of melanomas, whose logits are a little higher."""
    rng = np.random.default_rng(10)
    patients = np.repeat(np.arange(50), 8)
    positive = rng.random(400) < 0.1
    columns = {
        f"{mode}_{code}": rng.normal(0, 1, 400) + (positive if code == "melanoma" else 0)
        for mode in ("photo", "both")
        for code in ("melanoma", "benign")
    }
    return pd.DataFrame(
        {
            "image_id": [f"i{row:03}" for row in range(400)],
            "group_id": [f"p{patient}" for patient in patients],
            "part": (patients % 5).astype(str),
            "truth": np.where(positive, "melanoma", "benign"),
            **columns,
        }
    )


def test_both_targets_are_judged_on_the_same_photos(predictions, tmp_path):
    """The second target's file is in another order; its score is the truth, so that it is perfect."""
    truth = (predictions["truth"] == "melanoma").astype(float)
    rows = pd.DataFrame({"image_id": predictions["image_id"], "photo": truth, "both": 2 * truth})
    melanoma.write_nine_class(tmp_path / "nine.csv", rows.sample(frac=1, random_state=1))
    found = melanoma.melanoma_figures(predictions, METADATA, tmp_path / "nine.csv")
    score = (predictions["photo_melanoma"] - predictions["photo_benign"]).to_numpy()
    two = found["photo"]["two_classes"]["auc"]
    assert two == pytest.approx(auc(score, truth.to_numpy() > 0), abs=1e-6)
    assert found["photo"]["nine_classes"]["auc"] == found["both"]["nine_classes"]["average_precision"] == 1
    assert found["photo"]["difference"]["auc"] == pytest.approx(1 - two, abs=2e-6)
    assert found["photo"]["difference"]["auc_interval"][0] > 0
    assert (found["photos"], found["patients"], found["melanomas"]) == (400, 50, int(truth.sum()))
    lines = "\n".join(melanoma.melanoma_section({}, {"melanoma": found}))
    assert "nine classes, melanoma read off" in lines
    assert f"by +{1 - two:.3f}" in lines


def test_without_the_second_target_there_is_one(predictions, tmp_path):
    found = melanoma.melanoma_figures(predictions, METADATA, tmp_path / "absent.csv")
    assert set(found["photo"]) == {"two_classes", "patient_context"}
    assert "nine" not in "\n".join(melanoma.melanoma_section({}, {"melanoma": found}))
    assert melanoma.melanoma_section({}, {}) == []


def test_a_file_of_other_photos_is_refused(predictions, tmp_path):
    rows = pd.DataFrame({"image_id": ["i000", "other"], "photo": [0.0, 1.0], "both": [0.0, 1.0]})
    melanoma.write_nine_class(tmp_path / "nine.csv", rows)
    with pytest.raises(InputError, match="of other photos"):
        melanoma.melanoma_figures(predictions, METADATA, tmp_path / "nine.csv")
    melanoma.write_nine_class(tmp_path / "nine.csv", rows.drop(columns="both"))
    with pytest.raises(InputError, match="lacks a column"):
        melanoma.melanoma_figures(predictions, METADATA, tmp_path / "nine.csv")


def test_only_bundles_of_two_classes_are_judged_so():
    assert melanoma.has_two_classes({"task": "isic2020"})
    assert not melanoma.has_two_classes({"task": "ham10000"})
