"""What to do next, for each status: the head of a card, and the card itself (docs/wording.md names the sources)."""

from dataclasses import dataclass

from app.http.languages import mark_message
from data_modelling.inference.predictor import Answer
from data_modelling.inference.status import CHANGING, HIGHER_CONCERN, NO_CANCER_CLASS, REFUSED, UNCERTAIN

SEE_NOW = mark_message(
    "If it is new, changing, bleeding or worries you, see a doctor now, whatever this says."
)
WHOM = mark_message("A dermatologist, or a family doctor (GP), who can send you to a specialist.")
BRING = mark_message(
    "A print of this page, and older photos of the spot. Note how long it has been there, how it has "
    "changed, and skin cancers in your family."
)
GO_NOW = mark_message(
    "Go now if it changes, itches, hurts or bleeds, or if a sore does not heal in four weeks."
)
GO_WITHIN_DAYS = mark_message("Go within days if it grows quickly, bleeds or has become an open sore.")


@dataclass(frozen=True)
class NextStep:
    """Hold messages to translate. action: the head of the card, with a time and a person."""

    action: str
    what: str
    quickly: str
    sooner: str
    whom: str = WHOM
    bring: str = BRING


NEXT_STEPS = {
    HIGHER_CONCERN: NextStep(
        action=mark_message("Call a family doctor or dermatologist today. Ask to be seen within two weeks."),
        what=mark_message(
            "Say that you are worried about skin cancer, and have the spot looked at with a dermatoscope. Only a doctor can "
            "find out what it is, often by removing it and looking at it under a microscope."
        ),
        quickly=mark_message("Call today, and be seen within two weeks."),
        sooner=GO_WITHIN_DAYS,
    ),
    NO_CANCER_CLASS: NextStep(
        action=mark_message(
            "Show the spot to a family doctor or dermatologist at your next visit, within three months. Look at it once a "
            "month until then."
        ),
        what=mark_message(
            "Compare the spot with this photo once a month: its size, its shape and its colours. The model misses cancers, so "
            "it cannot replace a doctor's look."
        ),
        quickly=mark_message("At your next visit, within three months."),
        sooner=GO_NOW,
    ),
    UNCERTAIN: NextStep(
        action=mark_message("Have a family doctor or dermatologist look at the spot within four weeks."),
        what=mark_message(
            "The model gives no result for this photo. That says nothing about the spot, neither good "
            "nor bad. Have a doctor look at it."
        ),
        quickly=mark_message("Within four weeks."),
        sooner=GO_NOW,
    ),
    CHANGING: NextStep(
        action=mark_message(
            "You said that it is new, changing, itching or bleeding: see a family doctor or dermatologist this week."
        ),
        what=mark_message(
            "Say what has changed and since when, and have the spot looked at with a dermatoscope. A change counts more than "
            "any number on this page."
        ),
        quickly=mark_message("Call today, and be seen this week."),
        sooner=GO_WITHIN_DAYS,
    ),
    REFUSED: NextStep(
        action=mark_message(
            "Have a family doctor or dermatologist look at the spot within four weeks. They need no photo."
        ),
        what=mark_message(
            "The photo was not analysed. That says nothing about the spot, neither good nor bad. Have a doctor look at it."
        ),
        quickly=mark_message("Within four weeks."),
        sooner=GO_NOW,
        bring=mark_message(
            "Older photos of the spot. Note how long it has been there and how it has changed."
        ),
    ),
}


def next_step(answer: Answer) -> NextStep:
    """Return the step for the status; without a result, a reported change of the spot has its own step."""
    is_changing = answer.status == UNCERTAIN and CHANGING in answer.reasons
    return NEXT_STEPS[CHANGING if is_changing else answer.status]
