"""The table of the clinic groups, from answers that are worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from data_modelling.evaluation.clinics.left_out_clinics import left_out_metrics
from tests.data_modelling.evaluation import equal_classes
from tests.data_modelling.evaluation.equal_classes import CODES

METADATA = equal_classes.METADATA | {
    "reference_shares": dict.fromkeys(CODES, 1 / 7),
    "thresholds": {"cancer": 0.2, "melanoma": 0.2, "clear": 0.05},
    "data": {"photos": 40},
}
# A photo of a clinic group that trained no network, and its answer.
NEW_CLINIC = {
    "image_id": "new",
    "group_id": "new",
    "source": "ISIC_2019_84px",
    "diagnosis": "NV",
    "clinic": "BCN",
}
NEW_CLINIC |= {"decision": "NV", "concern": False, "score": 0.01, "refused": False, "vetoed": False}
NEW_CLINIC |= {f"p_{code}": 1 / 7 for code in CODES}


def of_moles(source, alone, with_details, site="back", refusals=""):
    """Ten moles of ten lesions: the probability of melanoma from the photo alone and with the details; the rest is a mole."""
    melanoma, mole = CODES.index("MEL"), CODES.index("NV")
    rows = []
    for number in range(10):
        row = {"image_id": f"{source}{site}{alone}{with_details}{number}", "source": source, "site": site}
        row |= {"truth": "NV", "refusals": refusals}
        for mode, probability in (("photo", alone), ("both", with_details)):
            values = np.full(len(CODES), 1e-9)
            values[[melanoma, mole]] = probability, 1 - probability
            row |= {f"{mode}_{code}": np.log(value) for code, value in zip(CODES, values, strict=True)}
        rows.append(row | {"group_id": row["image_id"]})
    return rows


@pytest.mark.parametrize(("networks_of", "share"), [("", 1 - 10 / 40), ("other.toml", None)])
def test_the_share_of_the_training_photos_is_told_only_of_networks_of_its_own(networks_of, share):
    """With `networks_of`, metadata.json has no count of the photos that trained the networks."""
    moles = of_moles("PAD_UFES_20", 0.01, 0.02)
    answers = pd.DataFrame([NEW_CLINIC | {"image_id": row["image_id"], "clinic": "PAD"} for row in moles])
    metadata = METADATA | {"settings": {"networks_of": networks_of}}
    (row,) = left_out_metrics(answers, pd.DataFrame(moles), metadata)["clinics"]
    assert row.get("share_learned") == share


def test_a_known_clinic_gets_the_all_clear_that_the_whole_frame_allows():
    """Of 40 moles of Vienna ten get it. In ten each, the details, the site and the gate forbid it."""
    moles = [
        *of_moles("HAM10000", 0.01, 0.02),
        *of_moles("HAM10000", 0.01, 0.1),
        *of_moles("HAM10000", 0.01, 0.02, site="palms/soles"),
        *of_moles("HAM10000", 0.011, 0.02, refusals="photo_foreign"),
        *of_moles("PAD_UFES_20", 0.01, 0.02),
    ]
    metrics = left_out_metrics(pd.DataFrame([NEW_CLINIC]), pd.DataFrame(moles), METADATA)
    seen = {row["group"]: row.get("seen") for row in metrics["clinics"]}
    assert seen["HAM10000"]["all_clear_benign"]["value"] == pytest.approx(0.25)
    assert seen["HAM10000"]["refused"]["value"] == pytest.approx(0.25)
    assert "all_clear_melanoma" not in seen["HAM10000"]  # there is none
    assert seen["PAD"]["all_clear_benign"]["value"] == 0  # a phone photo never gets it
