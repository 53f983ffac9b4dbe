import pandas as pd

from data_modelling.datasets.clinics import CLINIC_NAMES, clinic_groups
from data_modelling.datasets.registry import external_data_sets


def test_sources_of_one_clinic_are_one_group():
    sources = pd.Series(
        ["HAM10000", "ISIC_2017", "ISIC_MSK_UDA", "BCN_20000", "PAD_UFES_20", "ISIC_2020", "mine"]
    )
    assert clinic_groups(sources).tolist() == ["HAM10000", "MSK", "MSK", "BCN", "PAD", "", ""]
    assert set(CLINIC_NAMES) == {"HAM10000", "MSK", "BCN", "PAD"}


def test_every_source_beside_another_has_a_group_but_isic_2020(real_isic2019):
    """The folders of the registry are the names of sources."""
    groups = clinic_groups(pd.Series([record.folder for record in external_data_sets()]))
    assert dict(zip([record.name for record in external_data_sets()], groups, strict=True)) == {
        "isic2017": "MSK",
        "isic2020": "",
        "isic_msk_uda": "MSK",
        "pad_ufes_20": "PAD",
    }
    table, _ = real_isic2019
    counts = clinic_groups(table["source"]).value_counts()
    assert counts.to_dict() == {"BCN": 11_460, "HAM10000": 10_015, "MSK": 2_150 + 156}
