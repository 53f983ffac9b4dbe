from dataclasses import replace
from pathlib import Path

from data_modelling.settings import read_settings
from data_modelling.tuning.confirmation import _begun
from tests.conftest import PROJECT


def test_what_another_best_was_trained_to_is_not_taken_for_this_one(tmp_path: Path) -> None:
    """A search that goes on with more trials may find another best; one that was begun and is the same goes on."""
    found = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    network = tmp_path / "best" / "fold1" / "network.keras"
    network.parent.mkdir(parents=True)
    network.write_bytes(b"of a search from before there was the note")
    assert _begun(tmp_path / "best", found) == tmp_path / "best"
    assert not network.exists()
    network.parent.mkdir()
    network.write_bytes(b"trained for an hour")
    _begun(tmp_path / "best", found)
    assert network.read_bytes() == b"trained for an hour"
    _begun(tmp_path / "best", replace(found, network=replace(found.network, widths=(64, 128))))
    assert not network.exists()
