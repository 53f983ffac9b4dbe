import pytest
from jinja2 import UndefinedError

from data_modelling.card import markdown


@pytest.mark.parametrize(
    ("value", "text"), [(0.7, ".700"), (1.0, "1.000"), (0.0, ".000"), (-0.25, "-.250"), (None, "-")]
)
def test_metrics_as_text(value: float | None, text: str) -> None:
    assert markdown.format_metric(value) == text


def test_a_metric_finds_its_interval_beside_it_or_among_the_intervals() -> None:
    assert (
        markdown.metric_with_interval({"auc": 0.9, "auc_interval": [0.8, 1.0]}, "auc") == ".900 [.800, 1.000]"
    )
    assert (
        markdown.metric_with_interval({"auc": 0.9, "intervals": {"auc": [0.8, None]}}, "auc")
        == ".900 [.800, -]"
    )
    assert markdown.metric_with_interval({}, "auc") == "-"


def test_a_difference_has_signs_and_its_interval() -> None:
    assert markdown.format_difference(0.0191, (-0.007, 0.045)) == "+0.019 [-0.007, +0.045]"
    assert markdown.format_difference(0.0191, (None, 0.045)) == "+0.019 [-, +0.045]"


def test_a_template_joins_blank_lines_and_needs_every_name(tmp_path) -> None:
    (tmp_path / "page.md.jinja").write_text(
        "# {{ title }}\n\n{% if more %}\nmore\n{% endif %}\n\n\n{{ share | whole_percent }}\n"
    )
    text = markdown.render_markdown(tmp_path / "page.md.jinja", title="A", more=False, share=0.25)
    assert text == "# A\n\n25 %\n"
    with pytest.raises(UndefinedError, match="share"):
        markdown.render_markdown(tmp_path / "page.md.jinja", title="A", more=False)
