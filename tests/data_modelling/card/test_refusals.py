from data_modelling.card.model_card import render_card_part
from data_modelling.metrics.bootstrap import refused_share


def test_without_measurements_it_says_that_nothing_was_measured() -> None:
    assert "not been measured" in render_card_part("refusals", {})


def test_every_measured_part_is_told_with_its_figures() -> None:
    values = {
        "gate": refused_share(2, 100) | {"folds": {"0": refused_share(2, 100)}},
        "foreign": {
            "held_out": refused_share(21, 24),
            "kinds": [
                {"kind": "cats", "judged": True} | refused_share(19, 20),
                {"kind": "faces", "judged": False} | refused_share(2, 4),
            ],
        },
        "gate_elsewhere": {"clinics": [{"clinic": "BCN", "diagnosis": "MEL"} | refused_share(3, 100)]},
    }
    text = render_card_part("refusals", values)
    assert "2 of 100 out-of-fold lesion photos" in text
    assert "| cats | 20 | 19 |" in text
    assert "| faces (too few to judge) | 4 | 2 |" in text
    assert "| BCN | MEL | 100 | 3.0 %" in text


def test_the_card_says_how_often_a_status_changes_with_the_file() -> None:
    rendering = {"photos": 1000, "changed": 206, "share": 0.206, "interval": [0.182081, 0.232169]}
    text = render_card_part("refusals", {"rendering": rendering | {"melanomas_cleared": 0}})
    assert "206 photos then get another status than before: 20.6 % [18.2 %, 23.2 %]." in text
    assert "No melanoma changes from" in text
    text = render_card_part("refusals", {"rendering": rendering | {"melanomas_cleared": 2}})
    assert "2 melanomas change from" in text
