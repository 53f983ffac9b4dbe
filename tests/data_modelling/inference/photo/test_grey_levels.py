import numpy as np
import pytest

from data_modelling.inference.photo.grey_levels import (
    LINEAR_EXACT,
    SIGMOID,
    LevelRule,
    LookupTable,
    Window,
)


def grey(values, bits, dtype=np.uint16, **rule):
    return LevelRule(**rule).levels(np.array([values], dtype), bits).tolist()[0]


def test_without_a_window_the_whole_range_is_shown():
    assert grey([0, 2048, 4095], 12) == [0, 128, 255]  # 2048 / 4095 * 255 = 127.53
    assert grey([-32768, 0, 32767], 16, np.int16) == [0, 128, 255]
    assert grey([0, 1], 1, np.uint8) == [0, 255]
    assert grey([0, 2**31, 2**32 - 1], 32, np.uint32) == [0, 128, 255]


def test_polarity_and_slope():
    assert grey([0, 4095], 12, is_inverted=True) == [255, 0]
    assert grey([0, 4095], 12, slope=-2.0, intercept=7.0) == [255, 0]
    assert grey([0, 1024, 4095], 12, slope=0.5, intercept=-100.0) == [0, 64, 255]


def test_windows_by_hand():
    """PS3.3, C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5), here (x - 99.5) / 200 + 0.5 of 255."""
    window = Window(100, 201)
    assert grey([0, 50, 100, 150, 200, 400], 12, window=window) == [1, 64, 128, 192, 255, 255]
    exact = Window(100, 200, LINEAR_EXACT)  # (x - 100) / 200 + 0.5
    assert grey([0, 50, 100, 150, 200], 12, window=exact) == [0, 64, 128, 191, 255]
    sigmoid = Window(100, 200, SIGMOID)  # 1 / (1 + exp(-4 (x - 100) / 200)): at 150 1 / (1 + e^-1) = 0.731
    assert grey([100, 150], 12, window=sigmoid) == [128, 186]
    assert grey([99, 100, 101], 12, window=Window(100, 1)) == [0, 255, 255]
    # Rescaled first: 2 x - 100 in a window from 0 to 200.
    assert grey([50, 100, 150], 12, slope=2.0, intercept=-100.0, window=exact) == [0, 128, 255]


def test_windows_that_are_none():
    assert not Window(0, 0).is_valid
    assert not Window(float("nan"), 5).is_valid
    assert not Window(0, 5, "OTHER").is_valid
    assert Window(0, 0.5, LINEAR_EXACT).is_valid


def test_tables_by_hand():
    table = LookupTable(np.array([0, 10, 20], np.uint8), 100, 8)
    assert table.apply(np.array([0.0, 100, 101, 102, 999])).tolist() == [0, 0, 10, 20, 20]
    assert grey([0, 101, 102], 12, voi=table) == [0, 10, 20]
    assert grey([0, 101, 102], 12, modality=table) == [0, 10, 20]  # the whole range of the table's 8 bits


def test_tables_are_parsed_as_their_descriptor_says():
    little = LookupTable.parse((2, 5, 16), b"\1\2\xff\xff", byteorder="little")
    assert (little.entries.tolist(), little.first, little.bits) == ([513, 65535], 5, 16)
    assert LookupTable.parse((2, 5, 16), b"\1\2\xff\xff", byteorder="big").entries.tolist() == [258, 65535]
    palette = LookupTable.parse((2, 0, 8), b"\1\2", b"\3\4", b"\5\6", byteorder="little")
    assert palette.entries.tolist() == [[1, 3, 5], [2, 4, 6]]
    eight_in_sixteen = LookupTable.parse((1, 0, 16), b"\xc8\0", b"\x64\0", b"\x32\0", byteorder="little")
    assert LevelRule(voi=eight_in_sixteen).levels(np.array([[0]], np.uint8), 8).tolist() == [[[200, 100, 50]]]
    sixteen = LookupTable.parse((1, 0, 16), b"\0\xc8", b"\0\x64", b"\0\x32", byteorder="little")
    assert LevelRule(voi=sixteen).levels(np.array([[7]], np.uint8), 8).tolist() == [[[199, 100, 50]]]


@pytest.mark.parametrize(
    ("descriptor", "data"),
    [((3, 0, 16), b"\0\0"), ((0, 0, 8), b"\0"), ((1, 0, 0), b"\0\0"), ((2, 0, 4), b"\xff\0\0\0")],
)
def test_tables_that_do_not_fit_are_refused(descriptor, data):
    with pytest.raises(ValueError, match="lookup table"):
        LookupTable.parse(descriptor, data, byteorder="little")


def test_colours_of_sixteen_bits():
    assert LevelRule().levels(np.array([[[0, 32768, 65535]]], np.uint16), 16).tolist() == [[[0, 128, 255]]]
    assert LevelRule().levels(np.array([[[0, 2048, 4095]]], ">u2"), 12).tolist() == [[[0, 128, 255]]]
