"""A submission: a photo and its details, or several photos of one patient, as they were sent."""

from dataclasses import dataclass

from data_modelling.inference.details import Details
from data_modelling.inference.photo.reader import Crop


@dataclass(frozen=True)
class Submission:
    """Hold a photo and what is known about it.

    photo: the bytes of the file. details: from the form, completed from a DICOM header. from_header: the
    details that the header completed. crop: None is the centre square. dermatoscope: None is not known.
    bundle: None is the default bundle. explain: the requested names of EXPLANATIONS.
    """

    photo: bytes
    details: Details
    crop: Crop | None = None
    dermatoscope: bool | None = None
    bundle: str | None = None
    explain: frozenset[str] = frozenset()
    from_header: Details = Details()  # noqa: RUF009 - frozen


@dataclass(frozen=True)
class VisitSubmission:
    """Hold several photos of one patient.

    rows: the number of each photo's row in the form, from 1. sites: for each photo, details with only site and changing;
    site and changing in `details` are not used.
    """

    photos: tuple[bytes, ...]
    rows: tuple[int, ...]
    sites: tuple[Details, ...]
    details: Details
    dermatoscope: bool | None = None
    bundle: str | None = None
