import re

import pandas as pd
import pytest

from data_modelling.datasets import isic2019
from data_modelling.datasets.data_location import REPOSITORY_DATA
from data_modelling.datasets.registry import DATA_SETS, data_set
from tests.conftest import skip_unless_ci

FACTS = {record.name: record.published for record in DATA_SETS if record.published}
FILES = {name: facts.tables + facts.archives for name, facts in FACTS.items()}
# Lesions or patients, and photos of each class, under the data set's own class names.
GROUPS = {"ham10000": 7_470, "isic2019": 11_847, "isic2020": 2_056}
COUNTS = {
    "ham10000": {"nv": 6705, "mel": 1113, "bkl": 1099, "bcc": 514, "akiec": 327, "vasc": 142, "df": 115},
    "isic2019": {
        "nv": 12875,
        "mel": 4522,
        "bcc": 3323,
        "bkl": 2624,
        "ak": 867,
        "scc": 628,
        "vasc": 253,
        "df": 239,
    },
    "isic2020": {"benign": 32542, "malignant": 584},
}


@pytest.mark.parametrize("name", list(FACTS))
def test_every_file_has_an_official_address_a_size_and_a_well_formed_checksum(name):
    for file in FILES[name]:
        assert re.match(
            r"https://(dataverse\.harvard\.edu|isic-challenge-data\.s3\.amazonaws\.com)/", file.address
        )
        assert file.size > 0
        assert file.checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", file.checksum)


def test_dataverse_is_asked_for_the_original_of_the_table_that_it_converts():
    [table] = FACTS["ham10000"].tables
    assert table.address.endswith("?format=original")


def test_only_the_archive_of_isic_2020_is_trusted_on_first_use():
    unknown = [file.name for files in FILES.values() for file in files if file.checksum is None]
    assert unknown == ["ISIC_2020_Training_JPEG.zip"]


@pytest.mark.parametrize("name", list(FACTS))
def test_the_tables_have_the_names_that_the_sources_look_for(name):
    facts = FACTS[name]
    source = data_set(name)
    assert facts.folder == source.folder
    assert {file.name for file in facts.tables} & set(source.markers)
    assert sum(COUNTS[name].values()) == facts.photos


@pytest.mark.parametrize("name", list(FACTS))
def test_the_readme_of_the_data_says_the_sizes_of_the_table(name):
    download = sum(file.size for file in FILES[name]) / 1e9
    kept = sum(file.size for file in FACTS[name].archives) / 1e9
    text = (REPOSITORY_DATA / "README.md").read_text()
    assert f"| `{name}` | {download:.1f} GB | {kept:.1f} GB |" in text


@pytest.mark.parametrize("name", list(FACTS))
def test_counts_are_those_of_the_real_csv(name, data_root):
    facts = FACTS[name]
    source = data_set(name)
    folder = data_root / facts.folder
    if not any((folder / marker).exists() for marker in source.markers):
        skip_unless_ci(f"{folder} is not there")
    found = source.read_rows(folder)["diagnosis"].str.lower().value_counts().to_dict()
    assert found == COUNTS[name]


def test_lesions_and_patients_are_those_of_the_real_csv(data_root):
    columns = {
        "ham10000": ("HAM10000_metadata.csv", "lesion_id"),
        "isic2019": (isic2019.METADATA, "lesion_id"),
        "isic2020": (FACTS["isic2020"].tables[0].name, "patient_id"),
    }
    for name, (file, column) in columns.items():
        path = data_root / FACTS[name].folder / file
        if not path.exists():
            skip_unless_ci(f"{path} is not there")
        assert pd.read_csv(path, dtype=str)[column].nunique() == GROUPS[name]
