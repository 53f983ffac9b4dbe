import pytest

from data_modelling.datasets.formats.class_names import (
    OTHER_NAMES,
    learned_class_by_name,
    normalize_class_name,
)
from data_modelling.inference.diagnoses import TASKS, learned_class_codes


@pytest.mark.parametrize("task", TASKS)
def test_every_code_and_name_of_a_task_is_known_in_any_spelling(task):
    names = learned_class_by_name(task)
    for diagnosis in TASKS[task]:
        if diagnosis.code in learned_class_codes(task):
            for name in (diagnosis.code, diagnosis.code.lower(), diagnosis.name.upper().replace(" ", "_")):
                assert names[normalize_class_name(name)] == diagnosis.code


def test_no_name_has_two_classes_of_a_task():
    for task in TASKS:
        codes = learned_class_codes(task)
        listed = [normalize_class_name(name) for code in codes for name in OTHER_NAMES.get(code, ())]
        assert len(listed) == len(set(listed))


def test_classes_that_two_tasks_divide_in_other_ways():
    assert learned_class_by_name("ham10000")["scc"] == "AKIEC"
    assert learned_class_by_name("isic2019")["scc"] == "SCC"
    assert learned_class_by_name("isic2019")["ack"] == "AK"
    assert "akiec" not in learned_class_by_name("isic2019")
    assert "unk" not in learned_class_by_name("isic2019")
    assert learned_class_by_name("isic2020")["mel"] == "melanoma"
