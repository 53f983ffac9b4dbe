import io
import zipfile
from collections import Counter

import msgspec
import numpy as np
import pytest
from PIL import Image

from data_modelling.safety import foreign_pictures
from data_modelling.safety.foreign_pictures import (
    FIT,
    HELD_OUT,
    ForeignSource,
    sources_with_role,
)
from data_modelling.safety.synthetic_pictures import DRAWERS, draw_picture


def source(**changes):
    facts = {"name": "noise", "kind": "textures", "side": FIT, "origin": "made", "most": 2}
    return ForeignSource(**(facts | changes))


def test_the_list_has_eight_kinds_of_which_none_is_over_a_quarter():
    for side in (FIT, HELD_OUT):
        counts = Counter()
        for one in sources_with_role(side):
            counts[one.kind] += one.most
        assert max(counts.values()) <= counts.total() / 4, side
        assert len(counts) >= 8, side


def test_enough_pictures_of_several_sources_are_held_out():
    sources = sources_with_role(HELD_OUT)
    assert sum(one.most for one in sources) >= 200
    assert len(sources) >= 5
    assert not {one.name for one in sources} & {one.name for one in sources_with_role(FIT)}
    assert not {one.package for one in sources if one.package} & {
        one.package for one in sources_with_role(FIT)
    }


def test_pictures_have_their_source_and_missing_ones_are_reported(tmp_path):
    absent = source(name="palapeli", origin="debian", package="palapeli-data", files=("*.png",))
    found = foreign_pictures.read_pictures([source(), absent], tmp_path, 16)
    assert found.table.to_dict("list") == {"source": ["noise"] * 2, "kind": ["textures"] * 2}
    assert found.pixels.shape == (2, 16, 16, 3)
    assert [text.split(":")[0] for text in found.missing] == ["palapeli"]


def test_parts_of_a_picture_follow_it_and_are_the_same_for_everyone(tmp_path):
    """The left half is black, the right half white; the middle tenth of a picture has both, a random part need not."""
    (tmp_path / "pack").mkdir()
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[:, 100:] = 255
    Image.fromarray(pixels).save(tmp_path / "pack" / "a.png")
    pack = source(origin="debian", package="pack", files=("*",), crops=5)
    first, again = (foreign_pictures.read_pictures([pack], tmp_path, 16).pixels for _ in range(2))
    assert len(first) == 6
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first.mean(axis=(1, 2, 3)).round())) > 3
    middle = foreign_pictures.read_pictures(
        [source(origin="debian", package="pack", files=("*",), centre=0.1)], tmp_path, 16
    )
    assert middle.pixels[0, 8, 0, 0] < 30
    assert middle.pixels[0, 8, 15, 0] > 225


def test_pictures_inside_java_archives_and_qt_resources_are_unpacked(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 0, 0)).save(file, "WEBP")
    (tmp_path / "a.rcc").write_bytes(b"qres" + file.getvalue() + b"between" + file.getvalue() + b"end")
    with zipfile.ZipFile(tmp_path / "b.jar", "w") as archive:
        archive.writestr("textures/wood.jpg", b"as it is")
    foreign_pictures.unpack_resources(tmp_path)
    assert [path.read_bytes() for path in sorted((tmp_path / "a").iterdir())] == [file.getvalue()] * 2
    assert (tmp_path / "b" / "textures" / "wood.jpg").read_bytes() == b"as it is"


def test_of_pictures_that_look_the_same_one_is_taken_and_what_is_no_picture_left_out(tmp_path):
    folder = tmp_path / "pack"
    folder.mkdir()
    for name, grey, size in (("a.png", 10, 30), ("b.png", 10, 60), ("c.png", 200, 30)):
        Image.new("RGB", (size, size), (grey, grey, grey)).save(folder / name)
    (folder / "d.png").write_bytes(b"no picture")
    (folder / "e.txt").write_text("text")
    pack = source(origin="debian", package="pack", files=("*",), most=9)
    found = foreign_pictures.read_pictures([pack], tmp_path, 16)
    assert sorted(found.pixels[:, 0, 0, 0].tolist()) == [10, 200]


def test_a_list_with_an_unknown_role_is_an_error(tmp_path):
    row = '[[source]]\nname = "x"\nkind = "k"\nside = "{}"\norigin = "made"\nmost = 1\n'
    path = tmp_path / "list.toml"
    path.write_text(row.format("left"))
    with pytest.raises(msgspec.ValidationError, match=r"'left' - at `\$\[\.\.\.\]\[0\].side`"):
        foreign_pictures.read_sources(path)


def test_no_source_of_the_list_is_named_twice():
    names = [one.name for one in foreign_pictures.read_sources()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", DRAWERS)
def test_a_drawn_picture_is_the_same_for_everyone_and_another_for_each_number(name):
    first = draw_picture(name, 0)
    assert draw_picture(name, 0) == first
    assert draw_picture(name, 1) != first
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.mode == "RGB"
        assert min(picture.size) >= 300


def test_every_drawn_source_of_the_list_can_be_drawn():
    assert {one.name for one in foreign_pictures.read_sources() if one.origin == "made"} == set(DRAWERS)


def test_drawn_sources_hold_no_picture_twice():
    boards = foreign_pictures.read_pictures([source(name="checkers", most=6)], foreign_pictures.PROJECT, 16)
    assert len({picture.tobytes() for picture in boards.pixels}) == 6
    assert boards.table["source"].unique().tolist() == ["checkers"]
