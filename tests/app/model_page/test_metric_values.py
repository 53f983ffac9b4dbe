from app.model_page.metric_values import UntranslatedText, in_its_language


def test_only_english_is_marked_and_nothing_gets_out_of_its_mark():
    assert in_its_language("Foto") == "Foto"
    assert in_its_language(UntranslatedText("<b>")) == '<span lang="en">&lt;b&gt;</span>'
