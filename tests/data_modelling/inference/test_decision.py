import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from data_modelling.inference import predictor as predictor_module
from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.checks.photo_checks import Findings
from data_modelling.inference.decision import (
    QUALITY_REASONS,
    PredictionSets,
    StatusThresholds,
    WideSetRule,
    calibrated_probabilities,
    cancer_columns,
    count_statuses,
    decide_status,
    decide_statuses,
    find_doubts,
    melanoma_column,
    predicted_classes,
    set_members,
)
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import BundleError
from data_modelling.inference.modes import PHOTO_AND_DETAILS, PHOTO_ONLY
from data_modelling.inference.photo.reader import Crop, read_corner_frames
from data_modelling.inference.predictor import Predictor
from tests.app.tiny_bundle import make_tiny_bundle
from tests.data_modelling.inference.test_predictor import painted, photo

CODES = class_codes("ham10000")  # MEL, NV, BCC, AKIEC, BKL, DF, VASC
CANCER = np.array([True, False, True, True, False, False, False])
PROBABILITY = np.array([0.3, 0.4, 0.05, 0.05, 0.1, 0.06, 0.04])
NO_FINDINGS = Findings((), (), False, False, 0.5, 0.0)
UNSEEN = {"rare": (), "dermatoscope": True, "is_wide": False, "fits_none": False}
# Lime: NV has e^5 = 148.4, each of the six others e^0 = 1, and MEL, BCC and AKIEC are cancer classes.
LIME = 3 / (math.exp(5) + 6)
BLACK = 3 / 7


def test_probabilities_by_hand():
    logits = np.log([[1.0, 2.0, 5.0]])
    assert calibrated_probabilities(logits, 1.0) == pytest.approx(np.array([[1 / 8, 2 / 8, 5 / 8]]))


def test_temperature_two_takes_the_square_root_of_the_odds():
    assert calibrated_probabilities(np.log([[1.0, 9.0]]), 2.0) == pytest.approx(np.array([[1 / 4, 3 / 4]]))


def test_large_logits_do_not_overflow_and_float32_is_summed_as_float64():
    probabilities = calibrated_probabilities(np.array([[5000, -5000, 5000]], np.float32), 0.5)
    assert probabilities.dtype == np.float64
    assert probabilities.tolist() == [[0.5, 0.0, 0.5]]


def test_decision_divides_by_the_prior():
    probability = np.array([[0.2, 0.5, 0.3], [0.05, 0.9, 0.05]])
    prior = np.array([0.1, 0.7, 0.2])  # ratios: 2, 0.71, 1.5 and 0.5, 1.29, 0.25
    assert predicted_classes(probability, prior).tolist() == [0, 1]


def test_even_ratios_go_to_the_first_class():
    assert predicted_classes(np.array([[0.2, 0.4]]), np.array([1 / 3, 2 / 3])).tolist() == [0]


def test_cancer_group():
    assert cancer_columns("ham10000").tolist() == [True, False, True, True, False, False, False]
    assert np.flatnonzero(cancer_columns("isic2019")).tolist() == [0, 2, 7]  # MEL, BCC, SCC, not AK


@pytest.mark.parametrize("task", ["ham10000", "isic2019", "isic2020"])
def test_melanoma_is_found_in_every_task(task):
    assert melanoma_column(task) == 0


def metadata(photo=0.1, both=0.2, wide=(None, None)):
    """The same threshold for every class, half of it at 95 %."""
    by_input = {PHOTO_ONLY: photo, PHOTO_AND_DETAILS: both}
    return {
        "prediction_sets": {
            given: {"90": dict.fromkeys(CODES, value), "95": dict.fromkeys(CODES, value / 2)}
            for given, value in by_input.items()
        },
        "operating_point": {"wide": {"classes": wide[0], "cancer_classes": wide[1]}},
    }


def sets(**changes):
    return PredictionSets.from_metadata(metadata(**changes), "ham10000")


def test_a_class_at_its_threshold_is_in_the_set():
    inside = set_members(np.array([[0.2, 0.5, 0.3]]), np.array([0.2, 0.6, 0.1]))
    assert inside.tolist() == [[True, False, True]]


