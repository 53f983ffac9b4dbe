import json

import pytest
from flask import Flask

from app.key_names import KINDS, NAMES, UNITS, English, figure_path_name, in_its_language, step_name
from data_modelling.rejection.degradation import KINDS as DEGRADATIONS
from tests.conftest import PROJECT


@pytest.mark.parametrize(
    ("keys", "english", "german"),
    [
        (
            ("photo", "melanomas", "answered_and_found"),
            "Photo alone, melanomas, answered and found",
            "Foto allein, Melanome, beantwortet und gefunden",
        ),
        (
            ("views", "lesion_painted", "macro_auc"),
            "What it sees, lesion painted over, AUC, mean of the classes",
            "Was es sieht, Hautstelle übermalt, AUC, Mittel der Klassen",
        ),
        (("photo", "some_new_key"), "Photo some new key", "Photo some new key"),
    ],
)
def test_a_figure_is_named_by_its_keys(app: Flask, keys, english, german):
    for language, name in (("en", english), ("de", german)):
        with app.test_request_context(f"/?lang={language}"):
            found = figure_path_name(keys)
        assert found == name
        assert isinstance(found, English) is ("some_new_key" in keys)


def test_a_step_is_named_with_the_numbers_of_the_language(app: Flask):
    with app.test_request_context("/?lang=de"):
        assert (
            step_name("blur", 0.8, "Gaussian blur, % of the edge")
            == "Unscharf: 0,8 (Gaußsche Unschärfe, % der Kante)"
        )
        assert step_name("small", 80, "pixels of the edge") == "Verkleinert: 80 (Pixel der Kante)"
        new = step_name("dusty", 0.5, "grains")
    assert new == "Dusty: 0.5 (grains)"
    assert in_its_language(new) == '<span lang="en">Dusty: 0.5 (grains)</span>'


def test_only_english_is_marked_and_nothing_gets_out_of_its_mark():
    assert in_its_language("Foto") == "Foto"
    assert in_its_language(English("<b>")) == '<span lang="en">&lt;b&gt;</span>'


def test_every_way_of_making_photos_worse_has_a_name():
    assert set(DEGRADATIONS) == set(KINDS)
    assert {kind.unit for kind in DEGRADATIONS.values()} == set(UNITS)


def keys_of_figures(values: dict) -> set[str]:
    """The keys that lead to a number."""
    found = set()
    for key, value in values.items():
        below = keys_of_figures(value) if isinstance(value, dict) else set()
        found |= below | ({key} if below or isinstance(value, (int, float)) else set())
    return found


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "DATA" / "models").glob("*/metrics.json")), ids=lambda path: path.parent.name
)
def test_every_key_of_the_committed_bundles_has_a_name(path):
    measured = json.loads(path.read_text())["out_of_fold"]
    keys = keys_of_figures(measured.get("shortcuts", {})) | keys_of_figures(measured["operating_point"])
    assert keys - set(NAMES) == set()
