import pytest

from data_modelling.inference.source_facts import (
    SOURCE_FACTS,
    facts_by_source,
    training_sources,
)

BUNDLE = {"data": {"sources": ["HAM10000"]}, "more": {"PAD_UFES_20": {}, "moles": {}}}


@pytest.mark.parametrize(
    ("source", "published"),
    [
        (
            "PAD_UFES_20",
            (
                "Pacheco et al. 2020",
                "doi:10.1016/j.dib.2020.106221",
                "https://doi.org/10.1016/j.dib.2020.106221",
            ),
        ),
        ("ISIC_2017", ("Codella et al. 2018", "arXiv:1710.05006", "https://arxiv.org/abs/1710.05006")),
        ("generated lesions", None),
    ],
)
def test_where_a_source_is_published(source, published):
    assert SOURCE_FACTS[source].published == published


def test_what_is_published_has_a_licence():
    assert all(facts.licence for facts in SOURCE_FACTS.values() if facts.published)


def test_a_bundle_has_the_facts_of_all_that_it_learned_from():
    facts = facts_by_source(BUNDLE)
    assert list(facts) == ["HAM10000", "PAD_UFES_20", "moles"]
    assert [item.has_skin_types for item in facts.values()] == [False, True, False]
    assert facts["PAD_UFES_20"].cite.startswith("Pacheco et al. 2020")
    assert facts["moles"].cite == "nothing is on record here"
    assert facts_by_source({}) == {}


def test_all_that_a_network_learned_from_counts_once() -> None:
    """The judged photos, those beside them, and those of the weights that it started from."""
    assert training_sources({"data": {"sources": ["HAM10000"]}}) == ["HAM10000"]
    whole = {
        "data": {"sources": ["HAM10000"]},
        "more": {"ISIC_2017": {}},
        "also_learned_from": ["PAD_UFES_20", "HAM10000"],
    }
    assert training_sources(whole) == ["HAM10000", "ISIC_2017", "PAD_UFES_20"]
    assert list(facts_by_source(whole)) == training_sources(whole)