@pytest.mark.parametrize(
    ("with_details", "of_90", "of_95"),
    [
        (False, ("NV", "MEL", "BKL"), ("NV", "MEL", "BKL", "DF", "BCC", "AKIEC")),
        (True, ("NV", "MEL"), ("NV", "MEL", "BKL")),
    ],
)
def test_sets_by_input_the_most_probable_class_first(with_details, of_90, of_95):
    photo_sets = sets().of(PROBABILITY, with_details)
    assert photo_sets.by_level == {"90": of_90, "95": of_95}
    assert photo_sets.as_json()["90"] == {"classes": list(of_90), "size": len(of_90)}


def inside(*held):
    return np.array([[code in held for code in CODES]])


@pytest.mark.parametrize(
    ("rule", "held", "wide"),
    [
        (WideSetRule(None, None), CODES, False),
        (WideSetRule(None, None), (), True),
        (WideSetRule(3, None), ("MEL", "NV"), False),
        (WideSetRule(3, None), ("MEL", "NV", "DF"), True),
        (WideSetRule(None, 2), ("MEL", "BCC", "AKIEC"), False),  # three cancer classes alone say something
        (WideSetRule(None, 2), ("MEL", "BCC", "NV"), True),
        (WideSetRule(None, 2), ("MEL", "NV", "BKL", "DF"), False),
        (WideSetRule(4, 2), ("MEL", "NV", "BKL", "DF"), True),
    ],
)
def test_when_a_set_says_nothing_useful(rule, held, wide):
    assert rule.holds(inside(*held), CANCER).tolist() == [wide]


def test_the_set_at_90_decides():
    assert sets(wide=(3, None)).of(PROBABILITY, with_details=False).is_wide
    assert not sets(wide=(4, None)).of(PROBABILITY, with_details=False).is_wide


def test_metadata_that_lacks_something():
    for spoilt in (
        {},
        metadata(photo=2),
        metadata(photo=float("nan")),
        metadata(wide=(0, None)),
        metadata(wide=(True, None)),
        metadata() | {"operating_point": {}},
        metadata() | {"prediction_sets": metadata()["prediction_sets"] | {PHOTO_AND_DETAILS: {"90": {}}}},
        metadata() | {"prediction_sets": "none"},
    ):
        with pytest.raises(BundleError, match="restore the bundle"):
            PredictionSets.from_metadata(spoilt, "ham10000")


@pytest.mark.parametrize(
    ("refused", "concern", "vetoed", "highest", "clear", "status"),
    [
        (True, True, True, 0.0, 0.5, "refused"),
        (False, True, True, 0.0, 0.5, "higher_concern"),
        (False, True, False, 0.0, 0.5, "higher_concern"),
        (False, False, True, 0.0, 0.5, "uncertain"),
        (False, False, False, 0.49, 0.5, "no_cancer_class"),
        (False, False, False, 0.5, 0.5, "uncertain"),  # below, not at
        (False, False, False, math.nan, 0.5, "uncertain"),
        (False, False, False, 0.0, None, "uncertain"),  # never earned
        (False, False, False, 0.0, 0.0, "uncertain"),
    ],
)
def test_the_rule_for_one_photo_and_for_many(refused, concern, vetoed, highest, clear, status):
    assert decide_status(highest, clear, refused=refused, concern=concern, vetoed=vetoed) == status
    many = [np.array([value] * 3) for value in (refused, concern, vetoed)]
    assert list(decide_statuses(*many, np.array([highest] * 3), clear)) == [status] * 3


def test_statuses_are_counted_with_those_that_no_photo_has():
    statuses = np.array(["uncertain", "refused", "uncertain"])
    assert count_statuses(statuses) == {
        "n": 3,
        "higher_concern": 0,
        "no_cancer_class": 0,
        "uncertain": 2,
        "refused": 1,
    }


