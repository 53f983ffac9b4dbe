"""Show a notebook's output: a figure with its caption, a table, or a paragraph with computed numbers."""

import pandas as pd
from IPython.display import publish_display_data

from data_analysis.charts import Chart
from data_analysis.notebook_folders import plots_folder
from data_modelling.inference.files.atomic_files import atomic_write

# Media type of a figure's data. A notebook keeps the data with the picture, so that tests can compare the data.
FIGURE_DATA = "application/vnd.figure-data.v1+json"


def show_text(text: str) -> None:
    """Show a paragraph of Markdown, for sentences whose numbers are computed."""
    publish_display_data({"text/markdown": text, "text/plain": text})


def show_figure(chart: Chart, name: str, caption: str) -> None:
    """Show a figure with its caption, and save it as `metadata_<name>.png` in the plots folder."""
    with atomic_write(plots_folder() / f"metadata_{name}.png") as temporary:
        temporary.write_bytes(chart.png)
    output = {
        "image/png": chart.png,
        "text/plain": f"Figure metadata_{name}.png: {caption}",
        FIGURE_DATA: chart.data,
    }
    publish_display_data(output, metadata={"image/png": {"alt": caption}})
    show_text(f"**What to see:** {caption}")


def show_table(rows: pd.DataFrame) -> None:
    """Show a table in full."""
    with pd.option_context("display.max_rows", None, "display.max_columns", None, "display.width", 200):
        publish_display_data({"text/html": rows.to_html(border=0), "text/plain": rows.to_string()})


def show_findings(rows: list[tuple[str, str, str]]) -> None:
    """Show a table of findings. rows: the finding, why it matters to a model, and what this project does about it."""
    lines = [
        "| What the metadata says | Why it matters to a model | What this project does |",
        "|---|---|---|",
    ]
    show_text("\n".join(lines + [f"| {' | '.join(row)} |" for row in rows]))
