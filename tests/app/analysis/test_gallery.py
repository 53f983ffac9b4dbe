"""Test the page of the examples with the committed model: it tells where the model is wrong."""

import pytest

from app import create_app
from app.analysis.examples import EXAMPLES, _verdict, judged_examples
from app.answer.wording import VERDICTS
from app.settings import Settings
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.predictor import Predictor
from tests.conftest import PROJECT

COMMITTED = PROJECT / "DATA" / "models"


@pytest.fixture(scope="module")
def judged():
    return judged_examples(Predictor(load_bundle(COMMITTED / "ham10000")))


def test_among_eight_examples_are_one_missed_and_one_not_judged(judged):
    verdicts = [one["verdict"] for one in judged]
    assert len(verdicts) == len(EXAMPLES) == 8
    assert VERDICTS["missed"] in verdicts
    assert {VERDICTS["not_judged"], VERDICTS["not_used"]} & set(verdicts)
    assert VERDICTS["right"] in verdicts


def test_the_page_shows_each_photo_with_its_verdict(judged):
    client = create_app(Settings(bundles=COMMITTED, rate_limit="off")).test_client()
    text = client.get("/examples").text
    for one in judged:
        example = one["example"]
        assert f"examples/{example.image_id}.jpg" in text
        assert one["verdict"] in text
        assert f'name="example" value="{one["example"].name}"' in text
    assert "a melanoma" in client.get("/").text


@pytest.mark.parametrize(
    ("name", "status", "verdict"),
    [
        ("melanoma", "higher_concern", "right"),
        ("melanoma", "uncertain", "missed"),
        ("melanoma", "no_cancer_class", "missed"),
        ("melanoma", "refused", "not_used"),
        ("nevus", "higher_concern", "false_alarm"),
        ("nevus", "uncertain", "not_judged"),
        ("nevus", "no_cancer_class", "right"),
    ],
)
def test_the_verdict_follows_from_the_diagnosis_and_the_status(name, status, verdict):
    assert _verdict(EXAMPLES[name], status) == verdict


def test_without_a_model_there_is_no_gallery(orphan):
    assert orphan.get("/examples").status_code == 503