def test_thresholds_are_reached_at_their_value():
    thresholds = StatusThresholds(cancer=0.5, melanoma=0.25, clear=None)
    assert thresholds.reached(0.5, 0.25) == ("cancer_threshold", "melanoma_threshold")
    assert thresholds.reached(0.49, 0.24) == ()


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, ()),
        ({"dermatoscope": None}, ("dermatoscope",)),
        ({"dermatoscope": False}, ("phone_photo",)),
        ({"findings": Findings((), (), True, False, 0.5, 0.0)}, ("phone_photo",)),
        ({"findings": Findings((), (), False, True, 0.5, 0.0)}, ("unlike_training",)),
        ({"findings": Findings((), ("hair", "dark"), False, False, 0.5, 0.0)}, ("hair", "dark")),
        ({"details": Details(changing=True)}, ("changing",)),
        ({"details": Details(changing=False)}, ()),
        ({"details": Details(site="palms/soles")}, ("acral_or_mucosal",)),
        ({"details": Details(site="oral/genital")}, ("acral_or_mucosal",)),
        ({"details": Details(site="torso")}, ()),
        ({"details": Details(unread=("age",))}, ("age_unread",)),
        ({"rare": ("age_rare", "site_rare")}, ("age_rare", "site_rare")),
        ({"is_wide": True, "fits_none": True}, ("wide_set", "none_of_classes")),
    ],
)
def test_doubts(changes, codes):
    assert find_doubts(**({"findings": NO_FINDINGS, "details": Details()} | UNSEEN | changes)) == codes


@pytest.fixture
def predictor(make_bundle):
    return lambda clear=0.1, **changes: Predictor(
        load_bundle(make_bundle(thresholds={"cancer": 1, "melanoma": 1, "clear": clear}, **changes))
    )


@pytest.mark.parametrize(
    ("clear", "status", "reasons"),
    [
        (LIME + 1e-6, "no_cancer_class", ()),
        (LIME - 1e-6, "uncertain", ("not_clear",)),
        (None, "uncertain", ("not_clear",)),
    ],
)
def test_the_all_clear_has_to_be_earned(predictor, clear, status, reasons):
    answer = predictor(clear).answer(photo("lime"), dermatoscope=True)
    assert (answer.status, answer.reasons) == (status, reasons)


@pytest.mark.parametrize("code", [*QUALITY_REASONS, "phone_photo"])
def test_each_finding_forbids_the_all_clear(predictor, monkeypatch, code):
    model = predictor()
    phone = code == "phone_photo"
    findings = Findings((), () if phone else (code,), phone, False, 0.5, 0.0)
    monkeypatch.setattr(model, "_checks", SimpleNamespace(of=lambda *_: findings))
    answer = model.answer(photo("lime"), dermatoscope=True)
    assert (answer.status, answer.reasons) == ("uncertain", (code,))


@pytest.mark.parametrize(
    ("details", "dermatoscope", "reasons"),
    [
        (Details(changing=True), True, ("changing",)),
        (Details(), None, ("dermatoscope",)),
        (Details(), False, ("phone_photo",)),
        (Details(age=5), True, ("age_rare",)),
        (Details(site="oral/genital"), True, ("acral_or_mucosal",)),
        (Details(site="palms/soles"), True, ("site_rare", "acral_or_mucosal")),
    ],
)
def test_each_answer_of_the_form_forbids_the_all_clear(predictor, details, dermatoscope, reasons):
    answer = predictor().answer(photo("lime"), details, dermatoscope=dermatoscope)
    assert (answer.status, answer.reasons) == ("uncertain", reasons)


def test_doubt_hides_no_concern(make_bundle):
    model = Predictor(load_bundle(make_bundle()))
    answer = model.answer(photo("red"), Details(changing=True), dermatoscope=False)
    assert answer.status == "higher_concern"
    assert answer.reasons == ("cancer_threshold", "melanoma_threshold", "changing", "phone_photo")


def test_details_cannot_make_a_photo_clear(predictor):
    """Black: MEL has e^0 of seven. Age 25 takes half of (50 - 25) / 25 from its logit: (e^-0.5 + 2) / (e^-0.5 + 6) = .395."""
    with_details = (math.exp(-0.5) + 2) / (math.exp(-0.5) + 6)
    model = predictor(clear=(with_details + BLACK) / 2)
    answer = model.answer(photo("black"), Details(age=25), dermatoscope=True)
    assert answer.cancer_probability == pytest.approx(with_details, abs=1e-6)
    assert (answer.status, answer.reasons) == ("uncertain", ("not_clear",))


