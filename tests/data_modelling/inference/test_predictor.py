import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.checks.photo_checks import Findings
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import BundleError, FieldError, PhotoError
from data_modelling.inference.photo.reader import Crop, read_photo
from data_modelling.inference.predictor import Predictor
from tests.app.tiny_bundle import GATE, NEVER_REFUSED, thresholds

CODES = class_codes("ham10000")
SEVENTH = round(1 / 7, 12)  # of the black photo, whose logits are all 0
THREE_SEVENTHS = round(3 / 7, 12)  # MEL, BCC, AKIEC


def photo(colour, size=(30, 20)):
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def painted(width, height, boxes):
    """A lime photo with boxes (left, top, right, bottom) of other colours."""
    image = Image.new("RGB", (width, height), "lime")
    for box, colour in boxes.items():
        image.paste(colour, box)
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


BLACK = photo("black")


@pytest.fixture
def predictor(make_bundle):
    """Makes a predictor whose logits are 5 times the share of red (MEL), green (NV) and blue (VASC)."""
    return lambda **changes: Predictor(load_bundle(make_bundle(**changes)))


def test_probabilities_by_hand(predictor):
    probabilities = predictor().answer(photo("red")).probabilities
    total = math.exp(5) + 6
    assert probabilities == pytest.approx(
        {code: (math.exp(5) if code == "MEL" else 1) / total for code in CODES}, abs=1e-6
    )
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-11)
    assert list(probabilities) == list(CODES)


def test_temperature_divides_the_logits(predictor):
    probabilities = predictor(temperature=2.5).answer(photo("red")).probabilities
    assert probabilities["MEL"] == pytest.approx(math.exp(2) / (math.exp(2) + 6), abs=1e-6)


def test_details_are_used(predictor):
    """The tiny model adds half the scaled age, here (75 - 50) / 25 = 1, to the logit of melanoma."""
    probabilities = predictor().answer(BLACK, Details(age=75)).probabilities
    assert probabilities["MEL"] == pytest.approx(math.exp(0.5) / (math.exp(0.5) + 6), abs=1e-6)


def test_crop_is_used(predictor):
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (20, 0, 40, 20))
    file = BytesIO()
    image.save(file, "PNG")
    model = predictor()
    decisions = [model.answer(file.getvalue(), crop=Crop(x, 0, 1)).decision for x in (0, 0.5)]
    assert decisions == ["MEL", "VASC"]


def test_decision_is_the_largest_ratio_to_the_prior(predictor):
    prior = dict.fromkeys(CODES, 0.1) | {"BKL": 0.05, "NV": 0.9}
    model = predictor(decision_prior=prior)
    assert model.answer(BLACK).decision == "BKL"
    # e^5 / (e^5 + 6) / 0.9 = 1.07 is above 1 / (e^5 + 6) / 0.05 = 0.13
    assert model.answer(photo("lime")).decision == "NV"


