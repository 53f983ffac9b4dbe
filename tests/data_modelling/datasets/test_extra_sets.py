from pathlib import Path

import pandas as pd
import pytest
from msgspec import structs

from data_modelling.datasets.extra_sets import companions
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.registry import load_table
from data_modelling.datasets.splits.assignment import TEST, read_split
from data_modelling.datasets.splits.files import write_splits
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, read_settings
from tests.conftest import PROJECT
from tests.data_modelling.isic_sets import write_isic2020

SPLITS = PROJECT / "DATA" / "splits"
ALL = ("isic2017", "isic2020", "pad_ufes_20")


def with_more(*names: str, **changes: object) -> Settings:
    smoke = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    return structs.replace(smoke, generated_lesions=0, more_photos=names, **changes)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data root with drawn lesions as HAM10000 and as ISIC 2020, and their splits."""
    root = tmp_path_factory.mktemp("more")
    write_synthetic_lesions(root / "data", lesions=120, seed=5)
    write_isic2020(root / "data")
    (root / "splits").mkdir()
    write_splits(root / "data", root / "splits")
    return root / "data", root / "splits"


def asked(settings: Settings, root: Path, splits: Path) -> tuple[pd.DataFrame, list[str]]:
    own, _ = load_table(structs.replace(settings, more_photos=()), root)
    return companions(settings, own, root, splits)


def test_photos_come_with_the_label_that_they_have_and_their_own_fold(places: tuple[Path, Path]) -> None:
    root, splits = places
    more, left_out = asked(with_more("isic2020"), root, splits)
    assert set(more["diagnosis"]) == {"MEL", "NV", "benign"}
    assert set(more["source"]) == {"ISIC_2020"}
    parts = read_split(splits / "isic2020.csv").set_index("image_id")["part"]
    assert more["part"].tolist() == parts[more["image_id"]].tolist()
    assert left_out == []


def test_without_any_named_there_are_none(places: tuple[Path, Path]) -> None:
    more, left_out = asked(with_more(), *places)
    assert len(more) == 0
    assert left_out == []


def test_an_unknown_data_set_and_an_absent_one(places: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="more_photos and unseen_sets may name isic2017"):
        asked(with_more("ham10000"), *places)
    with pytest.raises(
        InputError, match=r"ISIC_2017 is not there: .* such as ham10000_alone\.toml, does not need it"
    ):
        asked(with_more("isic2017"), *places)


def test_photos_of_the_data_set_itself_come_once(places: tuple[Path, Path]) -> None:
    root, splits = places
    settings = with_more("isic2020")
    own, _ = load_table(structs.replace(settings, more_photos=()), root)
    more, _ = companions(settings, own, root, splits)
    own.loc[0, "image_id"] = f"{more['image_id'][0]}_downsampled"  # as ISIC 2019 names some photos
    fewer, _ = companions(settings, own, root, splits)
    assert fewer["image_id"].tolist() == more["image_id"][1:].tolist()
    own = more
    with pytest.raises(InputError, match="isic2020: other data sets of the recipe have all its photos"):
        companions(settings, own, root, splits)


def test_the_real_data_sets_beside_ham10000(data_root: Path) -> None:
    """ISIC 2017: 344 melanomas not locked, counted with pandas from its csv and split; no locked photo is there."""
    settings = structs.replace(with_more(*ALL), split="ham10000")
    more, left_out = asked(settings, data_root, SPLITS)
    assert left_out == []
    assert more["image_id"].is_unique
    locked = pd.concat([pd.read_csv(SPLITS / f"{name}.csv") for name in ("ham10000", *ALL)])
    locked_ids = set(locked.loc[locked["part"] == TEST, "image_id"])
    assert not locked_ids & set(more["image_id"])
    labels = pd.read_csv(data_root / "ISIC_2017" / "ISIC_2017_labels.csv")
    melanomas = set(labels.loc[labels["isic2019_class"] == "MEL", "image"]) - locked_ids
    found = more[(more["source"] == "ISIC_2017") & (more["diagnosis"] == "MEL")]
    assert set(found["image_id"]) == melanomas
    phone = more.loc[more["source"] == "PAD_UFES_20", "diagnosis"]
    assert set(phone) == {"MEL", "NV", "BCC", "AKIEC", "BKL"}
    benign = more[more["diagnosis"] == "benign"]
    assert set(benign["source"]) == {"ISIC_2020"}


def test_beside_isic2020_a_photo_is_melanoma_or_benign_or_left_out(data_root: Path) -> None:
    """Carcinomas and actinic keratoses are in neither class; counted with pandas from PAD-UFES-20's csv and split."""
    settings = with_more("pad_ufes_20", task="isic2020", dataset="isic2020", split="isic2020")
    more, left_out = asked(settings, data_root, SPLITS)
    parts = pd.read_csv(SPLITS / "pad_ufes_20.csv")
    taught = set(parts.loc[parts["part"] != TEST, "image_id"])
    labels = pd.read_csv(data_root / "PAD_UFES_20" / "labels.csv")
    diagnoses = labels.loc[labels["img_id"].str.removesuffix(".png").isin(taught), "diagnostic"]
    assert more["diagnosis"].value_counts().to_dict() == {
        "melanoma": (diagnoses == "MEL").sum(),
        "benign": diagnoses.isin(["NEV", "SEK"]).sum(),
    }
    assert left_out == [
        f"pad_ufes_20: {diagnoses.isin(['BCC', 'SCC', 'ACK']).sum()} photos whose diagnosis is no class of isic2020"
    ]
