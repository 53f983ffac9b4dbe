import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from data_modelling.inference.errors import InputError
from data_modelling.rejection import foreign
from data_modelling.rejection.foreign import APART, FIT, HELD_OUT, ForeignSource, of_side
from data_modelling.rejection.made import DRAWERS, drawn


def source(**changes):
    facts = {"name": "noise", "kind": "textures", "side": FIT, "origin": "made", "most": 2}
    return ForeignSource(**(facts | changes))


def test_the_list_has_eight_kinds_of_which_none_is_over_a_quarter():
    for side in (FIT, HELD_OUT):
        counts = Counter()
        for one in of_side(side):
            counts[one.kind] += one.most
        assert max(counts.values()) <= counts.total() / 4, side
        assert len(counts) >= 8, side


def test_enough_pictures_of_several_sources_are_held_out():
    sources = of_side(HELD_OUT)
    assert sum(one.most for one in sources) >= 200
    assert len(sources) >= 5
    assert not {one.name for one in sources} & {one.name for one in of_side(FIT)}
    assert not {one.package for one in sources if one.package} & {one.package for one in of_side(FIT)}


@pytest.mark.parametrize("side", [HELD_OUT, APART])
def test_who_chooses_a_method_is_refused_the_other_sides(side, tmp_path):
    with pytest.raises(InputError, match=f"is {side}: it may judge a gate but not choose one"):
        foreign.pictures_to_choose_with(tmp_path, 16, [source(), source(name="wood", side=side)])


def test_who_chooses_gets_the_fit_side_and_hears_what_is_missing(tmp_path, monkeypatch):
    absent = source(name="palapeli", origin="debian", package="palapeli-data", files=("*.png",))
    monkeypatch.setattr(foreign, "read_sources", lambda: (source(), absent, source(name="x", side=HELD_OUT)))
    found = foreign.pictures_to_choose_with(tmp_path, 16)
    assert found.source.tolist() == ["noise", "noise"]
    assert found.pixels.shape == (2, 16, 16, 3)
    assert [text.split(":")[0] for text in found.missing] == ["palapeli"]


def test_of_pictures_that_look_the_same_one_is_taken_and_what_is_no_picture_left_out(tmp_path):
    folder = tmp_path / "pack"
    folder.mkdir()
    for name, grey, size in (("a.png", 10, 30), ("b.png", 10, 60), ("c.png", 200, 30)):
        Image.new("RGB", (size, size), (grey, grey, grey)).save(folder / name)
    (folder / "d.png").write_bytes(b"no picture")
    (folder / "e.txt").write_text("text")
    pack = source(origin="debian", package="pack", files=("*",), most=9)
    found = foreign.read_pictures([pack], tmp_path, 16)
    assert sorted(found.pixels[:, 0, 0, 0].tolist()) == [10, 200]


def test_a_list_with_an_unknown_side_or_a_name_twice_is_an_error(tmp_path):
    row = '[[source]]\nname = "x"\nkind = "k"\nside = "{}"\norigin = "made"\nmost = 1\n'
    path = tmp_path / "list.toml"
    path.write_text(row.format("left"))
    with pytest.raises(InputError, match="side 'left'"):
        foreign.read_sources(path)
    path.write_text(row.format(FIT) * 2)
    with pytest.raises(InputError, match="twice"):
        foreign.read_sources(path)


@pytest.mark.parametrize("name", DRAWERS)
def test_a_drawn_picture_is_the_same_for_everyone_and_another_for_each_number(name):
    first = drawn(name, 0)
    assert drawn(name, 0) == first
    assert drawn(name, 1) != first
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.mode == "RGB"
        assert min(picture.size) >= 300


def test_every_drawn_source_of_the_list_can_be_drawn():
    assert {one.name for one in foreign.read_sources() if one.origin == "made"} == set(DRAWERS)


def test_drawn_sources_hold_no_picture_twice():
    boards = foreign.read_pictures([source(name="checkers", most=6)], foreign.PROJECT, 16)
    assert len({picture.tobytes() for picture in boards.pixels}) == 6
    assert np.unique(boards.source).tolist() == ["checkers"]
