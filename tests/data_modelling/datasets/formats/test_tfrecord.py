import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from msgspec import structs
from PIL import Image

from data_modelling.datasets.formats import stored_photo, tfrecord
from data_modelling.datasets.isic2020 import CLASS_BY_LABEL, GROUND_TRUTH_FILES
from data_modelling.datasets.splits.assignment import attach_parts, make_split, read_split, write_split
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.photo.reader import read_photo
from data_modelling.settings import FeatureNames, PreparedSettings
from tests.conftest import skip_unless_ci
from tests.data_modelling.datasets.formats.small_data_sets import (
    ham10000_table,
    settings_for,
    write_prepared,
)

SETTINGS = settings_for("tfrecord")
LEFT_OUT = {"ham10000": (), "isic2019": ("BKL",)}  # only the task with UNK has a class that is left out
# The features of the shard of ISIC 2020: of its details only the age is no code of somebody's own.
OTHERS = FeatureNames(
    image_id="image_name", diagnosis="target", group_id="patient_id", age="age_approx", sex="", site=""
)


@pytest.fixture
def real_shard(data_root: Path) -> Path:
    shard = data_root / "ISIC_2020" / "tfrecords" / "sample.tfrec"
    if not shard.exists():
        skip_unless_ci(f"{shard} is not there")
    return shard


def test_tensorflow_reads_what_is_written_under_the_names_that_are_set(generated, tmp_path):
    names = FeatureNames(image="picture", image_id="name", confirmation="")
    write_prepared(generated, "tfrecord", tmp_path, shard=30, features=names)
    table = ham10000_table(generated)
    shards = sorted(str(path) for path in tmp_path.glob("*.tfrecord"))
    assert len(shards) == -(-len(table) // 30)
    found = [tf.train.Example.FromString(data.numpy()) for data in tf.data.TFRecordDataset(shards)]
    read = [example.features.feature["name"].bytes_list.value[0].decode() for example in found]
    assert read == table["image_id"].tolist()
    picture = found[5].features.feature["picture"].bytes_list.value[0]
    assert picture == Path(table["path"][5]).read_bytes()
    assert "confirmation" not in found[0].features.feature


def test_a_photo_is_read_out_of_its_shard(generated, tmp_path):
    write_prepared(generated, "tfrecord", tmp_path)
    original = ham10000_table(generated)
    table, _ = tfrecord.load(SETTINGS, tmp_path)
    for number in (0, 17, len(table) - 1):
        assert stored_photo.read_bytes(table["path"][number]) == Path(original["path"][number]).read_bytes()


def test_a_damaged_shard_is_named(generated, tmp_path):
    write_prepared(generated, "tfrecord", tmp_path)
    [shard] = tmp_path.glob("*.tfrecord")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(InputError, match="is damaged or not an uncompressed TFRecord"):
        tfrecord.load(SETTINGS, tmp_path)


def test_an_absent_feature_is_named_with_those_that_exist(generated, tmp_path):
    write_prepared(generated, "tfrecord", tmp_path)
    other = settings_for("tfrecord", features=FeatureNames(image="picture"))
    with pytest.raises(
        InputError,
        match=r"record 0: .* picture \(photo\) or image_id \(image id\) is missing. The record has age, confirm",
    ):
        tfrecord.load(other, tmp_path)


@pytest.mark.parametrize(
    "image_id", ["../outside", "a//b", "a/../b", "/outside", "a\\b", "a\0b", ".", "..", ""], ids=repr
)
def test_an_id_that_is_no_name_of_a_file_is_refused(tmp_path, image_id):
    """Such a photo would be written outside the class folders."""
    shard = tmp_path / "others.tfrecord"
    rows = [{"image_id": name, "diagnosis": "NV"} for name in ("ISIC_1", image_id)]
    tfrecord.write_shard(shard, rows, [b"photo"] * 2, FeatureNames())
    told = re.escape(f"{shard}, record 1: the image id {image_id!r} is not a valid file name")
    with pytest.raises(InputError, match=told):
        tfrecord.load(SETTINGS, tmp_path)


@pytest.mark.parametrize("image_id", ["a b", "...", "..a", "ISIC_1.2"])
def test_an_id_with_dots_or_spaces_is_a_name(tmp_path, image_id):
    shard = tmp_path / "others.tfrecord"
    tfrecord.write_shard(shard, [{"image_id": image_id}], [b"photo"], FeatureNames())
    [(values, _)] = tfrecord.read_shard(shard, PreparedSettings())
    assert values == {"image_id": image_id}


def write_shard(folder, rows, task="ham10000"):
    """Write a shard of white photos, and return the table and the report that a recipe for `task` reads."""
    photo = BytesIO()
    Image.new("RGB", (4, 4), "white").save(photo, "PNG")
    tfrecord.write_shard(folder / "a.tfrecord", rows, [photo.getvalue()] * len(rows), FeatureNames())
    return tfrecord.load(structs.replace(SETTINGS, task=task, left_out=LEFT_OUT[task]), folder)


def test_ids_lose_a_photos_ending_so_that_a_split_knows_them(tmp_path):
    """Shards made from files often have names such as `a.jpg` as ids; a split is read without the endings."""
    table, _ = write_shard(tmp_path, [{"image_id": name, "diagnosis": "NV"} for name in ("a.jpg", "b.JPEG")])
    assert table["image_id"].tolist() == ["a", "b"]
    write_split(tmp_path / "split.csv", make_split(table))
    assert attach_parts(table, read_split(tmp_path / "split.csv"))["part"].notna().all()


def test_photos_of_unknown_patients_are_not_one_patients(tmp_path):
    groups = ("unknown", "Unknown", "nan", "p1", "p1", "")
    rows = [{"image_id": f"i{n}", "diagnosis": "NV", "group_id": text} for n, text in enumerate(groups)]
    table, _ = write_shard(tmp_path, rows)
    assert table["group_id"].tolist() == ["i0", "i1", "i2", "p1", "p1", "i5"]


def test_a_missing_age_is_missing_and_no_value_that_is_not_accepted(tmp_path):
    ages = {"a": "nan", "b": "45.0"}  # what a feature of floats becomes as text
    rows = [{"image_id": name, "diagnosis": "NV", "age": age} for name, age in ages.items()]
    table, report = write_shard(tmp_path, rows)
    np.testing.assert_array_equal(table["age"], [np.nan, 45])
    assert not report


def test_no_photo_of_a_shard_has_the_class_unknown(tmp_path):
    """UNK is the ninth class of ISIC 2019; a network cannot learn it, so the other loaders leave such photos out."""
    rows = [{"image_id": f"i{label}", "diagnosis": label} for label in ("7", "8", "UNK")]
    table, report = write_shard(tmp_path, rows, "isic2019")
    assert table["diagnosis"].tolist() == ["SCC"]
    assert report.unknown_diagnoses == ('i8 diagnosis "8"', 'iUNK diagnosis "UNK"')


def test_a_hidden_file_is_no_shard(tmp_path):
    """macOS leaves `._` files beside others on a disk that is not its own."""
    write_empty(tmp_path, "._a-00000-of-00001.tfrecord", "a-00000-of-00001.tfrecord")
    assert [shard.name for shard in tfrecord._shards(tmp_path)] == ["a-00000-of-00001.tfrecord"]


def write_empty(folder, *names):
    for name in names:
        (folder / name).touch()


def test_fewer_shards_than_their_names_count_are_refused(tmp_path):
    write_empty(tmp_path, "a-00000-of-00002.tfrec", "a-00001-of-00002.tfrec", "b-00002-of-00003.tfrec")
    with pytest.raises(InputError, match=r"has 1 of the 3 shards b-\*-of-\*; get the others"):
        tfrecord.load(SETTINGS, tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["a-00001-of-00002.tfrec", "a-00002-of-00002.tfrec", "b-0-of-1.tfrecord"],  # some count from 1
        ["sample.tfrec", "train00-2071.tfrec"],
    ],
)
def test_all_shards_of_several_and_shards_without_a_count_are_found(tmp_path, names):
    write_empty(tmp_path, *names)
    assert [shard.name for shard in tfrecord._shards(tmp_path)] == names


