"""What a notebook says: a figure with its sentence, a table, a sentence with computed numbers."""

import pandas as pd
from IPython.display import publish_display_data

from data_analysis.charts import Chart
from data_analysis.places import plots_folder
from data_modelling.inference.files import replaced_when_whole

# Jupyter shows the picture and keeps this beside it, so that a figure can be compared by what it shows.
FIGURE_DATA = "application/vnd.figure-data.v1+json"


def tell(text: str) -> None:
    """Show a paragraph of Markdown, for sentences whose numbers are computed."""
    publish_display_data({"text/markdown": text, "text/plain": text})


def show(chart: Chart, name: str, sees: str) -> None:
    """Show a figure, save it as `metadata_<name>.png` in the plots folder, and say what is to be seen in it."""
    with replaced_when_whole(plots_folder() / f"metadata_{name}.png") as temporary:
        temporary.write_bytes(chart.png)
    shown = {
        "image/png": chart.png,
        "text/plain": f"Figure metadata_{name}.png: {sees}",
        FIGURE_DATA: chart.data,
    }
    publish_display_data(shown, metadata={"image/png": {"alt": sees}})
    tell(f"**What to see:** {sees}")


def table(rows: pd.DataFrame) -> None:
    """Show a table in full."""
    with pd.option_context("display.max_rows", None, "display.max_columns", None, "display.width", 200):
        publish_display_data({"text/html": rows.to_html(border=0), "text/plain": rows.to_string()})


def findings(rows: list[tuple[str, str, str]]) -> None:
    """Show a table of what was found, why it matters to a model, and what this project does about it."""
    lines = [
        "| What the metadata says | Why it matters to a model | What this project does |",
        "|---|---|---|",
    ]
    tell("\n".join(lines + [f"| {' | '.join(row)} |" for row in rows]))
