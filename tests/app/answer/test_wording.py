from types import SimpleNamespace

import pytest
from flask import Flask

from app.answer.wording import NO_DIAGNOSIS, answer_cautions

SPACE = "\N{NO-BREAK SPACE}"


def said(app, centre, darker, amount=1.0):
    """Return the text about a class with that much evidence, beside another class with 1."""
    maps = {
        "MEL": {"map": {"centre": centre, "darker": darker}, "amount": amount},
        "NV": {"map": {"centre": 0.5, "darker": 0.5}, "amount": 1.0},
    }
    texts = app.jinja_env.get_template("texts.html").module
    return texts.heat_map_words(maps, "MEL", 0.14)


@pytest.mark.parametrize(
    ("centre", "darker", "words"),
    [
        (0.9, None, "The evidence is mostly in the centre of the photo."),
        (0.1, None, "The evidence is mostly outside the centre of the photo."),
        (
            0.5,
            None,
            "Part of the evidence is in the centre of the photo, and the rest is nearer to the edge.",
        ),
        (
            0.7,
            0.71,
            (
                "The evidence is mostly in the centre of the photo. "
                "We assume that the darker part of the photo is the spot. The darker part covers "
                f"14{SPACE}% of the photo and has 71{SPACE}% of the evidence."
            ),
        ),
        (
            None,
            None,
            "No part of the photo speaks more for this class than for the average of the other classes.",
        ),
    ],
)
def test_a_map_in_words(app: Flask, centre, darker, words):
    with app.test_request_context("/"):
        assert said(app, centre, darker) == words


def test_little_evidence_is_said(app: Flask):
    with app.test_request_context("/"):
        assert (
            said(app, 0.9, None, amount=0.05)
            == "There is little evidence for this class. The evidence is mostly in the centre of the photo."
        )


def test_little_evidence_is_said_in_german(app: Flask):
    with app.test_request_context("/?lang=de"):
        assert (
            said(app, 0.9, None, amount=0.05)
            == "Für diese Klasse gibt es wenige Hinweise. Die Hinweise liegen vor allem in der Mitte des Fotos."
        )


def answer_with(*reasons):
    return SimpleNamespace(reasons=reasons, side=500)


@pytest.mark.parametrize(
    ("dermatoscope", "begins"),
    [
        (False, "The photo was not taken through a dermatoscope."),
        (None, "The photo looks like a phone photo"),
        (True, "You said that the photo was taken through a dermatoscope, but"),
    ],
)
def test_a_phone_photo_says_who_tells_it(dermatoscope, begins):
    reasons = ("dermatoscope", "phone_photo") if dermatoscope is None else ("phone_photo",)
    (caution,) = answer_cautions(answer_with(*reasons), dermatoscope, 112)
    assert caution.startswith(begins)


def test_the_strongest_caution_comes_first():
    answer = answer_with("wide_set", "unlike_training", "age_rare", "hair", "changing")
    cautions = answer_cautions(answer, True, 112)
    beginnings = (
        "A doctor must look at a spot that is new",
        "The model learned",
        "The photo differs",
        "Hair lies",
        "Too many kinds",
    )
    assert len(cautions) == len(beginnings)
    assert all(text.startswith(begins) for text, begins in zip(cautions, beginnings, strict=True))


def test_every_answer_has_a_caution():
    assert answer_cautions(answer_with(), True, 112) == [NO_DIAGNOSIS]
