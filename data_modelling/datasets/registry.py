"""Lists all data sets, with one record for each; docs/data-sets.md says how to add a data set."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from data_modelling.datasets import (
    ham10000,
    isic2017,
    isic2019,
    isic2020,
    isic_msk_uda,
    pad_ufes_20,
    stored_photos,
)
from data_modelling.datasets.data_location import find_dataset_folder
from data_modelling.datasets.download import published_files
from data_modelling.datasets.download.published_files import PublishedFiles
from data_modelling.datasets.formats import class_folders, tfrecord
from data_modelling.datasets.table import DatasetReport
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import RowFindings
from data_modelling.inference.source_facts import SourceFacts
from data_modelling.settings import Settings

LESION, PATIENT = "lesion", "patient"
# `load` of a data set takes the data root and `strict`; it returns the table and the report (see datasets.table).
# `load` of a storage format takes the settings first. They give the classes and the names of a TFRecord's values.
Loader = Callable[..., tuple[pd.DataFrame, DatasetReport]]
# `read_rows` of a data set takes its folder and, optionally, RowFindings; it returns the rows of the csv.
RowReader = Callable[..., pd.DataFrame]


@dataclass(frozen=True)
class ExternalSource:
    """Describes how photos of a data set are read beside another data set, for evaluation or training.

    phone: whether the photos were taken with a phone. diagnoses: ISIC 2019's code for each diagnosis that the data set
    names differently. benign_at_most: the largest number of photos that are only known to be benign, or None for no
    limit. Training ignores the limit. finer_diagnoses: a function from the rows of the csv to diagnoses for training.
    confirmations: a function that takes the data set's folder and returns, by image id, how a diagnosis was confirmed.
    """

    phone: bool = False
    diagnoses: Mapping[str, str] = field(default_factory=dict)
    benign_at_most: int | None = None
    finer_diagnoses: Callable[[pd.DataFrame], pd.Series] | None = None
    confirmations: Callable[[Path], pd.Series] | None = None


@dataclass(frozen=True)
class DataSet:
    """Describes one data set.

    name: the name in recipes and of its split file, such as `isic2019`. folder: its folder under the data root, also
    its name on cards and pages, such as `ISIC_2019`. markers: files that show that the data set exists (see
    datasets.data_location). read_rows: it returns at least image_id, group_id and diagnosis. load: None if a recipe
    may not name the data set. group: what the photos of a group share. has_split: False if the photos belong to another
    data set. locked_test: whether the split has a locked test besides the five folds. inherits: names of data sets
    whose splits list some of the photos too; these photos keep their part. outlines: a function from the data root to
    the paths of lesion outlines by image id. external: None if the data set is not read beside another. published: None
    if the data set cannot be downloaded. facts: the text on cards and pages; None if inference.source_facts has it.
    """

    name: str
    folder: str
    markers: tuple[str, ...]
    read_rows: RowReader
    load: Loader | None = None
    group: str = LESION
    has_split: bool = True
    locked_test: bool = True
    inherits: tuple[str, ...] = ()
    outlines: Callable[[Path | None], dict[str, str]] | None = None
    external: ExternalSource | None = None
    published: PublishedFiles | None = None
    facts: SourceFacts | None = None

    def split_rows(self, root: Path, findings: RowFindings | None = None) -> pd.DataFrame:
        """Return what a split needs: image_id, group_id and diagnosis of each row of the csv in the folder `root`."""
        return self.read_rows(root, findings)[["image_id", "group_id", "diagnosis"]]


# A data set that inherits parts of a split comes after the data sets that it inherits from.
DATA_SETS: tuple[DataSet, ...] = (
    DataSet(
        "ham10000",
        ham10000.FOLDER,
        ham10000.METADATA,
        ham10000.read_rows,
        load=ham10000.load,
        outlines=ham10000.outline_paths,
        published=published_files.HAM10000,
    ),
    DataSet(
        "isic2017",
        isic2017.FOLDER,
        (isic2017.LABELS,),
        isic2017.read_rows,
        external=ExternalSource(confirmations=isic2017.read_confirmations),
    ),
    DataSet(
        "isic2019",
        isic2019.FOLDER,
        (isic2019.GROUND_TRUTH_FILE,),
        isic2019.read_rows,
        load=isic2019.load,
        inherits=("ham10000", "isic2017"),
        outlines=isic2019.outline_paths,
        published=published_files.ISIC_2019,
    ),
    DataSet(
        "isic2020",
        isic2020.FOLDER,
        isic2020.GROUND_TRUTH_FILES,
        isic2020.read_rows,
        load=isic2020.load,
        group=PATIENT,
        # The challenge's test photos lack public labels. Of the others, 584 are malignant: too few for a locked test.
        locked_test=False,
        external=ExternalSource(
            diagnoses={"malignant": "MEL"},  # all 584 malignant rows are melanomas
            benign_at_most=400,
            finer_diagnoses=lambda rows: isic2020.map_to_isic2019_classes(rows["named"]),
        ),
        published=published_files.ISIC_2020,
    ),
    DataSet(
        "isic_msk_uda",
        isic_msk_uda.FOLDER,
        (isic_msk_uda.MARKER,),
        isic_msk_uda.read_rows,
        inherits=("isic2019",),
        external=ExternalSource(),
    ),
    DataSet(
        "pad_ufes_20",
        pad_ufes_20.FOLDER,
        pad_ufes_20.LABELS,
        pad_ufes_20.read_rows,
        group=PATIENT,
        external=ExternalSource(
            phone=True, diagnoses=pad_ufes_20.DIAGNOSES, confirmations=pad_ufes_20.read_confirmations
        ),
    ),
    *(
        DataSet(
            name,
            folder,
            (f"{folder}/{stored_photos.LABELS}",),
            stored_photos.read_rows,
            group=group,
            has_split=False,
        )
        for name, folder, group in (
            ("isic2019_84px", stored_photos.ISIC_2019_84PX, LESION),
            ("isic2020_extra", stored_photos.ISIC_2020_EXTRA, PATIENT),
        )
    ),
)
# Storage formats, which a recipe may name instead of a data set.
FORMATS: dict[str, Loader] = {"class_folders": class_folders.load, "tfrecord": tfrecord.load}


def data_set(name: str) -> DataSet:
    """Return the record of the data set `name`. Raises KeyError for a name that is not in the registry."""
    return {record.name: record for record in DATA_SETS}[name]


def find_folder(name: str, data_root: Path | None) -> Path | None:
    """Return the folder of a data set's files, or None for the name of a storage format and for an unknown name.

    Raises MissingDataError if the files are not there; see datasets.data_location.
    """
    record = next((record for record in DATA_SETS if record.name == name), None)
    return find_dataset_folder(data_root, record.folder, *record.markers) if record else None


def split_data_sets() -> tuple[DataSet, ...]:
    """Return the data sets that have their own split, each after the data sets that it inherits from."""
    return tuple(record for record in DATA_SETS if record.has_split)


def external_data_sets() -> tuple[DataSet, ...]:
    """Return the data sets that can be read beside another data set."""
    return tuple(record for record in DATA_SETS if record.external)


def phone_folders() -> tuple[str, ...]:
    """Return the folders of the data sets that hold phone photos."""
    return tuple(
        record.folder for record in external_data_sets() if record.external and record.external.phone
    )


def load_table(
    settings: Settings, data_root: Path | None = None, strict: bool = False
) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the table and the report of the data set or storage format in the settings. Raises InputError."""
    if settings.dataset in FORMATS:
        return FORMATS[settings.dataset](settings, data_root, strict)
    loaders = {record.name: record.load for record in DATA_SETS if record.load}
    if settings.dataset in loaders:
        return loaders[settings.dataset](data_root, strict)
    known = ", ".join((*loaders, *FORMATS))
    raise InputError(f"dataset must be one of {known}, not {settings.dataset!r}.")


def group_noun(dataset: str) -> str:
    """Return what the photos of a group share, LESION or PATIENT, in the data set or format that a recipe names."""
    return next((record.group for record in DATA_SETS if record.name == dataset), LESION)


def facts_of_sources(names: Iterable[str]) -> dict[str, dict[str, str | bool]]:
    """Return the facts that the registry's records have about the named sources, for metadata.json."""
    return {
        record.folder: asdict(record.facts) for record in DATA_SETS if record.facts and record.folder in names
    }


def outlines_by_image(dataset: str, data_root: Path | None) -> dict[str, str]:
    """Return the paths of lesion outlines by image id, or {} if the data set or format has none."""
    find = next((record.outlines for record in DATA_SETS if record.name == dataset), None)
    return find(data_root) if find else {}
