import numpy as np
import pandas as pd
import pytest

from data_modelling.datasets.clinics import CLINIC_NAMES
from data_modelling.evaluation.neighbours import (
    FEWEST_GROUPS,
    answers_of_left_out_clinics,
    neighbour_metrics,
    neighbour_rows,
    predicted_answers,
)
from data_modelling.inference.diagnoses import class_codes
from tests.data_modelling.evaluation import equal_classes
from tests.data_modelling.evaluation.equal_classes import CODES, TASK

METADATA = equal_classes.METADATA | {"neighbours": {"diagnoses": {"MEL": 1, "NV": 2, "SCC": 1}}}


def table(diagnoses: list[str], groups: list[str]) -> pd.DataFrame:
    ids = [f"P{number}" for number in range(len(groups))]
    return pd.DataFrame({"image_id": ids, "group_id": groups, "source": "A", "diagnosis": diagnoses})


def test_the_nearest_known_photos_are_of_other_groups():
    known = table(["MEL", "NV", "BCC"], ["own", "b", "c"])
    held_out = table(["MEL", "NV"], ["own", "other"])
    rows = neighbour_rows(held_out, known, np.array([[0.1, 0.3, 0.2], [0.1, 0.3, 0.2]]))
    assert rows["nearest"].str.split(";").str[0].tolist() == ["BCC", "MEL"]
    assert rows["image_id"].tolist() == ["P0", "P1"]


def logits(decided: list[str]) -> dict[str, list[float]]:
    return {f"photo_{code}": [3.0 * (code == name) for name in decided] for code in CODES}


def rows_and_predictions(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A quarter of the photos of each kind: right with right neighbours, and wrong with neighbours that disagree."""
    kinds = [
        ("MEL", "MEL;MEL;MEL;MEL;NV;NV", "MEL"),
        ("NV", "NV;NV;NV;NV;NV;NV", "NV"),
        ("AKIEC", "SCC;AK;SCC;NV;NV;NV", "AKIEC"),
        ("NV", "NV;NV;NV;MEL;NV;NV", "MEL"),
    ] * (count // 4)
    ids = [f"P{number:03}" for number in range(len(kinds))]
    rows = pd.DataFrame({"image_id": ids, "nearest": [kind[1] for kind in kinds]})
    facts = pd.DataFrame(
        {
            "image_id": ids,
            "group_id": ids,
            "source": ["A"] * (len(ids) - 4) + ["B"] * 4,
            "truth": [kind[0] for kind in kinds],
        }
    )
    return rows, facts.assign(**logits([kind[2] for kind in kinds]))


def test_shares_and_warnings_by_hand():
    rows, predictions = rows_and_predictions(200)
    metrics = neighbour_metrics(rows, predicted_answers([predictions], METADATA), METADATA)
    overall = metrics["all"]
    # Of four kinds of photos, all nearest are right; of the third, three of six are AKIEC and they are nearer.
    assert (overall["nearest"]["value"], overall["majority"]["value"]) == (1.0, 1.0)
    assert overall["model"]["value"] == 0.75
    # A random known photo is MEL for a quarter, NV for a half, SCC (of AKIEC) for a quarter.
    assert overall["chance"] == pytest.approx((0.25 + 0.5 + 0.25 + 0.5) / 4)
    # The wrong decisions have five other neighbours, all right ones fewer.
    assert overall["warning_auc"]["value"] == 1.0
    assert overall["confidence_auc"]["value"] < 0.6
    assert metrics["helps"]


def test_sources_of_one_clinic_group_count_together_and_a_group_with_few_lesions_has_counts_alone():
    rows, predictions = rows_and_predictions(200)
    predictions.loc[:99, "source"] = "ISIC_MSK_UDA"
    predictions.loc[100:195, "source"] = "ISIC_2017"
    few, msk = neighbour_metrics(rows, predicted_answers([predictions], METADATA), METADATA)["clinics"]
    assert few == {"name": "B", "photos": 4, "groups": 4}
    assert few["groups"] < FEWEST_GROUPS
    assert (msk["name"], msk["photos"]) == (CLINIC_NAMES["MSK"], 196)
    assert msk["model"]["value"] == 0.75


def test_where_the_task_is_melanoma_or_not_every_other_diagnosis_is_the_other_class():
    rows, predictions = rows_and_predictions(200)
    codes, decided = class_codes("isic2020"), ["melanoma", "benign", "benign", "melanoma"] * 50
    predictions = predictions.assign(
        truth=["melanoma", "benign", "benign", "benign"] * 50,
        **{f"photo_{code}": [3.0 * (code == name) for name in decided] for code in codes},
    )
    metadata = METADATA | {"task": "isic2020", "classes": codes, "decision_prior": dict.fromkeys(codes, 0.5)}
    overall = neighbour_metrics(rows, predicted_answers([predictions], metadata), metadata)["all"]
    assert overall["nearest"]["value"] == overall["majority"]["value"] == 1.0
    # A random known photo is a melanoma for a quarter.
    assert overall["chance"] == pytest.approx(0.25 * 0.25 + 0.75 * 0.75)


def test_neighbours_that_are_no_better_than_chance_do_not_help():
    rows, predictions = rows_and_predictions(200)
    rng = np.random.default_rng(0)
    rows["nearest"] = [";".join(rng.choice(["MEL", "NV", "NV", "SCC"], 6)) for _ in range(len(rows))]
    assert not neighbour_metrics(rows, predicted_answers([predictions], METADATA), METADATA)["helps"]


def test_photos_without_a_prediction_or_without_a_class_do_not_count():
    rows, predictions = rows_and_predictions(200)
    predictions.loc[0, "truth"] = "benign"
    assert (
        neighbour_metrics(rows, predicted_answers([predictions[:-1]], METADATA), METADATA)["all"]["photos"]
        == 198
    )


def test_left_out_answers_are_those_of_the_file():
    file = pd.DataFrame({"image_id": ["P0"], "group_id": ["L0"], "source": ["A"], "diagnosis": ["NV"]})
    file = file.assign(decision=["BKL"], **{f"p_{code}": [0.1] for code in CODES} | {"p_NV": [0.4]})
    answers = answers_of_left_out_clinics(file, TASK)
    assert answers.to_dict("records") == [
        {"image_id": "P0", "group_id": "L0", "source": "A", "truth": "NV", "decision": 4, "confidence": 0.4}
    ]
