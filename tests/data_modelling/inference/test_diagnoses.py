import pytest

from data_modelling.inference.diagnoses import FLAG_TEXTS, TASKS, codes


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("ham10000", "MEL,NV,BCC,AKIEC,BKL,DF,VASC"),
        ("isic2019", "MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"),
        ("isic2020", "melanoma"),
    ],
)
def test_codes_are_the_columns_of_the_csv(task, columns):
    assert ",".join(codes(task)) == columns


@pytest.mark.parametrize(
    ("task", "flags"),
    [
        ("ham10000", "cancer benign cancer cancer benign benign benign"),
        ("isic2019", "cancer benign cancer may_become_cancer benign benign benign cancer unknown"),
        ("isic2020", "cancer"),
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
