from data_modelling.datasets.splits.groups import join_groups


def test_photos_of_one_key_are_a_group_and_photos_without_key_stand_alone():
    assert join_groups(["p1", "p2", "p3", "p4"], ["b", "a", "b", ""]) == ["b", "a", "b", "p4"]


def test_pairs_join_whole_groups_over_several_steps():
    ids, keys = ["p1", "p2", "p3", "p4", "p5"], ["c", "b", "a", "a", "d"]
    assert join_groups(ids, keys, [("p1", "p2"), ("p2", "p3")]) == ["a", "a", "a", "a", "d"]


def test_a_key_names_the_group_rather_than_a_photo():
    assert join_groups(["A1", "A2"], ["", "lesion"], [("A1", "A2")]) == ["lesion", "lesion"]


def test_a_pair_with_an_absent_photo_changes_nothing():
    assert join_groups(["p1", "p2"], ["a", ""], [("p1", "absent")]) == ["a", "p2"]


def test_two_photos_are_joined_by_an_absent_third():
    assert join_groups(["p1", "p2"], ["", ""], [("p1", "absent"), ("p2", "absent")]) == ["absent"] * 2


def test_names_do_not_depend_on_the_order():
    ids, keys, pairs = ["p1", "p2", "p3"], ["c", "a", "b"], [("p1", "p3"), ("p3", "p2")]
    backwards = join_groups(ids[::-1], keys[::-1], [(two, one) for one, two in pairs[::-1]])
    assert backwards == join_groups(ids, keys, pairs)[::-1] == ["a", "a", "a"]


def test_photos_of_unknown_patients_are_not_one_group():
    assert join_groups(["p1", "p2", "p3", "p4"], ["unknown", "Unknown ", "", "a"]) == ["p1", "p2", "p3", "a"]
