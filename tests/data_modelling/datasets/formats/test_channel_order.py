import pytest
from PIL import Image

from data_modelling import prepare
from data_modelling.datasets.formats import channel_order, tfrecord
from data_modelling.datasets.registry import load_table
from data_modelling.datasets.splits.assignment import TEST, attach_parts, read_split
from data_modelling.pipeline import run_data
from tests.data_modelling.datasets.formats.small_data_sets import SMOKE, settings_for, write_prepared


@pytest.fixture
def swapped(generated, tmp_path):
    """Shards of 16 pixels with blue first."""
    write_prepared(generated, "tfrecord", tmp_path / "tfrecord", edge=16, shard=30, channels="bgr")
    return tmp_path


def test_a_shard_read_in_the_wrong_order_is_named_with_the_setting_to_change(swapped, capsys):
    paths = load_table(settings_for("tfrecord"), swapped)[0]["path"]
    shards = sorted(str(path) for path in (swapped / "tfrecord").glob("*.tfrecord"))
    assert channel_order.warn_of_swapped_channels(paths) == shards
    told = capsys.readouterr().err
    assert f"15 of 15 photos of {shards[0]} have more blue than red" in told
    assert told.count('set channels = "bgr" in [prepared].') == told.count("\n") == len(shards)


def test_a_shard_read_in_its_own_order_is_not_named(swapped, capsys):
    paths = load_table(settings_for("tfrecord", channels="bgr"), swapped)[0]["path"]
    assert channel_order.warn_of_swapped_channels(paths) == []
    assert capsys.readouterr().err == ""


def test_training_looks_at_no_photo_of_the_locked_test(swapped, generated, tmp_path, monkeypatch, capsys):
    """Neither to warn of the colours nor to decode them for training."""
    looked_at = set()
    read = channel_order.read_pixels
    monkeypatch.setattr(
        channel_order, "read_pixels", lambda path, edge: looked_at.add(path) or read(path, edge)
    )
    settings = settings_for("tfrecord")
    found, _ = run_data.load_development_set(
        settings, run_data.DataFolders(swapped, generated, strict=True), tmp_path
    )
    assert "more blue than red" in capsys.readouterr().err
    table = attach_parts(load_table(settings, swapped)[0], read_split(generated / "smoke.csv"))
    locked = set(table.loc[table["part"] == TEST, "path"])
    assert locked
    assert looked_at
    assert not (looked_at | set(found.table["path"])) & locked


def test_prepare_warns_before_it_copies_wrong_colours_and_not_by_the_locked_test(
    swapped, generated, tmp_path, monkeypatch, capsys
):
    looked_at = set()
    read = channel_order.read_pixels
    monkeypatch.setattr(
        channel_order, "read_pixels", lambda path, edge: looked_at.add(path) or read(path, edge)
    )
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(SMOKE.read_text().replace('"ham10000"\nsplit', '"tfrecord"\nsplit'))
    places = ["--data-root", str(swapped), "--out", str(tmp_path / "out"), "--splits", str(generated)]
    assert prepare.main(["--config", str(recipe), "--to", "class_folders", "--workers", "1", *places]) == 0
    assert "more blue than red" in capsys.readouterr().err
    table = attach_parts(
        load_table(settings_for("tfrecord"), swapped)[0], read_split(generated / "smoke.csv")
    )
    assert looked_at
    assert not looked_at & set(table.loc[table["part"] == TEST, "path"])
    assert len(list((tmp_path / "out").glob("*/*.png"))) == len(table)  # it is converted all the same


def test_grey_photos_say_nothing_about_the_order(tmp_path, capsys):
    photo = tmp_path / "grey.png"
    Image.new("RGB", (8, 8), (90, 90, 90)).save(photo)
    shard = tmp_path / "grey.tfrecord"
    settings = settings_for("tfrecord").prepared
    tfrecord.write_shard(shard, [{"image_id": "grey"}], [photo.read_bytes()], settings.features)
    [(_, path)] = tfrecord.read_shard(shard, settings)
    assert channel_order.warn_of_swapped_channels([path]) == []
    assert capsys.readouterr().err == ""
