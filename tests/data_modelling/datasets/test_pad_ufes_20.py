from data_modelling.datasets import pad_ufes_20
from data_modelling.datasets.registry import find_folder


def test_skin_types_are_read_from_the_csv(tmp_path):
    rows = ("a.png,P1,NEV,1.0", "b.png,P2,NEV,", "c.png,P3,MEL,2", "d.png,P4,BCC,6.0")
    (tmp_path / "metadata.csv").write_text(
        "\n".join(["img_id,patient_id,diagnostic,fitspatrick", *rows]) + "\n"
    )
    types = pad_ufes_20.read_skin_types(tmp_path)
    assert types.to_dict() == {"a": "I", "b": "", "c": "II", "d": "VI"}


def test_a_csv_without_skin_types_has_none_that_is_known(tmp_path):
    (tmp_path / "metadata.csv").write_text("img_id,patient_id,diagnostic\na.png,P1,NEV\n")
    assert pad_ufes_20.read_skin_types(tmp_path).to_dict() == {"a": ""}


def test_skin_types_of_the_real_photos(data_root):
    """Counted in labels.csv with `cut` and `sort`: 194 of 476 photos have no type."""
    types = pad_ufes_20.read_skin_types(find_folder("pad_ufes_20", data_root))
    assert types.value_counts().to_dict() == {
        "": 194,
        "I": 32,
        "II": 155,
        "III": 79,
        "IV": 14,
        "V": 1,
        "VI": 1,
    }
