"""Test the four texts of the next step, and that docs/wording.md has them beside the advice that they follow."""

import re
from types import SimpleNamespace

import pytest

from app.answer.next_steps import NEXT_STEPS, SEE_NOW, next_step
from tests.conftest import PROJECT

FORBIDDEN = re.compile(
    r"nothing to worry|ruled out|nothing has to be done|no need|harmless|try again|better photo",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    ("status", "reasons", "key"),
    [
        ("higher_concern", ("changing",), "higher_concern"),
        ("uncertain", ("changing", "phone_photo"), "changing"),
        ("uncertain", ("phone_photo",), "uncertain"),
        ("no_cancer_class", (), "no_cancer_class"),
    ],
)
def test_the_step_of_an_answer(status, reasons, key):
    assert next_step(SimpleNamespace(status=status, reasons=reasons)) is NEXT_STEPS[key]


@pytest.mark.parametrize("step", NEXT_STEPS.values(), ids=NEXT_STEPS)
def test_each_step_names_a_time_and_a_person_and_gives_no_false_comfort(step):
    texts = (step.action, step.what, step.whom, step.quickly, step.bring, step.sooner)
    assert re.search(r"doctor|dermatologist", step.action)
    assert re.search(r"today|week|weeks|months", step.action)
    assert [text for text in texts if FORBIDDEN.search(text)] == []


def test_the_document_has_every_text():
    document = " ".join((PROJECT / "docs" / "wording.md").read_text().split())
    for step in NEXT_STEPS.values():
        for text in (step.action, step.what, step.whom, step.quickly, step.bring, step.sooner):
            assert text in document
    assert SEE_NOW in document
