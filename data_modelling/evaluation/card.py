"""The card of a bundle (its README.md), from the bundle's JSON alone; no figure is typed by hand."""

import re
from pathlib import Path
from typing import Any

from data_modelling.evaluation import card_sections as sections
from data_modelling.evaluation.card_doubt import doubt_section
from data_modelling.evaluation.card_refusals import refusal_section
from data_modelling.evaluation.card_sections import Section
from data_modelling.evaluation.clear_derm import clear_derm
from data_modelling.evaluation.melanoma import melanoma_section
from data_modelling.evaluation.shortcut_text import details_section, shortcut_section
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.rejection.unknown import unknown_section

# Heading and section in their order; a section without lines is left out. A new one is a line here.
SECTIONS: tuple[tuple[str, Section], ...] = (
    ("## Model details", sections.model_details),
    ("## Intended use", sections.intended_use),
    ("## Factors", sections.factors),
    ("## Metrics", sections.metric_choices),
    ("## Evaluation data", sections.evaluation_data),
    ("## Training data", sections.training_data),
    ("## Quantitative analyses", sections.all_results),
    ("### Melanoma or not", melanoma_section),
    ("### What was to be reached", sections.bars),
    ("### Each class, photo alone", sections.classes),
    ("### What age, sex and site do", lambda _, values: details_section(values["out_of_fold"])),
    ("### What the network looks at", lambda _, values: shortcut_section(values)),
    ("### What the thresholds cost", sections.thresholds),
    ("### How sure: prediction sets, and when there is no answer", doubt_section),
    ("### None of the classes", unknown_section),
    ("### Photos that are refused or doubted", refusal_section),
    ("### Calibration and certainty", sections.calibration),
    ("### Fold models and the served one", sections.fit_to_served),
    ("### Other sources", sections.other_sources),
    ("### Unitary results", sections.unitary_results),
    ("### Intersectional results", sections.intersectional_results),
    ("## Ethical considerations", sections.ethical_considerations),
    ("## Caveats and recommendations", sections.caveats),
    ("## CLEAR Derm", clear_derm),
    ("## Files", sections.files),
)


def write_card(path: Path, metadata: dict[str, Any], values: dict[str, Any]) -> None:
    """Write the card; every figure is from metadata.json and metrics.json."""
    with replaced_when_whole(path) as temporary:
        temporary.write_text(card(metadata, values))


def card(metadata: dict[str, Any], values: dict[str, Any]) -> str:
    """The card as text."""
    blocks = [f"# {metadata['name']} {metadata['version']}"]
    for heading, section in SECTIONS:
        if lines := section(metadata, values):
            blocks += [heading, "\n".join(lines)]
    return "\n\n".join(blocks) + "\n"


def update_block(path: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->` in a markdown file."""
    old = path.read_text()
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    if not pattern.search(old):
        raise InputError(
            f"{path} has no block <!-- {name} --> ... <!-- /{name} -->; put one where the table belongs."
        )
    with replaced_when_whole(path) as temporary:
        temporary.write_text(pattern.sub(lambda found: f"{found[1]}{text}\n{found[2]}", old))
