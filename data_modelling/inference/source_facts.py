"""What cards and pages say of each source of photos; a source without an entry is said to have none on record."""

from dataclasses import dataclass
from typing import Any

# Of metadata.json: sources whose photos taught the network, and of which nothing is said by networks that never saw them.
LEARNED_TOO = "also_learned_from"
RESOLVERS = {
    "doi:": "https://doi.org/",
    "arXiv:": "https://arxiv.org/abs/",
}  # by what an identifier begins with
NO_SKIN_TYPES = "no skin-type labels are in it, and none were guessed"


@dataclass(frozen=True)
class SourceFacts:
    """origin: where the photos come from. labels: how the diagnoses were found. skin: what is known of the
    patients' skin. ethics: consent and approval. cite: the publication, its identifier last. licence: of the photos.
    has_skin_types: whether some of the photos have a label of the skin type.
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
        """Who and when, the identifier, and its address; None where there is no publication to be read."""
        who, _, identifier = self.cite.rpartition(", ")
        for prefix, place in RESOLVERS.items():
            if identifier.startswith(prefix):
                return who, identifier, place + identifier.removeprefix(prefix)
        return None


SOURCES = {
    "HAM10000": SourceFacts(
        origin="dermoscopic photos from a university clinic in Vienna, Austria, and a skin cancer practice in "
        "Queensland, Australia, taken with several devices, some scanned from slides; which is not on record for a photo",
        labels="by histopathology, follow-up, consensus of experts or confocal microscopy, as published for each photo",
        skin="no skin-type labels are in it, and none were guessed; darker skin is hardly in it, so that nothing can be "
        "said of how the model does there",
        ethics="published by its authors with approval of their ethics boards, without names; patients are not "
        "identified, and neither are lesions of one patient",
        cite="Tschandl, Rosendahl and Kittler 2018, doi:10.1038/sdata.2018.161",
        licence="CC BY-NC 4.0",
    ),
    "ISIC_2017": SourceFacts(
        origin="dermoscopic photos of the ISIC Archive, most of them from clinics in the United States, Europe and "
        "Australia, taken with several devices",
        labels="all melanomas by histopathology; of the benign ones many by consensus of experts, which is not on record "
        "for a photo",
        skin=NO_SKIN_TYPES,
        ethics="published by the ISIC Archive without names; patients are not identified",
        cite="Codella et al. 2018, arXiv:1710.05006",
        licence="CC-0",
    ),
    "BCN_20000": SourceFacts(
        origin="dermoscopic photos from a hospital in Barcelona, Spain",
        labels="by histopathology, follow-up or consensus of experts, which is not on record for a photo",
        skin=NO_SKIN_TYPES,
        ethics="published by its authors with approval of their ethics board, without names",
        cite="Combalia et al. 2019, arXiv:1908.02288",
        licence="CC BY-NC 4.0",
    ),
    "ISIC_2020": SourceFacts(
        origin="dermoscopic photos of patients of clinics in the United States, Europe and Australia",
        labels="all melanomas by histopathology; benign lesions by histopathology, follow-up or consensus of experts, "
        "which is not on record for a photo",
        skin=NO_SKIN_TYPES,
        ethics="published by its authors with approval of their ethics boards; patients have numbers, no names",
        cite="Rotemberg et al. 2021, doi:10.34970/2020-ds01",
        licence="CC BY-NC 4.0",
    ),
    "PAD_UFES_20": SourceFacts(
        origin="phone photos of patients of a dermatological aid programme in the state of Espírito Santo, Brazil",
        labels="all cancers by histopathology; most of the other lesions by consensus of dermatologists",
        skin="its doctors noted a Fitzpatrick type for three photos in five, mostly II and III; no figure is told by it",
        ethics="published by its authors with approval of their ethics board and consent of the patients, who have "
        "numbers, no names",
        cite="Pacheco et al. 2020, doi:10.1016/j.dib.2020.106221",
        licence="CC BY 4.0",
        has_skin_types=True,
    ),
    "generated lesions": SourceFacts(
        origin="drawings by a program, no photos",
        labels="by the program that drew them",
        skin="drawings of nobody's skin",
        ethics="no patient is in them",
        cite="the module data_modelling/datasets/generated.py",
    ),
}
_UNKNOWN = SourceFacts(
    origin="nothing is on record here",
    labels="nothing is on record here",
    skin="nothing is on record here",
    ethics="nothing is on record here",
    cite="nothing is on record here",
)


def learned_from(metadata: dict[str, Any]) -> list[str]:
    """All sources whose photos a bundle's networks learned from: the judged ones, those beside them, and LEARNED_TOO."""
    judged = metadata.get("data", {}).get("sources", [])
    known = [*judged, *metadata.get("more", {}), *metadata.get(LEARNED_TOO, [])]
    return list(dict.fromkeys(map(str, known)))


def facts(metadata: dict[str, Any]) -> dict[str, SourceFacts]:
    """Facts by source of a bundle's training data."""
    return {name: SOURCES.get(name, _UNKNOWN) for name in learned_from(metadata)}


def sentences(metadata: dict[str, Any], field: str) -> str:
    """One of the fields for all sources: `HAM10000: ...; other: ...`."""
    return "; ".join(f"{name}: {getattr(found, field)}" for name, found in facts(metadata).items())
