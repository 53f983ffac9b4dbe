"""HAM10000: 10,015 dermoscopic photos of 7,470 lesions in seven classes.

Tschandl, Rosendahl and Kittler 2018, Sci Data 5:180161, doi:10.1038/sdata.2018.161; CC BY-NC 4.0.

How its values are read:
- Age 0.0 (39 rows: 30 nv, 5 bkl, 4 vasc) is missing: there is no benign keratosis at birth, so that zero
  stands for "not recorded", as the 57 empty ages do. All other ages are multiples of five years.
- Sex and site "unknown" (57 and 234 rows) are missing.
- 20 pairs of photos show one lesion under two lesion ids: Abhishek, Jain and Hamarneh 2025, Sci Data 12:196,
  doi:10.1038/s41597-025-04382-5. The pairs lie beside this module, since a download of HAM10000 lacks them,
  and each makes one group of the two lesions.
"""

from pathlib import Path

import pandas as pd

from data_modelling.datasets.csv_files import read_csv, read_pairs
from data_modelling.datasets.groups import joined_groups
from data_modelling.datasets.photo_files import photos_in
from data_modelling.datasets.roots import MissingDataError, find_root
from data_modelling.datasets.table import Report, checked_table
from data_modelling.inference import diagnoses

FOLDER = "HAM10000"
# What stands below a page that shows its photos and outlines, line by line.
CREDIT = (
    "Photos: HAM10000, Tschandl, Rosendahl and Kittler 2018, doi:10.1038/sdata.2018.161, CC BY-NC 4.0.",
    "Outlines: Tschandl et al. 2020, doi:10.1038/s41591-020-0942-0, CC BY-NC 4.0.",
)
# As extracted by hand, without ending as Dataverse names the original, and Dataverse's own conversion.
METADATA = ("HAM10000_metadata.csv", "HAM10000_metadata", "HAM10000_metadata.tab")
METADATA_COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
PHOTOS = "HAM10000_images_part_1_and_2"
OUTLINES = "HAM10000_segmentations_lesion"
# Other names of that folder: Dataverse's archive is extracted into this one.
OUTLINES_ELSEWHERE = ("HAM10000_segmentations_lesion_tschandl",)
OUTLINE_ENDING = "_segmentation"  # after the image id
PHOTOS_IN_PARTS = ("HAM10000_images_part_1", "HAM10000_images_part_2")
UNDECLARED_DUPLICATES = Path(__file__).with_name("ham10000_undeclared_duplicates.csv")
AGE_NOT_RECORDED = ("0", "0.0")


def load(data_root: Path | None = None, strict: bool = False) -> tuple[pd.DataFrame, Report]:
    """HAM10000 as the one table (see datasets.table), in the order of its csv, and the report.

    Raises InputError when the data is not there, the csv lacks a column, no photo can be used, or, with
    `strict`, when there is anything to report.
    """
    root = find_root(data_root, FOLDER, *METADATA)
    photos, twice = photos_in(photo_folders(root))
    return checked_table(read_rows(root), photos, diagnoses.codes("ham10000"), twice, strict)


def read_rows(root: Path) -> pd.DataFrame:
    """The csv's rows under the names of the one table, as text; the photos are not looked at."""
    metadata = read_csv(_metadata_file(root), METADATA_COLUMNS)
    return pd.DataFrame(
        {
            "image_id": metadata["image_id"],
            "diagnosis": metadata["dx"].str.upper(),  # the codes are HAM10000's abbreviations in capitals
            "group_id": joined_groups(metadata["image_id"], metadata["lesion_id"], undeclared_duplicates()),
            "age": metadata["age"].mask(metadata["age"].isin(AGE_NOT_RECORDED), ""),
            "sex": metadata["sex"],
            "site": metadata["localization"],
            "source": FOLDER,
            "confirmation": metadata["dx_type"],
        }
    )


def undeclared_duplicates() -> list[tuple[str, str]]:
    """The 20 pairs of image ids that show one lesion under two lesion ids."""
    return read_pairs(UNDECLARED_DUPLICATES)


def outlines(data_root: Path | None = None) -> dict[str, str]:
    """Paths of the lesions' outlines by image id (Tschandl et al. 2020, doi:10.1038/s41591-020-0942-0).

    Each is a PNG as large as its photo, white where the lesion is. They are a download of their own: empty
    when it is not there. Raises InputError when HAM10000 itself is not there.
    """
    root = find_root(data_root, FOLDER, *METADATA)
    folders = [root / name for name in (OUTLINES, *OUTLINES_ELSEWHERE) if (root / name).is_dir()]
    found, _ = photos_in(folders)
    return {stem.removesuffix(OUTLINE_ENDING): path for stem, path in found.items()}


def _metadata_file(root: Path) -> Path:
    return next(root / name for name in METADATA if (root / name).is_file())


def photo_folders(root: Path) -> list[Path]:
    """The one folder with all photos where it is there, else Dataverse's two."""
    if (root / PHOTOS).is_dir():
        return [root / PHOTOS]
    folders = [root / name for name in PHOTOS_IN_PARTS if (root / name).is_dir()]
    if not folders:
        raise MissingDataError(
            f"{root} has neither {PHOTOS} nor {' and '.join(PHOTOS_IN_PARTS)}; "
            "put HAM10000's photos there as DATA/README.md tells."
        )
    return folders