def test_classes_are_sorted_and_ties_keep_the_order_of_the_list(predictor):
    classes = predictor().answer(photo((0, 0, 255))).classes
    assert [item.code for item in classes] == ["VASC", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF"]
    assert classes[4].flag == "cancer"
    assert classes[4].flag_text.startswith("cancer or may become cancer")


@pytest.mark.parametrize(
    ("cancer", "melanoma", "dermatoscope", "status", "reasons"),
    [
        (1, 1, None, "uncertain", ("dermatoscope",)),
        (1, 1, True, "no_cancer_class", ()),
        (1, 1, False, "uncertain", ("phone_photo",)),
        (THREE_SEVENTHS, 1, None, "higher_concern", ("cancer_threshold", "dermatoscope")),
        (THREE_SEVENTHS + 1e-12, 1, True, "no_cancer_class", ()),
        (1, SEVENTH, True, "higher_concern", ("melanoma_threshold",)),
        (1, SEVENTH + 1e-12, True, "no_cancer_class", ()),
        (0, 0, True, "higher_concern", ("cancer_threshold", "melanoma_threshold")),
        (0.4, 1, False, "higher_concern", ("cancer_threshold", "phone_photo")),
        (1, 0.1, False, "higher_concern", ("melanoma_threshold", "phone_photo")),
    ],
)
def test_status(predictor, cancer, melanoma, dermatoscope, status, reasons):
    model = predictor(
        thresholds={"cancer": cancer, "melanoma": melanoma, "clear": 0.5, "later": {"key": "of any kind"}}
    )
    answer = model.answer(BLACK, dermatoscope=dermatoscope)
    assert (answer.status, answer.reasons) == (status, reasons)
    assert (answer.cancer_probability, answer.cancer_threshold) == (THREE_SEVENTHS, cancer)


def test_json_has_the_keys_of_the_interface(predictor):
    model = predictor()
    answer_json = model.answer(photo("red"), dermatoscope=False).as_json()
    assert json.loads(json.dumps(answer_json, allow_nan=False)) == answer_json
    assert list(answer_json) == [
        "status",
        "class",
        "reasons",
        "probabilities",
        "classes",
        "cancer",
        "model",
        "prediction_sets",
        "nearness",
    ]
    assert answer_json["prediction_sets"] == {
        "90": {"classes": ["MEL"], "size": 1},  # e^5 / (e^5 + 6) is .96, the others .006
        "95": {"classes": ["MEL"], "size": 1},
    }
    assert 0 <= answer_json["nearness"] <= 1
    assert (answer_json["status"], answer_json["class"]) == ("higher_concern", "MEL")
    assert answer_json["reasons"] == ["cancer_threshold", "melanoma_threshold", "phone_photo"]
    assert list(answer_json["probabilities"]) == list(CODES)
    assert answer_json["classes"][0] == {
        "code": "MEL",
        "name": "Melanoma",
        "flag": "cancer",
        "probability": answer_json["probabilities"]["MEL"],
    }
    group = sum(answer_json["probabilities"][code] for code in ("MEL", "BCC", "AKIEC"))
    assert answer_json["cancer"] == {"probability": pytest.approx(group, abs=1e-11), "threshold": 0.25}
    assert answer_json["model"] == {"name": "tiny", "version": "1.0", "sha256": model.bundle.sha256}


def test_answers_of_eight_threads_are_those_of_one(predictor):
    model = predictor()
    requests = [(photo((i * 3, 255 - i, i)), Details(age=i)) for i in range(80)]
    single = [model.answer(*request) for request in requests]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda request: model.answer(*request), requests * 3))
    assert together == single * 3


def test_bad_photo_and_crop_are_the_callers_to_mend(predictor):
    model = predictor()
    with pytest.raises(PhotoError):
        model.answer(b"no photo")
    with pytest.raises(FieldError):
        model.answer(BLACK, crop=Crop(1, 1, 1))


WIDE = {"wide": {"classes": 4, "cancer_classes": None}}
CLEAR = {"cancer": 1, "melanoma": 1, "clear": 0.5}
SEVERAL = {"thresholds": CLEAR, "operating_point": WIDE}


@pytest.mark.parametrize(
    ("colour", "changes", "details", "dermatoscope", "status", "reasons"),
    [
        # Black: all classes are as probable, 1/7 of each, and in the set.
        ("black", SEVERAL, Details(), True, "uncertain", ("wide_set",)),
        ("black", SEVERAL, Details(), False, "uncertain", ("phone_photo", "wide_set")),
        (
            "black",
            SEVERAL | {"thresholds": {"cancer": 0.3, "melanoma": 1}},
            Details(age=5, site="palms/soles"),
            True,
            "higher_concern",
            ("cancer_threshold", "wide_set", "age_rare", "site_rare", "acral_or_mucosal"),
        ),
        ("lime", SEVERAL, Details(), True, "no_cancer_class", ()),
        ("lime", SEVERAL, Details(age=5), True, "uncertain", ("age_rare",)),
    ],
)
def test_doubts_and_the_status(predictor, colour, changes, details, dermatoscope, status, reasons):
    answer = predictor(**changes).answer(photo(colour), details, dermatoscope=dermatoscope)
    assert (answer.status, answer.reasons) == (status, reasons)


