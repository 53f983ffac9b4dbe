import json
import math
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from data_modelling.inference.bundle import load_bundle, write_sums
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.errors import BundleError, FieldError, PhotoError
from data_modelling.inference.photos import Crop
from data_modelling.inference.predictor import Predictor

CODES = codes("ham10000")
SEVENTH = round(1 / 7, 12)  # of the black photo, whose logits are all 0
THREE_SEVENTHS = round(3 / 7, 12)  # MEL, BCC, AKIEC


def photo(colour, size=(30, 20)):
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


BLACK = photo("black")


@pytest.fixture
def predictor(make_bundle):
    """Makes a predictor whose logits are 5 times the share of red (MEL), green (NV) and blue (VASC)."""
    return lambda **changes: Predictor(load_bundle(make_bundle(**changes)))


def test_probabilities_by_hand(predictor):
    found = predictor().answer(photo("red")).probabilities
    total = math.exp(5) + 6
    assert found == pytest.approx(
        {code: (math.exp(5) if code == "MEL" else 1) / total for code in CODES}, abs=1e-6
    )
    assert sum(found.values()) == pytest.approx(1, abs=1e-11)
    assert list(found) == list(CODES)


def test_temperature_divides_the_logits(predictor):
    found = predictor(temperature=2.5).answer(photo("red")).probabilities
    assert found["MEL"] == pytest.approx(math.exp(2) / (math.exp(2) + 6), abs=1e-6)


def test_details_are_used(predictor):
    """The tiny model adds half the scaled age, here (75 - 50) / 25 = 1, to the logit of melanoma."""
    found = predictor().answer(BLACK, Details(age=75)).probabilities
    assert found["MEL"] == pytest.approx(math.exp(0.5) / (math.exp(0.5) + 6), abs=1e-6)


def test_crop_is_used(predictor):
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (20, 0, 40, 20))
    file = BytesIO()
    image.save(file, "PNG")
    model = predictor()
    found = [model.answer(file.getvalue(), crop=Crop(x, 0, 1)).decision for x in (0, 0.5)]
    assert found == ["MEL", "VASC"]


def test_decision_is_the_largest_ratio_to_the_prior(predictor):
    prior = dict.fromkeys(CODES, 0.1) | {"BKL": 0.05, "NV": 0.9}
    model = predictor(decision_prior=prior)
    assert model.answer(BLACK).decision == "BKL"
    # e^5 / (e^5 + 6) / 0.9 = 1.07 is above 1 / (e^5 + 6) / 0.05 = 0.13
    assert model.answer(photo("lime")).decision == "NV"


def test_classes_are_sorted_and_ties_keep_the_order_of_the_list(predictor):
    found = predictor().answer(photo((0, 0, 255))).classes
    assert [one.code for one in found] == ["VASC", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF"]
    assert found[4].flag == "cancer"
    assert found[4].flag_text.startswith("cancer or may become cancer")


@pytest.mark.parametrize(
    ("cancer", "melanoma", "dermatoscope", "status", "reasons"),
    [
        (1, 1, None, "no_cancer_class", ()),
        (1, 1, True, "no_cancer_class", ()),
        (1, 1, False, "uncertain", ("phone_photo",)),
        (THREE_SEVENTHS, 1, None, "higher_concern", ("cancer_threshold",)),
        (THREE_SEVENTHS + 1e-12, 1, None, "no_cancer_class", ()),
        (1, SEVENTH, None, "higher_concern", ("melanoma_threshold",)),
        (1, SEVENTH + 1e-12, None, "no_cancer_class", ()),
        (0, 0, True, "higher_concern", ("cancer_threshold", "melanoma_threshold")),
        (0.4, 1, False, "higher_concern", ("cancer_threshold", "phone_photo")),
        (1, 0.1, False, "higher_concern", ("melanoma_threshold", "phone_photo")),
    ],
)
def test_status(predictor, cancer, melanoma, dermatoscope, status, reasons):
    model = predictor(thresholds={"cancer": cancer, "melanoma": melanoma, "later": {"key": "of any kind"}})
    found = model.answer(BLACK, dermatoscope=dermatoscope)
    assert (found.status, found.reasons) == (status, reasons)
    assert (found.cancer_probability, found.cancer_threshold) == (THREE_SEVENTHS, cancer)


def test_json_has_the_keys_of_the_interface(predictor):
    model = predictor()
    found = model.answer(photo("red"), dermatoscope=False).as_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["status", "class", "reasons", "probabilities", "classes", "cancer", "model"]
    assert (found["status"], found["class"]) == ("higher_concern", "MEL")
    assert found["reasons"] == ["cancer_threshold", "melanoma_threshold", "phone_photo"]
    assert list(found["probabilities"]) == list(CODES)
    assert found["classes"][0] == {
        "code": "MEL",
        "name": "Melanoma",
        "flag": "cancer",
        "probability": found["probabilities"]["MEL"],
    }
    group = sum(found["probabilities"][code] for code in ("MEL", "BCC", "AKIEC"))
    assert found["cancer"] == {"probability": pytest.approx(group, abs=1e-11), "threshold": 0.25}
    assert found["model"] == {"name": "tiny", "version": "1.0", "sha256": model.bundle.sha256}


def test_answers_of_eight_threads_are_those_of_one(predictor):
    model = predictor()
    asked = [(photo((i * 3, 255 - i, i)), Details(age=i)) for i in range(80)]
    alone = [model.answer(*one) for one in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: model.answer(*one), asked * 3))
    assert together == alone * 3


def test_bad_photo_and_crop_are_the_callers_to_mend(predictor):
    model = predictor()
    with pytest.raises(PhotoError):
        model.answer(b"no photo")
    with pytest.raises(FieldError):
        model.answer(BLACK, crop=Crop(1, 1, 1))


def refusal(folder):
    with pytest.raises(BundleError) as caught:
        Predictor(load_bundle(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(folder))


def test_model_that_is_none(make_bundle):
    folder = make_bundle()
    (folder / "model.onnx").write_bytes(b"no model")
    write_sums(folder)
    assert refusal(folder).startswith("/model.onnx cannot be loaded: ")


def test_model_of_another_edge(make_bundle):
    assert refusal(make_bundle(edge=24)).startswith("/model.onnx does not take what metadata.json says: ")


def test_model_of_another_number_of_classes(make_bundle):
    others = codes("isic2019")
    folder = make_bundle(task="isic2019", classes=list(others), decision_prior=dict.fromkeys(others, 1 / 9))
    assert refusal(folder) == "/model.onnx does not give one logit a class; restore the bundle."


def test_model_without_numbers(make_bundle):
    folder = make_bundle()
    model = onnx.load(folder / "model.onnx")
    weights = model.graph.initializer[0]
    weights.CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(weights) * np.float32("nan"), weights.name)
    )
    onnx.save(model, folder / "model.onnx")
    write_sums(folder)
    assert refusal(folder) == "/model.onnx gives logits that are no numbers; restore the bundle."


def test_task_of_one_class_is_not_answered_yet(make_bundle):
    folder = make_bundle(task="isic2020", classes=["melanoma"], decision_prior={"melanoma": 0.02})
    assert refusal(folder) == " is of the task isic2020, which cannot be answered yet."
