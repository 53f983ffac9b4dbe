"""Holds the facts that model cards and pages show about each source (collection) of photos."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Key of metadata.json: the sources that trained an ensemble but are not in data.sources; they cannot test the ensemble.
ALSO_LEARNED_FROM = "also_learned_from"
OWN_FACTS = "source_facts"  # key in `data` of metadata.json; its value has the facts of sources that SOURCE_FACTS lacks
# The start of a publication's address, by the prefix of its identifier (a DOI or an arXiv number).
RESOLVERS = {"doi:": "https://doi.org/", "arXiv:": "https://arxiv.org/abs/"}


@dataclass(frozen=True)
class SourceFacts:
    """Hold the facts about one source.

    origin: where the photos come from. labels: how the diagnoses were found. skin: what is known about the patients'
    skin. ethics: consent and approval. cite: the publication, with its identifier last. licence: the photos' licence.
    has_skin_types: whether some photos have a skin-type label.
    """

    origin: str
    labels: str
    skin: str
    ethics: str
    cite: str
    licence: str = ""
    has_skin_types: bool = False

    @property
    def published(self) -> tuple[str, str, str] | None:
        """Return authors and year, identifier, and the identifier's address; None if `cite` has no known identifier."""
        authors, _, identifier = self.cite.rpartition(", ")
        for prefix, resolver in RESOLVERS.items():
            if identifier.startswith(prefix):
                return authors, identifier, resolver + identifier.removeprefix(prefix)
        return None


SOURCE_FACTS = {
    name: SourceFacts(**facts)
    for name, facts in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
_NOTHING = "nothing is on record here"
_NO_FACTS = SourceFacts(_NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING)


def training_sources(metadata: dict[str, Any]) -> list[str]:
    """Return the sources of a bundle's training: those of its data set, its extra sets, and ALSO_LEARNED_FROM."""
    own = metadata.get("data", {}).get("sources", [])
    sources = [*own, *metadata.get("more", {}), *metadata.get(ALSO_LEARNED_FROM, [])]
    return list(dict.fromkeys(map(str, sources)))


def facts_by_source(metadata: dict[str, Any]) -> dict[str, SourceFacts]:
    """Return the facts of each training source by name: from the metadata, SOURCE_FACTS or _NO_FACTS, in this order."""
    own = {
        name: SourceFacts(**values) for name, values in metadata.get("data", {}).get(OWN_FACTS, {}).items()
    }
    return {name: own.get(name) or SOURCE_FACTS.get(name, _NO_FACTS) for name in training_sources(metadata)}
