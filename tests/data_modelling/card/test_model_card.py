import json
import re
from pathlib import Path
from typing import Any

from data_modelling.card.model_card import (
    card_text,
    has_other_shares,
    render_card_part,
    results_text,
    summary_text,
    target_text,
)
from tests.clinic_metrics import CLINICS, STATUSES

# Mitchell et al. 2019, arXiv:1810.03993, figure 1.
MODEL_CARD = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)

ROW = {
    "date": "2026-11-21",
    "bundle": "ham10000",
    "version": "1.0.0",
    "model_sha256": "a" * 64,
    "metadata_sha256": "b" * 64,
    "reason": "release | first",
}


def read(bundle: Path) -> tuple[dict, dict]:
    metadata, values = (json.loads((bundle / name).read_text()) for name in ("metadata.json", "metrics.json"))
    return metadata, values


def test_the_headings_are_those_of_a_model_card_in_their_order(smoke_run: Path) -> None:
    headings = re.findall("^## (.*)$", card_text(*read(smoke_run)), re.MULTILINE)
    assert tuple(headings[: len(MODEL_CARD)]) == MODEL_CARD
    text = card_text(*read(smoke_run))
    assert text.index("### Unitary results") < text.index("### Intersectional results")


def test_every_item_of_clear_derm_has_an_answer(smoke_run: Path) -> None:
    text = card_text(*read(smoke_run))
    parts = "data|technique|technical assessment|application"
    items = re.findall(rf"^\| (?:{parts}) \| (\d+)\. \w[^|]+ \| (.+) \|$", text, re.MULTILINE)
    assert [int(number) for number, _ in items] == list(range(1, 26))
    assert [answer for _, answer in items if not answer.endswith(".")] == []


