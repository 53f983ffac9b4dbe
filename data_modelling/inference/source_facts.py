"""The facts about each source of photos that cards and pages show."""

from dataclasses import dataclass
from typing import Any

# Key of metadata.json: more sources of training photos; no network was tested on them without having seen them.
ALSO_LEARNED_FROM = "also_learned_from"
OWN_FACTS = "source_facts"  # in `data` of metadata.json: facts of sources that SOURCE_FACTS lacks
# The address of a publication, by the prefix of its identifier.
RESOLVERS = {"doi:": "https://doi.org/", "arXiv:": "https://arxiv.org/abs/"}
NO_SKIN_TYPES = "it has no skin-type labels, and we guessed none"


@dataclass(frozen=True)
class SourceFacts:
    """Hold the facts about one source.

    origin: where the photos come from. labels: how the diagnoses were found. skin: what is known about the patients'
    skin. ethics: consent and approval. cite: the publication, with its identifier last. licence: of the photos.
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
        """Return authors and year, the identifier and its address; None where there is no publication."""
        authors, _, identifier = self.cite.rpartition(", ")
        for prefix, resolver in RESOLVERS.items():
            if identifier.startswith(prefix):
                return authors, identifier, resolver + identifier.removeprefix(prefix)
        return None


SOURCE_FACTS = {
    "HAM10000": SourceFacts(
        origin="dermoscopic photos from a university clinic in Vienna, Austria, and a skin cancer practice in "
        "Queensland, Australia, taken with several devices, some scanned from slides; no photo has a record of its device",
        labels="by histopathology, follow-up, consensus of experts or confocal microscopy, as published for each photo",
        skin=f"{NO_SKIN_TYPES}; darker skin is hardly in it, so we cannot say how well the model works there",
        ethics="published by its authors with approval of their ethics boards, without names; patients are not "
        "identified, and neither are lesions of one patient",
        cite="Tschandl, Rosendahl and Kittler 2018, doi:10.1038/sdata.2018.161",
        licence="CC BY-NC 4.0",
    ),
    "ISIC_2017": SourceFacts(
        origin="dermoscopic photos of the ISIC Archive, most of them from clinics in the United States, Europe and "
        "Australia, taken with several devices",
        labels="all melanomas by histopathology; many benign lesions by consensus of experts, without a record for each photo",
        skin=NO_SKIN_TYPES,
        ethics="published by the ISIC Archive without names; patients are not identified",
        cite="Codella et al. 2018, arXiv:1710.05006",
        licence="CC-0",
    ),
    "BCN_20000": SourceFacts(
        origin="dermoscopic photos from a hospital in Barcelona, Spain",
        labels="by histopathology, follow-up or consensus of experts, without a record for each photo",
        skin=NO_SKIN_TYPES,
        ethics="published by its authors with approval of their ethics board, without names",
        cite="Combalia et al. 2019, arXiv:1908.02288",
        licence="CC BY-NC 4.0",
    ),
    "ISIC_MSK_UDA": SourceFacts(
        origin="dermoscopic photos of the ISIC Archive's collections MSK and UDA, of Memorial Sloan Kettering "
        "in New York and of other clinics",
        labels="those of the archive, without a record for each photo",
        skin=NO_SKIN_TYPES,
        ethics="published by the ISIC Archive without names; patients are not identified",
        cite="Codella et al. 2018, arXiv:1710.05006",
        licence="CC-0 for the photos of a challenge, not certain for the others",
    ),
    "ISIC_2020": SourceFacts(
        origin="dermoscopic photos of patients of clinics in the United States, Europe and Australia",
        labels="all melanomas by histopathology; benign lesions by histopathology, follow-up or consensus of experts, "
        "without a record for each photo",
        skin=NO_SKIN_TYPES,
        ethics="published by its authors with approval of their ethics boards; patients have numbers, no names",
        cite="Rotemberg et al. 2021, doi:10.34970/2020-ds01",
        licence="CC BY-NC 4.0",
    ),
    "PAD_UFES_20": SourceFacts(
        origin="phone photos of patients of a dermatological aid programme in the state of Espírito Santo, Brazil",
        labels="all cancers by histopathology; most of the other lesions by consensus of dermatologists",
        skin="its doctors noted a Fitzpatrick type for three of five photos, mostly II and III; no metric here is split by it",
        ethics="published by its authors with approval of their ethics board and consent of the patients, who have "
        "numbers, no names",
        cite="Pacheco et al. 2020, doi:10.1016/j.dib.2020.106221",
        licence="CC BY 4.0",
        has_skin_types=True,
    ),
    "generated lesions": SourceFacts(
        origin="drawings by a program, no photos",
        labels="by the program that drew them",
        skin="it shows no real skin",
        ethics="it has no patients",
        cite="the module data_modelling/datasets/formats/synthetic_lesions.py",
    ),
}
_NO_FACTS = SourceFacts(
    origin="nothing is on record here",
    labels="nothing is on record here",
    skin="nothing is on record here",
    ethics="nothing is on record here",
    cite="nothing is on record here",
)


def training_sources(metadata: dict[str, Any]) -> list[str]:
    """Return all sources that a bundle's networks learned from: its own data set, added ones, and ALSO_LEARNED_FROM."""
    own = metadata.get("data", {}).get("sources", [])
    sources = [*own, *metadata.get("more", {}), *metadata.get(ALSO_LEARNED_FROM, [])]
    return list(dict.fromkeys(map(str, sources)))


def facts_by_source(metadata: dict[str, Any]) -> dict[str, SourceFacts]:
    """Return the facts of a bundle's training sources by name: from its metadata if it has them, else from SOURCE_FACTS."""
    own = {
        name: SourceFacts(**values) for name, values in metadata.get("data", {}).get(OWN_FACTS, {}).items()
    }
    return {name: own.get(name) or SOURCE_FACTS.get(name, _NO_FACTS) for name in training_sources(metadata)}
