from tests.fuzz.keep import chosen, steps
from tests.fuzz.seeds import PICTURE, saved

GREY, COLOUR = saved("PNG", PICTURE.convert("L")), saved("PNG")


def test_steps_are_those_of_the_reader_and_of_the_libraries_under_it():
    saved("PNG")
    steps(COLOUR)  # what is run once in a process
    files = {file.rsplit("/", 2)[-2] + "/" + file.rsplit("/", 1)[-1] for file, _, _ in steps(COLOUR)}
    assert {"photo/reader.py", "PIL/PngImagePlugin.py"} < files
    assert not any(file.startswith("fuzz/") for file in files)
    assert steps(COLOUR) == steps(COLOUR) != steps(saved("JPEG"))


def test_of_files_that_reach_the_same_the_smallest_is_kept():
    steps(COLOUR)
    larger = COLOUR + bytes(2)  # two, for the crop goes by whether the length is even
    assert steps(larger) == steps(COLOUR)
    assert chosen([larger, COLOUR, larger]) == [COLOUR]


def test_a_file_that_reaches_something_new_is_kept_beside_a_smaller_one():
    steps(GREY)
    kept = chosen([COLOUR, GREY, b""])
    assert kept[0] == b""
    assert len(kept) > 1
    assert set().union(*map(steps, kept)) == steps(COLOUR) | steps(GREY) | steps(b"")
