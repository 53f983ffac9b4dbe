import json
from pathlib import Path


def test_a_bundle_of_new_weights_learned_from_nothing_else(smoke_run: Path) -> None:
    assert json.loads((smoke_run / "metadata.json").read_text())["also_learned_from"] == []
