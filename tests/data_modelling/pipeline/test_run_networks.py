from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from data_modelling.inference.errors import InputError
from data_modelling.pipeline.run_networks import (
    Run,
    prepare_networks,
    reference_shares,
    refuse_unclassified,
    rows_of_other_clinics,
    train_networks,
)
from data_modelling.settings import read_settings
from data_modelling.training.development_set import DataFolders, DevelopmentSet

RECIPE = Path("data_modelling/configs/all_clinics.toml")


def test_a_left_out_clinic_trains_nothing_and_neither_does_a_source_that_mixes_clinics():
    sources = ["HAM10000", "ISIC_2017", "ISIC_MSK_UDA", "BCN_20000", "PAD_UFES_20", "ISIC_2020"]
    table = pd.DataFrame({"source": sources})
    selected = {
        clinic: table["source"][rows_of_other_clinics(clinic)(table)].tolist() for clinic in ("MSK", "BCN")
    }
    assert selected["MSK"] == ["HAM10000", "BCN_20000", "PAD_UFES_20"]
    assert selected["BCN"] == ["HAM10000", "ISIC_2017", "ISIC_MSK_UDA", "PAD_UFES_20"]


@pytest.mark.parametrize(
    ("sources", "clinics", "groups"),
    [
        (["HAM10000", "PAD_UFES_20"], ("MSK",), "HAM10000, PAD"),  # MSK has no photo
        (["HAM10000", "HAM10000"], ("HAM10000",), "HAM10000"),  # no other group could train a network
        (["my clinic", "my clinic"], ("BCN",), "unknown"),
    ],
)
def test_left_out_clinics_without_photos_are_refused_before_a_network_is_trained(sources, clinics, groups):
    table = pd.DataFrame({"source": sources, "diagnosis": ["MEL", "NV"]})
    settings = structs.replace(
        read_settings(Path("data_modelling/configs/smoke.toml")), left_out_clinics=clinics
    )
    run = Run(settings, None, None, DevelopmentSet(table, np.zeros((2, 1, 1, 3), np.uint8)), [])
    with pytest.raises(InputError, match=f"the clinic groups of the photos are {groups};"):
        refuse_unclassified(run)
    both = pd.DataFrame({"source": ["HAM10000", "PAD_UFES_20"], "diagnosis": ["MEL", "NV"]})
    left_out = structs.replace(settings, left_out_clinics=("HAM10000", "PAD"))
    refuse_unclassified(Run(left_out, None, None, DevelopmentSet(both, run.development.pixels), []))


def test_reference_shares_are_those_of_the_named_source():
    settings = read_settings(RECIPE)
    table = pd.DataFrame(
        {
            "source": ["HAM10000"] * 4 + ["BCN_20000"] * 3,
            "diagnosis": ["NV", "NV", "NV", "MEL", "SCC", "SCC", "MEL"],
        }
    )
    shares = reference_shares(settings, table)
    assert shares is not None
    # MEL, NV, BCC, AK, BKL, DF, VASC, SCC, UNK
    assert shares.tolist() == [0.25, 0.75, 0, 0, 0, 0, 0, 0, 0]
    assert reference_shares(structs.replace(settings, reference=""), table) is None
    with pytest.raises(InputError, match="has no photo of PAD_UFES_20"):
        reference_shares(structs.replace(settings, reference="PAD_UFES_20"), table)


def test_a_network_that_the_recipe_does_not_have_is_named(tmp_path):
    settings = read_settings(RECIPE)
    with pytest.raises(
        InputError, match="no network 'without_ISIC_2020'; it has fold0, .*, served, without_BCN, .*"
    ):
        train_networks(settings, None, tmp_path / "work", ["without_ISIC_2020"], resume=False)


def test_a_recipe_describes_the_networks_that_it_uses(tmp_path):
    settings = read_settings(RECIPE.with_name("ham10000_all_clinics.toml"))
    other = structs.replace(settings, training=structs.replace(settings.training, epochs=3))
    folders = DataFolders(tmp_path, tmp_path)
    with pytest.raises(InputError, match=r"\[training\] must be the same as in .*all_clinics.toml"):
        prepare_networks(other, folders, tmp_path / "work", ["fold0"])
