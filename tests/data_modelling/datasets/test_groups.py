from data_modelling.datasets.groups import joined_groups


def test_photos_of_one_key_are_a_group_and_photos_without_key_stand_alone():
    assert joined_groups(["p1", "p2", "p3", "p4"], ["b", "a", "b", ""]) == ["b", "a", "b", "p4"]


def test_pairs_join_whole_groups_over_several_steps():
    ids, keys = ["p1", "p2", "p3", "p4", "p5"], ["c", "b", "a", "a", "d"]
    assert joined_groups(ids, keys, [("p1", "p2"), ("p2", "p3")]) == ["a", "a", "a", "a", "d"]


def test_a_key_names_the_group_rather_than_a_photo():
    assert joined_groups(["A1", "A2"], ["", "lesion"], [("A1", "A2")]) == ["lesion", "lesion"]


def test_a_pair_with_an_absent_photo_changes_nothing():
    assert joined_groups(["p1", "p2"], ["a", ""], [("p1", "absent")]) == ["a", "p2"]


def test_two_photos_are_joined_by_an_absent_third():
    assert joined_groups(["p1", "p2"], ["", ""], [("p1", "absent"), ("p2", "absent")]) == ["absent"] * 2


def test_names_do_not_depend_on_the_order():
    ids, keys, pairs = ["p1", "p2", "p3"], ["c", "a", "b"], [("p1", "p3"), ("p3", "p2")]
    backwards = joined_groups(ids[::-1], keys[::-1], [(two, one) for one, two in pairs[::-1]])
    assert backwards == joined_groups(ids, keys, pairs)[::-1] == ["a", "a", "a"]
