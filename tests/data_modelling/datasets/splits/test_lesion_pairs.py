from pathlib import Path

import pandas as pd
import pytest

from data_modelling.datasets.isic2019 import original_ids
from data_modelling.datasets.splits import lesion_pairs
from data_modelling.datasets.splits.assignment import read_split
from data_modelling.datasets.splits.files import split_file

SPLITS = Path(__file__).resolve().parents[4] / "DATA" / "splits"


def leaving(monkeypatch, tmp_path, rows, pairs) -> set[str]:
    file = tmp_path / "pairs.csv"
    file.write_text("image_id_1,image_id_2,found_by\n" + "".join(f"{a},{b},keypoints\n" for a, b in pairs))
    monkeypatch.setattr(lesion_pairs, "PAIRS", file)
    return lesion_pairs.photos_to_leave(pd.DataFrame(rows, columns=["image_id", "group_id", "part"]))


ROWS = [
    ("a", "lesion1", "2"),
    ("b", "lesion2", "4"),
    ("c", "lesion2", "4"),
    ("d_downsampled", "lesion3", "test"),
    ("e", "lesion4", "0"),
]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("x", "y")], set()),  # photos that are not there
        ([("a", "b")], {"b", "c"}),  # the first photo's part stays; the other lesion leaves whole
        ([("b", "d")], {"b", "c"}),  # locked photos stay locked; ISIC 2019's name is understood
        ([("a", "b"), ("b", "d")], {"a", "b", "c"}),
        ([("b", "c")], set()),
        ([("a", "no_such_photo"), ("no_such_photo", "e")], {"e"}),  # joined by a photo that is not there
    ],
)
def test_of_a_lesion_in_several_parts_one_part_stays(monkeypatch, tmp_path, pairs, expected):
    assert leaving(monkeypatch, tmp_path, ROWS, pairs) == expected


def test_no_lesion_of_the_real_data_sets_is_on_two_sides_afterwards():
    """A second way: after the photos have left, every pair of the file is in one part, or one of it is gone."""
    names = ("isic2019", "isic_msk_uda", "pad_ufes_20")
    splits = pd.concat([read_split(split_file(SPLITS, name)) for name in names]).drop_duplicates("image_id")
    splits = splits.reset_index(drop=True)
    left = lesion_pairs.photos_to_leave(splits)
    assert 0 < len(left) < 60
    assert not set(splits.loc[splits["part"] == "test", "image_id"]) & left
    stays = splits[~splits["image_id"].isin(left)]
    part = dict(zip(original_ids(stays["image_id"]), stays["part"], strict=True))
    pairs = pd.read_csv(lesion_pairs.PAIRS)
    assert len(pairs) == 56
    found = [
        (part.get(a), part.get(b)) for a, b in zip(pairs["image_id_1"], pairs["image_id_2"], strict=True)
    ]
    assert all(a == b or None in (a, b) for a, b in found)
    assert sum(None not in pair for pair in found) > 5
