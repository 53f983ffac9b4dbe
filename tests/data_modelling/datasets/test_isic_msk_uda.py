import csv

from data_modelling.datasets import isic_msk_uda


def test_only_photos_in_their_own_proportions_are_read(data_root):
    """Counted with the csv module: 93 rows, 50 of them nevi and 43 melanomas."""
    root = data_root / isic_msk_uda.FOLDER
    with (root / isic_msk_uda.LABELS).open() as file:
        expected = {
            row["image"]: row["label"] for row in csv.DictReader(file) if "original" in row["geometry"]
        }
    rows = isic_msk_uda.read_rows(root)
    assert dict(zip(rows["image_id"], rows["diagnosis"], strict=True)) == expected
    assert rows["diagnosis"].value_counts().to_dict() == {"NV": 50, "MEL": 43}
