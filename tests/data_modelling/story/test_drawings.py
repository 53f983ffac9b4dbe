from pathlib import Path

from PIL import Image

from data_modelling.story.drawings import draw_story
from data_modelling.story.rows import rows
from tests.data_modelling.story.made import bundle, told


def test_a_matrix_a_step_and_the_architecture_under_their_names(tmp_path: Path) -> None:
    steps = [told("unchanged", 0, 0), told("sampled", 8, 5), told("final", 12, 4)]
    metadata = bundle().metadata
    draw_story(tmp_path, rows(steps, (), bundle()), metadata)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "CNN_final_model_architecture.png",
        "confusion_matrix_balanced_dataset_final_model.png",
        "confusion_matrix_balanced_dataset_first_model.png",
        "confusion_matrix_unchanged_dataset_first_model.png",
    ]
    for name in names:
        with Image.open(tmp_path / name) as drawn:
            assert drawn.width > 1000
    before = [(tmp_path / name).read_bytes() for name in names]
    draw_story(tmp_path, rows(steps, (), bundle()), metadata)
    assert [(tmp_path / name).read_bytes() for name in names] == before
    assert before[1] != before[3]