@pytest.mark.parametrize(
    ("details", "melanoma", "status", "reasons"),
    [
        # Black: MEL has e^0 of seven; age 5 takes half of (50 - 5) / 25 from its logit: e^-0.9 / (6 + e^-0.9) = 0.063.
        (Details(age=5), 0.14, "higher_concern", ("photo_alone", "age_rare")),
        (Details(age=5), 0.15, "uncertain", ("age_rare",)),
        (Details(age=15), 0.14, "no_cancer_class", ()),  # a usual age may take concern away: 0.076
        (
            Details(age=15, site="palms/soles"),
            0.14,
            "higher_concern",
            ("photo_alone", "site_rare", "acral_or_mucosal"),
        ),
        (Details(age=5), 0.06, "higher_concern", ("melanoma_threshold", "age_rare")),
    ],
)
def test_rare_details_take_no_concern_away(predictor, details, melanoma, status, reasons):
    model = predictor(thresholds=CLEAR | {"melanoma": melanoma})
    answer = model.answer(BLACK, details, dermatoscope=True)
    assert (answer.status, answer.reasons) == (status, reasons)


def test_a_refused_photo_stays_refused_with_rare_details(predictor):
    model = predictor(quality=blank_refused(), thresholds={"cancer": 0.01, "melanoma": 0.01})
    assert model.answer(photo("red"), Details(age=5)).reasons == ("photo_blank",)


def test_details_of_a_header_that_are_not_read_are_reported(predictor):
    answer = predictor(thresholds=CLEAR).answer(
        BLACK, Details(sex="male", unread=("age", "site")), dermatoscope=True
    )
    assert (answer.status, answer.reasons) == ("no_cancer_class", ("age_unread", "site_unread"))


def blank_refused(refuse=10.0):
    """Quality thresholds by which a photo of one colour is refused."""
    return NEVER_REFUSED | {"contrast": {"refuse": refuse, "warn": None}}


def test_a_photo_that_cannot_be_used_has_no_other_status(predictor):
    """It would be of higher concern, and its set is wide."""
    model = predictor(quality=blank_refused(), operating_point=WIDE, thresholds={"cancer": 0, "melanoma": 0})
    answer = model.answer(photo("red"), explain=("details",))
    assert (answer.status, answer.reasons, answer.explanation) == ("refused", ("photo_blank",), None)
    assert answer.decision == "MEL"


def test_a_foreign_photo_is_refused_and_a_bad_one_is_not_called_foreign(predictor, make_bundle, tmp_path):
    gate = GATE.metadata | {"threshold": -1e9}
    answer = predictor(gate=gate).answer(photo("red"))
    assert (answer.status, answer.reasons) == ("refused", ("photo_foreign",))
    shutil.rmtree(tmp_path / "tiny")
    answer = predictor(gate=gate, quality=blank_refused()).answer(photo("red"))
    assert answer.reasons == ("photo_blank",)


@pytest.mark.parametrize(
    ("is_phone", "dermatoscope", "status", "reasons"),
    [
        (True, None, "uncertain", ("dermatoscope", "phone_photo", "unlike_training")),
        (True, False, "uncertain", ("phone_photo", "unlike_training")),
        (True, True, "uncertain", ("phone_photo", "unlike_training")),  # the reader may be wrong
        (False, None, "uncertain", ("dermatoscope", "unlike_training")),
        (False, True, "no_cancer_class", ("unlike_training",)),
        (False, False, "uncertain", ("phone_photo", "unlike_training")),
    ],
)
def test_what_the_pixels_say_of_the_origin(predictor, monkeypatch, is_phone, dermatoscope, status, reasons):
    model = predictor()
    findings = Findings((), (), is_phone, True, 0.5, 0.0)
    monkeypatch.setattr(model, "_checks", SimpleNamespace(of=lambda *_: findings))
    answer = model.answer(photo("lime"), dermatoscope=dermatoscope)
    assert (answer.status, answer.reasons) == (status, reasons)
    assert answer.nearness == 0.5


