import pytest

from app.wording import map_in_words
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
