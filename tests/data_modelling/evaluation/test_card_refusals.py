import json

from data_modelling.evaluation.card_refusals import refusal_section
from data_modelling.inference.origin import FACTS
from data_modelling.rejection.counts import share
from data_modelling.rejection.origin import origin_figures

STEP = {"severity": 1.6, "balanced_accuracy": 0.6, "interval": [0.5, 0.7], "caught": 0.9, "refused": 0.25}


def test_without_measurements_it_says_that_nothing_was_measured() -> None:
    assert "not been measured" in "\n".join(refusal_section({}, {}))


def test_every_measured_part_is_told_with_its_figures() -> None:
    values = {
        "gate": share(2, 100) | {"folds": {"0": share(2, 100)}},
        "foreign": {
            "held_out": share(9, 10),
            "sources": {"held-out": [{"source": "cats", "kind": "things"} | share(9, 10)]},
        },
        "elsewhere": {"ISIC_2017": {"photos": 40, "checks": {"refused": share(10, 40)}}},
        "severity": {
            "unchanged": STEP | {"photos": 379, "balanced_accuracy": 0.7, "refused": 0.0, "caught": 0.04},
            "below": 0.9,
            "kinds": {
                "blur": {"unit": "sigma", "first_below": STEP},
                "dark": {"unit": "factor", "first_below": None},
            },
        },
    }
    text = "\n".join(refusal_section({}, values))
    assert "2 of 100 out-of-fold lesion photos" in text
    assert "| cats | things | held-out | 10 | 9 |" in text
    assert "ISIC_2017 25.0 %" in text
    assert "| blur | 1.6 (sigma) | .600 | 90.0 % | 25.0 % |" in text
    assert "| dark |" not in text  # no step of it takes the accuracy that low


def test_sources_that_the_gate_knows_are_named_beside_what_it_refused_of_them() -> None:
    refused = {"photos": 40, "checks": {"refused": share(2, 40)}}
    values = {"elsewhere": {"A": refused | {"learned_from": True}, "B": refused | {"learned_from": False}}}
    assert (
        "Photos of A were refused by gates that saw none of their fold, but others of the same clinics"
        in "\n".join(refusal_section({}, values))
    )


def test_the_detectors_figures_are_those_beside_their_arrays() -> None:
    judged = json.loads(FACTS.read_text())["trained_on_HAM10000"]
    text = "\n".join(refusal_section({}, origin_figures(["HAM10000"])))
    assert f"{judged['phone']['auroc']:.3f}".removeprefix("0") in text
    assert all(source in text for source in judged["without_the_source"])
    assert origin_figures(["another clinic"]) == {}
