import pytest

from data_modelling.inference.diagnoses import (
    FLAG_TEXTS,
    TASKS,
    class_codes,
    learned_class_codes,
    prediction_columns,
)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("ham10000", "MEL,NV,BCC,AKIEC,BKL,DF,VASC"),
        ("isic2019", "MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"),
        ("isic2020", "melanoma"),
    ],
)
def test_columns_of_the_csv(task, expected):
    assert ",".join(prediction_columns(task)) == expected


@pytest.mark.parametrize(
    ("task", "flags"),
    [
        ("ham10000", "cancer benign cancer cancer benign benign benign"),
        ("isic2019", "cancer benign cancer may_become_cancer benign benign benign cancer unknown"),
        ("isic2020", "cancer benign"),
    ],
)
def test_flags(task, flags):
    assert [diagnosis.flag for diagnosis in TASKS[task]] == flags.split()


def test_the_mixed_class_says_that_it_is_mixed():
    texts = {diagnosis.code: diagnosis.flag_text for diagnosis in TASKS["ham10000"]}
    assert texts.pop("AKIEC") == (
        "cancer or may become cancer (actinic keratosis, Bowen's disease, early squamous cell carcinoma)"
    )
    assert set(texts.values()) == {FLAG_TEXTS["cancer"], FLAG_TEXTS["benign"]}


def test_the_classes_that_are_learned_come_first():
    assert class_codes("isic2019") == (*learned_class_codes("isic2019"), "UNK")
    assert class_codes("ham10000") == learned_class_codes("ham10000")
    assert class_codes("isic2020") == learned_class_codes("isic2020") == ("melanoma", "benign")
