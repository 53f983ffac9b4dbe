from types import SimpleNamespace

import pytest
from flask import Flask

from app.forms import Submission
from app.wording import NOT_MEASURED, limits_of, map_in_words
from data_modelling.inference.details import Details
from data_modelling.inference.heatmap import ClassMap, Heatmap

SPACE = "\N{NO-BREAK SPACE}"


def said(centre, darker, amount=1.0):
    """What is said of a class with that much evidence beside another with 1."""
    asked = ClassMap(((0.0,),), ((amount,),), 0.0, centre, darker)
    other = ClassMap(((0.0,),), ((1.0,),), 0.0, 0.5, 0.5)
    return map_in_words(Heatmap({"MEL": asked, "NV": other}, 0.14), "MEL")


@pytest.mark.parametrize(
    ("centre", "darker", "words"),
    [
        (0.9, None, "Mostly the centre."),
        (0.1, None, "Mostly the edges."),
        (0.5, None, "Centre and edges alike."),
        (
            0.7,
            0.71,
            f"Mostly the centre; 71{SPACE}% inside the darker area, which is 14{SPACE}% of the picture.",
        ),
        (None, None, "Nothing in the photo speaks for this class more than for the average class."),
    ],
)
def test_a_map_in_words(centre, darker, words):
    assert said(centre, darker) == words


def test_little_evidence_is_said():
    assert said(0.9, None, amount=0.05) == "Mostly the centre. There is little that speaks for this class."


def test_little_evidence_is_said_in_german(app: Flask):
    with app.test_request_context("/?lang=de"):
        assert said(0.9, None, amount=0.05) == "Vor allem die Mitte. Für diese Klasse spricht wenig."


def answer_with(*reasons):
    return SimpleNamespace(reasons=reasons, side=500)


ELSEWHERE = {
    "elsewhere": {
        "PAD_UFES_20": {
            "photos": 476,
            "photo": {"cancer_auc": 0.71, "cancer_auc_interval": [0.66, 0.76], "mean_confidence": 0.8},
        }
    }
}


@pytest.mark.parametrize(
    ("dermatoscope", "begins"),
    [
        (False, "The photo was not taken through a dermatoscope."),
        (None, "The picture looks like one of a phone"),
        (True, "You said that the photo was taken through a dermatoscope, but"),
    ],
)
def test_a_phone_photo_is_answered_with_what_was_measured_on_phone_photos(dermatoscope, begins):
    submission = Submission(b"", Details(), dermatoscope=dermatoscope)
    (limit,) = limits_of(submission, answer_with("phone_photo"), 112, ELSEWHERE)
    assert limit.said.startswith(begins)
    assert limit.measured.startswith("On 476 phone photos (PAD-UFES-20)")
    assert f"in 71{SPACE}% of all pairs (66{SPACE}% to 76{SPACE}%;" in limit.measured
    assert f"80{SPACE}% sure on average" in limit.measured
    assert limit.measured.endswith("sure on average.")  # more is on the page of limits
    (limit,) = limits_of(submission, answer_with("phone_photo"), 112, {})
    assert limit.measured == NOT_MEASURED


def test_that_the_model_learned_from_a_set_is_said_where_it_was_tried_on_it():
    learned = {"elsewhere": {"PAD_UFES_20": ELSEWHERE["elsewhere"]["PAD_UFES_20"] | {"learned_from": True}}}
    submission = Submission(b"", Details(), dermatoscope=False)
    (limit,) = limits_of(submission, answer_with("phone_photo"), 112, learned)
    assert limit.measured.endswith("sure on average. It had learned from other photos of this set.")


def test_a_rare_age_is_said_before_all_else():
    submission = Submission(b"", Details(age=3), dermatoscope=True)
    first, second, third = limits_of(
        submission, answer_with("wide_set", "unlike_training", "age_rare", "hair"), 112, ELSEWHERE
    )
    assert "people of this age" in first.said
    assert "unlike those by which the model's probabilities and thresholds were set" in second.said
    assert second.measured == NOT_MEASURED  # phone photos are no other clinics'
    assert "just as sure" not in second.said  # which was not measured
    assert third.said.startswith("Too many classes")
    assert (first.measured, third.measured) == ("", "")