def test_figures_of_the_card_follow_the_json(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    values["out_of_fold"]["thresholds"]["melanoma"] |= {
        "threshold": 0.125,
        "positives": 171,
        "missed": 20,
        "negatives": 2000,
        "flagged": 300,
    }
    expected = "| melanoma, in use | 0.125 | 20 of 171 | 300 of 2,000 | 150 |"
    assert expected in card_text(metadata, values)


def test_without_other_sources_or_the_locked_test_the_card_says_so(smoke_run: Path) -> None:
    text = card_text(*read(smoke_run))
    assert "The locked test has not been opened for this bundle." in text
    assert text.count("This bundle was not measured on photos of further sources.") == 1
    assert "### Fold networks and the served network" not in text


def test_every_plot_that_the_card_shows_is_there(smoke_run: Path) -> None:
    shown = re.findall(r"\]\((plots/\w+\.png)\)", card_text(*read(smoke_run)))
    assert len(shown) >= 7
    assert all((smoke_run / name).is_file() for name in shown)


def test_a_source_of_which_nothing_is_known_gets_no_claim(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    metadata["data"]["sources"] = ["a new one"]
    text = card_text(metadata, values)
    assert "| a new one | nothing is on record here | nothing" in text
    assert "Vienna" not in text


def test_the_text_of_a_source_stands_once(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    metadata["data"]["sources"] = ["HAM10000"]
    text = card_text(metadata, values)
    for words in ("Vienna, Austria", "darker skin is hardly in it", "doi:10.1038/sdata.2018.161"):
        assert text.count(words) == 1


def test_the_record_shows_which_hash_belongs_to_which_opening(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    values["openings"] = {"rows": [ROW, ROW | {"model_sha256": "c" * 64}], "as_opened": True}
    text = card_text(metadata, values)
    first = "| 1 | 2026-11-21 | ham10000 1.0.0 | `aaaaaaaaaaaa` | `bbbbbbbbbbbb` |"
    second = first.replace("| 1 |", "| 2 |").replace("a" * 12, "c" * 12)
    assert f"{first}\n{second}\n" in text


def test_targets_are_met_missed_or_not_yet_known(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    target = {"input": "photo", "figure": "macro_auc", "value": 0.9, "limit": [0.8, 0.95]}
    target["name"] = "locked_interval_contains_out_of_fold"
    values["bars"] = [target | {"met": met} for met in (True, False, None)]
    text = card_text(metadata, values)
    row = "| out-of-fold macro AUC inside the locked test's interval [.800, .950] | photo alone | .900 | "
    words = ("yes", "**no**", "not known before the locked test is opened")
    assert "\n".join(f"{row}{word} |" for word in words) in text
    unknown = target | {"value": None, "limit": None}
    assert target_text(unknown) == "out-of-fold macro AUC inside the locked test's interval"
    error = unknown | {
        "name": "locked_calibration_error_within_chance",
        "figure": "expected_calibration_error",
    }
    assert target_text(error) == "ECE on the locked test below the chance limit"
    assert target_text(error | {"limit": 0.03}) == "ECE on the locked test below the chance limit .030"


def test_clinic_groups_are_the_headline_and_the_left_out_column_says_what_it_is(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    text = card_text(metadata, values | {"clinics": CLINICS})
    lines = text.splitlines()
    assert lines[0] == f"# smoke {metadata['version']}"
    assert lines[2] == "The [glossary](../../../docs/glossary.md) explains the terms."
    assert lines[4].startswith("The first table shows how good the answers are at a new clinic")
    assert lines[6].startswith(
        "| clinic group | photos (melanomas) | melanoma AUC: new clinic (left out whole) |"
    )
    assert lines[8].startswith("| Barcelona | 11,000 (2,200) | too few to say | .812 [.750, .875] |")
    assert lines[9].startswith("| phones | 405 (16) | not left out | too few to say | not left out | .812 [")
    assert "| Barcelona | new clinic (left out whole) | .812 [.750, .875] | too few" in text
    assert "| phones | new clinic" not in text
    assert "| Barcelona | known clinic (out-of-fold) | too few to say | too few to say |" in text
    assert (
        "The network that was trained without Barcelona learned from only 21.0 % of all training photos."
        in text
    )
    assert "trained without phones" not in text
    assert results_text(metadata, values | {"clinics": CLINICS}).startswith(lines[4])


def test_a_clinic_that_trained_no_network_is_said_to_test_the_served_one() -> None:
    def text(teachers: list[str], **facts: float) -> str:
        metadata = {"settings": {"training": {"teachers": teachers}}, "data": {"sources": ["HAM10000"]}}
        return render_card_part("clinics", {"clinics": [CLINICS[0] | facts]}, metadata=metadata)

    with_teachers = text(["a.toml"], share_learned=1.0)
    assert "so its row tests the served network itself, which had teachers." in with_teachers
    assert "(the network of the app), without teachers." in with_teachers
    without = text([], share_learned=1.0)
    assert (
        "- **Barcelona**: no network learned from this group, so its row tests the served network itself."
        in without
    )
    assert "teachers" not in without
    assert "no network learned" not in text([])


def test_classes_without_a_bar_get_no_sentence_about_it_and_none_above_it_is_said() -> None:
    values = {"clinics": CLINICS, "clear_threshold": []}
    below = {"clinic": "BCN", "class": "BCC", "n": 100}
    below |= {"higher_concern": 95, "uncertain": 5, "no_cancer_class": 0, "refused": 0}
    metadata: dict[str, dict[str, Any]] = {"settings": {"training": {}}, "data": {"sources": ["HAM10000"]}}
    text = render_card_part("clinics", values | {"status_by_class": [below]}, metadata=metadata)
    assert "All clinic groups with at least 50 photos of such a class stay within its limit." in text
    without = render_card_part("clinics", values | {"status_by_class": STATUSES[:1]}, metadata=metadata)
    assert "We accept" not in without


def test_the_card_says_how_each_class_is_answered_and_what_is_above_our_bar(
    smoke_run: Path,
) -> None:
    """Twelve of 100 basal cell carcinomas are above the bar of 10 %; 40 photos are too few to say."""
    metadata, values = read(smoke_run)
    clear = [
        {"clinic": "BCN", "melanoma_lesions": 180, "own_threshold": 0.02, "cleared": 2, "share": 0.011}
        | {"bound": 0.03, "moles": 500, "cleared_moles": 0.25},
        {"clinic": "PAD", "melanoma_lesions": 16, "own_threshold": None, "cleared": 0, "share": 0.0}
        | {"bound": 0.17, "moles": 80, "cleared_moles": 0.5},
    ]
    text = card_text(
        metadata, values | {"clinics": CLINICS, "status_by_class": STATUSES, "clear_threshold": clear}
    )
    assert "| BCN | MEL | 200 | 2.0 % | 80.0 % | 15.5 % | 2.5 % |" in text
    assert "for at most 10.0 % of the BCC photos. Most lesions" in text
    assert "photos of the class, these are above its limit: BCC of BCN.\n" in text
    assert "needs a score below .020." in text
    assert "A further clinic may be worse than the one tested, with a chance of about 1 in 2." in text
    assert "| PAD | 16 | none: too few lesions | 0 | 0.0 % | 17.0 % | 50.0 % |" in text


def test_without_clinic_groups_there_is_no_such_table(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    assert "| clinic group |" not in card_text(metadata, values)
    assert results_text(metadata, values).startswith("| photos | input |")
    assert render_card_part("clinics", {}).strip() == ""


def test_the_short_table_has_a_row_for_each_clinic_group(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    lines = summary_text(metadata, values | {"clinics": CLINICS}).splitlines()
    assert lines[0].startswith("| clinic group | photos (melanomas) | melanoma AUC: clinic left out |")
    assert lines[2].startswith("| Barcelona | 11,000 (2,200) | too few to say | .812 [.750, .875] |")
    assert lines[3].startswith("| phones | 405 (16) | not left out | too few to say |")
    assert lines[4] == ""


def test_without_clinic_groups_the_short_table_has_a_row_for_each_set_of_photos(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    other = {"photos": 405, "phone": True, "learned_from": False, "photo": {"melanoma_auc": 0.75}}
    other["photo"]["melanoma_auc_interval"] = [0.5, 0.875]
    lines = summary_text(metadata, values | {"elsewhere": {"PAD_UFES_20": other}}).splitlines()
    parts = [part for part in ("out_of_fold", "locked_test") if part in values]
    melanoma = values["out_of_fold"]["photo"]["classes"]["MEL"]["auc"]
    assert f"| yes | {melanoma:.3f}".replace(" 0.", " .") in lines[2]
    assert lines[2 + len(parts)] == "| PAD_UFES_20 (phone), 405 | no | .750 [.500, .875] | - | - |"


def test_a_model_for_other_class_shares_than_those_of_its_photos_is_recognised() -> None:
    data = {"counts": {"MEL": 40, "NV": 60, "UNK": 0}}
    assert has_other_shares({"MEL": 0.1, "NV": 0.9}, data)
    assert not has_other_shares({"MEL": 0.36, "NV": 0.54, "UNK": 0.1}, data)
    assert not has_other_shares({}, data)


def test_the_card_says_for_which_class_shares_the_choices_were_made(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    own = "The probabilities are calibrated for the class shares of the data set's own photos."
    assert own in card_text(metadata, values)
    metadata["reference_shares"] = dict.fromkeys(metadata["reference_shares"], 1 / len(metadata["classes"]))
    text = card_text(metadata, values)
    assert own not in text
    assert "The photos were weighted: each clinic group had the same total weight" in text


def test_a_reference_with_the_shares_of_the_own_photos_lets_further_photos_take_part(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    further = 'chosen on these photos. The further photos under "Training data" took part, too.'
    assert further not in card_text(metadata, values)
    metadata["more"] = {"PAD_UFES_20": {"photos": 5, "counts": {"NV": 5}}}
    assert further not in card_text(metadata, values)
    metadata["settings"]["reference"] = "HAM10000"
    assert further in card_text(metadata, values)


def test_each_other_source_has_a_row_with_its_errors_and_refusals(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    photo: dict[str, Any] = {"mean_confidence": 0.75, "may_become_cancer": {"photos": 8, "flagged": 7}}
    photo["thresholds"] = {"cancer": {"missed": 6, "positives": 15, "flagged": 9, "negatives": 20}}
    refused = {"share": 0.25, "interval": [0.125, 0.5]}
    other: dict[str, Any] = {"photos": 40, "phone": True, "learned_from": False, "benign_at_most": 20}
    other |= {"photo": photo, "both": photo, "checks": {"refused": refused}}
    text = card_text(metadata, values | {"elsewhere": {"PAD_UFES_20": other}})
    row = "| PAD_UFES_20 (phone) | 40 | 6 of 15 | 9 of 20 | 7 of 8 | - | 25.0 % [12.5 %, 50.0 %] |"
    assert row in text
    assert "- Other sources: 40 photos of PAD_UFES_20. We left out" in text
    assert "its benign photos; we used at most 20 of them" in text


def test_of_phone_photos_only_those_that_trained_nothing_are_an_external_test(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    learned, unseen = ({"phone": True, "learned_from": is_learned} for is_learned in (True, False))
    metadata["more"] = {"learned": {}}
    values |= {"clinics": CLINICS, "elsewhere": {"learned": learned, "unseen": unseen}}
    text = render_card_part("clear_derm", values, metadata=metadata, sources={})
    answer = 'Clinic groups that were left out whole: see the first table. unseen: see "Other sources".'
    assert f"| data | 12. external test | {answer} |" in text
    assert 'The phone photos of unseen were measured, too: see "Other sources".' in text
    assert "photos of learned" not in text