def test_no_shard_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="has a shard"):
        tfrecord.load(SETTINGS, tmp_path)


def test_an_index_is_read_as_a_class_and_text_as_it_is():
    labels = ("0", "1", "2", "3", "NV", "")
    codes = [tfrecord._code(label, ("MEL", "NV", "BCC")) for label in labels]
    assert codes == ["MEL", "NV", "BCC", "3", "NV", ""]


def test_0_and_1_of_a_task_of_two_classes_mean_no_and_yes():
    codes = [tfrecord._code(label, ("melanoma", "benign")) for label in ("0", "1", "2", "melanoma")]
    assert codes == ["benign", "melanoma", "2", "melanoma"]


def test_labels_of_the_real_shard_are_those_of_its_data_set(real_shard, data_root):
    """The shard and ISIC 2020's csv name the same photos, one by 0 and 1, the other in words."""
    rows = [values for values, _ in tfrecord.read_shard(real_shard, PreparedSettings(features=OTHERS))]
    words = pd.read_csv(data_root / "ISIC_2020" / GROUND_TRUTH_FILES[0]).set_index("image_name")
    known = [values for values in rows if values["image_id"] in words.index]
    assert known
    codes = class_codes("isic2020")
    for values in known:
        word = words.loc[values["image_id"], "benign_malignant"]
        assert tfrecord._code(values["diagnosis"], codes) == CLASS_BY_LABEL[word]


def test_the_real_shard_is_read(real_shard):
    rows = list(tfrecord.read_shard(real_shard, PreparedSettings(features=OTHERS)))
    assert len(rows) == 21
    assert rows[0][0] == {"image_id": "ISIC_9895582", "diagnosis": "0", "group_id": "54", "age": "50"}


def test_the_real_shard_read_with_blue_first_looks_like_the_photos_of_its_data_set(real_shard, data_root):
    right = PreparedSettings(features=OTHERS, channels="bgr")
    compared = 0
    for values, path in tfrecord.read_shard(real_shard, right):
        file = data_root / "ISIC_2020" / "images" / f"{values['image_id']}.jpg"
        if file.exists():
            one, other = stored_photo.read_pixels(path, 16).astype(float), read_photo(file.read_bytes(), 16)
            assert np.abs(one - other).mean() < np.abs(one[:, :, ::-1] - other).mean()
            compared += 1
    assert compared == 21
