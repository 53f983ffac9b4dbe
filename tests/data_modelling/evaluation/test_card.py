import json
import re
from pathlib import Path

import pytest

from data_modelling.evaluation import card as card_module
from data_modelling.evaluation.card import card
from data_modelling.evaluation.clear_derm import ITEMS

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


def read(bundle: Path) -> tuple[dict, dict]:
    metadata, values = (json.loads((bundle / name).read_text()) for name in ("metadata.json", "metrics.json"))
    return metadata, values


def test_the_headings_are_those_of_a_model_card_in_their_order(smoke_run: Path) -> None:
    headings = re.findall("^## (.*)$", card(*read(smoke_run)), re.MULTILINE)
    assert tuple(headings[: len(MODEL_CARD)]) == MODEL_CARD
    text = card(*read(smoke_run))
    assert text.index("### Unitary results") < text.index("### Intersectional results")


def test_every_item_of_clear_derm_has_an_answer(smoke_run: Path) -> None:
    text = card(*read(smoke_run))
    assert len(ITEMS) == 25
    for number, item in enumerate(ITEMS, 1):
        (answer,) = re.findall(
            rf"^\| {item.part} \| {number}\. {re.escape(item.name)} \| (.+) \|$", text, re.MULTILINE
        )
        assert answer.endswith("."), answer


def test_figures_of_the_card_follow_the_json(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    values["out_of_fold"]["thresholds"]["melanoma"] |= {
        "threshold": 0.125,
        "positives": 171,
        "missed": 20,
        "negatives": 2000,
        "flagged": 300,
    }
    expected = (
        "- Melanoma, at or above 0.125: of 171 photos 20 missed; of 2,000 others 300 flagged (150 of 1,000)."
    )
    assert expected in card(metadata, values)


def test_without_other_sources_or_the_locked_test_the_card_says_so(smoke_run: Path) -> None:
    text = card(*read(smoke_run))
    assert "The locked test has not been opened for this bundle." in text
    assert "This bundle was not measured on other sources' photos." in text
    assert "### Fold models and the served one" not in text


def test_every_plot_that_the_card_shows_is_there(smoke_run: Path) -> None:
    shown = re.findall(r"\]\((plots/\w+\.png)\)", card(*read(smoke_run)))
    assert len(shown) >= 7
    assert all((smoke_run / name).is_file() for name in shown)


def test_a_section_is_a_line_and_without_lines_left_out(
    smoke_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = (("## New", lambda _, values: [str(values["out_of_fold"]["photos"])]), ("## Empty", lambda *_: []))
    monkeypatch.setattr(card_module, "SECTIONS", (*card_module.SECTIONS, *more))
    metadata, values = read(smoke_run)
    text = card(metadata, values)
    assert text.endswith(f"\n\n## New\n\n{values['out_of_fold']['photos']}\n")


def test_a_source_of_which_nothing_is_known_gets_no_claim(smoke_run: Path) -> None:
    metadata, values = read(smoke_run)
    metadata["data"]["sources"] = ["a new one"]
    text = card(metadata, values)
    assert "a new one: nothing is on record here" in text
    assert "Vienna" not in text