def test_details_have_thresholds_of_their_own(predictor):
    sets = {"photo": thresholds(), "both": {level: dict.fromkeys(CODES, 0.5) for level in ("90", "95")}}
    model = predictor(prediction_sets=sets)
    assert len(model.answer(BLACK).sets.by_level["90"]) == 7
    assert model.answer(BLACK, Details(sex="male")).sets.by_level["90"] == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"quality": {}},
        {"gate": {}},
        {"prediction_sets": {}},
        {"operating_point": {"wide": {"classes": 2.5, "cancer_classes": None}}},
        {"data": {"sources": ["HAM10000"]}},
    ],
)
def test_a_part_that_cannot_be_used_makes_the_bundle_invalid(make_bundle, changes):
    with pytest.raises(BundleError, match="metadata"):
        Predictor(load_bundle(make_bundle(**changes)))


def refusal(folder):
    with pytest.raises(BundleError) as caught:
        Predictor(load_bundle(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(folder))


def test_model_that_is_none(make_bundle):
    folder = make_bundle()
    (folder / "model.onnx").write_bytes(b"no model")
    write_checksums(folder)
    assert refusal(folder).startswith("/model.onnx cannot be loaded: ")


def test_model_of_another_edge(make_bundle):
    assert refusal(make_bundle(edge=24)).startswith("/model.onnx does not fit its metadata.json: ")


def test_model_of_another_number_of_classes(make_bundle):
    others = class_codes("isic2019")
    sets = {
        given: {level: dict.fromkeys(others, 0.1) for level in ("90", "95")} for given in ("photo", "both")
    }
    folder = make_bundle(
        task="isic2019",
        classes=list(others),
        decision_prior=dict.fromkeys(others, 1 / 9),
        prediction_sets=sets,
    )
    assert refusal(folder) == "/model.onnx does not give one logit for each class; restore the bundle."


def test_model_without_numbers(make_bundle):
    folder = make_bundle()
    model = onnx.load(folder / "model.onnx")
    weights = model.graph.initializer[0]
    weights.CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(weights) * np.float32("nan"), weights.name)
    )
    onnx.save(model, folder / "model.onnx")
    write_checksums(folder)
    assert refusal(folder) == "/model.onnx gives logits that are no numbers; restore the bundle."


@pytest.mark.parametrize(
    ("details", "explain", "runs"),
    [
        (Details(age=80), (), 1),
        (Details(), ("heatmap", "details"), 1),
        (Details(age=80), ("heatmap",), 1),
        (Details(age=80), ("heatmap", "details"), 2),  # once more without them
    ],
)
def test_the_network_runs_once_a_photo(predictor, details, explain, runs):
    model = predictor()
    session, asked = model._session, []
    model._session = SimpleNamespace(run=lambda *given: asked.append(given[0]) or session.run(*given))
    answer = model.answer(photo("red"), details, explain=explain)
    assert len(asked) == runs
    if explain:
        assert answer.explanation["heatmap"]["classes"]["MEL"]["cells"]
        assert ("details" in answer.explanation) is ("details" in explain)


def test_the_effect_of_no_details_is_none(predictor):
    effect = predictor().answer(photo("red"), explain=("details",)).explanation["details"]
    assert not effect["given"]
    assert all(
        change["with"] == change["without"] for change in (*effect["classes"].values(), effect["cancer"])
    )


def test_side_and_embedding_come_with_the_answer(predictor):
    model = predictor()
    answer = model.answer(photo("red"))
    assert answer.side == 20  # of 30 x 20 pixels
    assert answer.embedding == pytest.approx(model.embedding(read_photo(photo("red"), model.edge), Details()))
