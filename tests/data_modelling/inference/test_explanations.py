import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import BundleError
from data_modelling.inference.predictor import EXPLANATIONS, HEATMAP, Predictor
from tests.data_modelling.inference.test_predictor import photo

CODES = class_codes("ham10000")
OLD = Details(age=75)


@pytest.fixture
def predictor(make_bundle):
    return lambda **changes: Predictor(load_bundle(make_bundle(**changes)))


def half_red_half_green():
    image = Image.new("RGB", (32, 32), "red")
    image.paste("lime", (16, 0, 32, 32))
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_nothing_is_explained_unasked(predictor):
    answer = predictor().answer(photo("red"), OLD)
    assert answer.explanation is None
    assert "explanation" not in answer.as_json()


def test_an_explained_answer_is_the_same_answer(predictor):
    model = predictor()
    plain = model.answer(photo("red"), OLD).as_json()
    explained = model.answer(photo("red"), OLD, explain=EXPLANATIONS).as_json()
    assert {key: explained[key] for key in plain} == plain
    assert list(explained)[-1] == "explanation"


def test_json_of_the_explanation(predictor):
    answer = predictor().answer(half_red_half_green(), OLD, explain=EXPLANATIONS).as_json()["explanation"]
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert list(answer) == ["heatmap", "details", "neighbours"]
    assert list(answer["heatmap"]) == ["rows", "columns", "darker_area", "classes"]
    assert (answer["heatmap"]["rows"], answer["heatmap"]["columns"]) == (16, 16)
    assert list(answer["heatmap"]["classes"]) == list(answer["details"]["classes"]) == list(CODES)
    assert list(answer["heatmap"]["classes"]["MEL"]) == ["cells", "bias", "centre", "darker"]
    assert answer["details"]["given"] is True


@pytest.mark.parametrize("word", EXPLANATIONS)
def test_only_what_was_asked_for_is_given(predictor, word):
    answer = predictor().answer(photo("red"), explain=[word]).as_json()["explanation"]
    assert list(answer) == [word]


def test_maps_lie_where_the_colour_lies_and_sum_to_the_logit(predictor):
    """Red is melanoma and green a nevus: the photo's part of each logit is 5 times its half."""
    heatmap = predictor().answer(half_red_half_green(), explain=["heatmap"]).explanation["heatmap"]
    for code, columns in (("MEL", slice(8)), ("NV", slice(8, 16))):
        cells = np.array(heatmap["classes"][code]["cells"])
        assert cells.sum() == pytest.approx(2.5, abs=0.2)
        assert cells[:, columns].sum() > 0.97 * cells.sum()


def test_without_is_the_answer_to_the_photo_alone(predictor):
    model = predictor()
    effect = model.answer(photo("#604020"), OLD, explain=["details"]).explanation["details"]
    alone, both = model.answer(photo("#604020")), model.answer(photo("#604020"), OLD)
    assert {code: one["without"] for code, one in effect["classes"].items()} == alone.probabilities
    assert {code: one["with"] for code, one in effect["classes"].items()} == both.probabilities
    assert effect["cancer"] == {"with": both.cancer_probability, "without": alone.cancer_probability}


def test_no_details_change_nothing(predictor):
    effect = predictor().answer(photo("red"), explain=["details"]).explanation["details"]
    assert effect["given"] is False
    assert all(change["with"] == change["without"] for change in effect["classes"].values())


def test_a_bundle_without_a_head_gives_no_heat_map(predictor):
    model = predictor(head=None)
    assert HEATMAP not in model.explanations
    assert list(model.answer(photo("red"), explain=EXPLANATIONS).explanation) == [
        "details",
        "neighbours",
    ]


@pytest.mark.parametrize(
    ("kernel", "message"),
    [(np.ones((3, 7)), "head in metadata.json does not belong to"), (np.ones((4, 7)), "does not fit")],
)
def test_a_head_that_is_not_the_models(make_bundle, kernel, message):
    folder = make_bundle(head={"kernel": kernel.tolist(), "bias": [0.0] * 7})
    with pytest.raises(BundleError, match=message):
        Predictor(load_bundle(folder))
