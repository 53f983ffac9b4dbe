"""A submission: a photo and its details, or several photos of one patient, as they were sent."""

from dataclasses import dataclass
from typing import NamedTuple

from data_modelling.inference.details import Details
from data_modelling.inference.photo.reader import Crop


@dataclass(frozen=True)
class Submission:
    """Hold a photo and what is known about it.

    photo: the bytes of the file. details: from the form, completed from a DICOM header. from_header: the
    details that the header completed. crop: None is the centre square. dermatoscope: None if not known.
    bundle: None is the default bundle. explain: the requested names of EXPLANATIONS.
    """

    photo: bytes
    details: Details
    crop: Crop | None = None
    dermatoscope: bool | None = None
    bundle: str | None = None
    explain: frozenset[str] = frozenset()
    from_header: Details = Details()  # noqa: RUF009 - frozen


class SentPhoto(NamedTuple):
    """Hold a photo of a visit. row: its number in the form, from 1. details: only `site` and `changing`."""

    row: int
    photo: bytes
    details: Details


@dataclass(frozen=True)
class VisitSubmission:
    """Hold several photos of one patient. details: its `site` and `changing` are not used."""

    photos: tuple[SentPhoto, ...]
    details: Details
    dermatoscope: bool | None = None
    bundle: str | None = None