def red_corner(column: int, row: int) -> bytes:
    """A lime square of 100 pixels whose corner of 30 pixels is red."""
    return painted(100, 100, {(column * 70, row * 70, column * 70 + 30, row * 70 + 30): "red"})


@pytest.mark.parametrize(("column", "row"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_each_of_the_four_frames_can_decide(predictor, column, row):
    """The red corner is 9 % of the photo, 11.1 % of the frame at that corner, and less of the three others.

    NV has e^(5 * share of lime), MEL e^(5 * share of red): (e^.45 + 2) / (e^4.55 + e^.45 + 5) = .0364 in the photo,
    (e^.556 + 2) / (e^4.444 + e^.556 + 5) = .0408 in that frame. Resizing gives outer pixels a little less weight.
    """
    answer = predictor(clear=0.0375).answer(red_corner(column, row), dermatoscope=True)
    assert answer.cancer_probability == pytest.approx(0.0358, abs=8e-4)
    assert (answer.status, answer.reasons) == ("uncertain", ("not_clear", "frame_sensitive"))


def test_the_four_frames_are_those_of_the_crop(predictor):
    """The crop's left half is lime, as is the whole of each of its frames; the right half of the photo is red."""
    data = painted(100, 50, {(50, 0, 100, 50): "red"})
    answer = predictor(clear=0.1).answer(data, crop=Crop(0, 0, 0.9), dermatoscope=True)
    assert (answer.status, answer.reasons) == ("no_cancer_class", ())


@pytest.mark.parametrize(
    ("details", "dermatoscope", "clear", "runs"),
    [
        (Details(), True, 0.1, 5),  # the frame and the four at its corners
        (Details(age=25), True, 0.1, 10),
        (Details(), True, 0.001, 1),  # the first frame is not clear
        (Details(age=25), True, 0.001, 2),
        (Details(), None, 0.1, 1),  # a veto
        (Details(), True, None, 1),
    ],
)
def test_frames_are_computed_only_where_the_first_leaves_the_answer_open(
    predictor, details, dermatoscope, clear, runs
):
    model = predictor(clear)
    session, asked = model._session, []
    model._session = SimpleNamespace(run=lambda *given: asked.append(given[0]) or session.run(*given))
    model.answer(photo("lime"), details, dermatoscope=dermatoscope)
    assert len(asked) == runs


@pytest.mark.parametrize("task", ["isic2019", "isic2020"])
def test_the_rule_holds_for_all_tasks(tmp_path, task):
    model = Predictor(load_bundle(make_tiny_bundle(tmp_path / task, task=task)))
    clear, concern = (model.answer(photo(colour), dermatoscope=True) for colour in ("lime", "red"))
    assert (clear.status, clear.reasons) == ("no_cancer_class", ())
    assert concern.status == "higher_concern"
    assert model.answer(photo("lime")).reasons == ("dermatoscope",)


@pytest.mark.parametrize("clear", [-0.1, 1.1, "0.1", True])
def test_a_threshold_that_is_no_probability_makes_the_bundle_invalid(tmp_path, clear):
    folder = make_tiny_bundle(tmp_path / "tiny")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["thresholds"]["clear"] = clear
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(folder)
    with pytest.raises(BundleError, match=r"thresholds\.clear must be a number from 0 to 1"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("colour", "details", "dermatoscope", "frames"),
    [
        ("lime", Details(), True, 1),  # all-clear
        ("red", Details(), True, 0),  # not clear in the first frame
        ("lime", Details(changing=True), True, 0),
        ("lime", Details(), None, 0),
    ],
)
def test_the_other_frames_are_read_only_where_the_first_leaves_the_all_clear_open(
    predictor, monkeypatch, colour, details, dermatoscope, frames
):
    read = []
    monkeypatch.setattr(
        predictor_module, "read_corner_frames", lambda *file: read.append(file) or read_corner_frames(*file)
    )
    answer = predictor().answer(photo(colour), details, dermatoscope=dermatoscope)
    assert len(read) == frames
    assert (answer.status == "no_cancer_class") is bool(frames)
