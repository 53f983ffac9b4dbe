import numpy as np
import pandas as pd
import pytest

from data_modelling.card.model_card import render_card_part
from data_modelling.evaluation import melanoma
from data_modelling.metrics.curves import binary_auc

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


def test_the_metrics_are_those_of_the_log_odds(predictions):
    truth = (predictions["truth"] == "melanoma").to_numpy()
    found = melanoma.melanoma_metrics(predictions, METADATA)
    score = (predictions["photo_melanoma"] - predictions["photo_benign"]).to_numpy()
    assert found["photo"]["two_classes"]["auc"] == pytest.approx(binary_auc(score, truth), abs=1e-6)
    assert set(found["photo"]) == {"two_classes", "patient_context"}
    assert (found["photos"], found["patients"], found["melanomas"]) == (400, 50, int(truth.sum()))
    assert "| melanoma or benign, in context |" in render_card_part("melanoma", {"melanoma": found})
    assert render_card_part("melanoma", {}).strip() == ""


def test_only_bundles_of_two_classes_have_melanoma_metrics():
    assert melanoma.has_two_classes({"task": "isic2020"})
    assert not melanoma.has_two_classes({"task": "ham10000"})
