from data_modelling.evaluation.source_facts import facts, learned_from, sentences

METADATA = {"data": {"sources": ["HAM10000"]}}


def test_all_that_a_network_learned_from_counts_once() -> None:
    """The judged photos, those beside them, and those of the weights that it started from."""
    assert learned_from(METADATA) == ["HAM10000"]
    whole = METADATA | {"more": {"ISIC_2017": {}}, "also_learned_from": ["PAD_UFES_20", "HAM10000"]}
    assert learned_from(whole) == ["HAM10000", "ISIC_2017", "PAD_UFES_20"]
    assert list(facts(whole)) == learned_from(whole)
    assert "PAD_UFES_20: Pacheco et al. 2020" in sentences(whole, "cite")
