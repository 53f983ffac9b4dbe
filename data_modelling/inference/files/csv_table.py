"""Reads the csv files that people and other programs wrote, as named columns of text, with Python's module csv.

Commas, semicolons, tabs or (as in R) blanks may separate cells. The encoding is UTF-8 (also with a byte-order mark),
UTF-16 or cp1252. Capital letters in column names and blanks around cells do not matter. Errors name the file and row.
"""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import chain, count
from pathlib import Path

from data_modelling.inference.errors import InputError
from data_modelling.inference.photo.reader import ENDINGS

SEPARATORS = (",", ";", "\t")
BLANK = " "  # the default of R's write.table
# A first line such as `sep=;`, which tells Excel the separator.
SEPARATOR_HINT = re.compile(r"sep=([,;\t])[ \t]*(\r\n|\r|\n)", re.IGNORECASE)
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
FALLBACK_ENCODING = "cp1252"  # the encoding of Windows programs in western Europe
# How R, pandas, Excel (German too), databases and people write a missing value, in small letters. "unknown" is not in
# the list, because the parsers of inference.details read it as missing.
MISSING = frozenset(
    {"na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "<na>", "#nv", "k.a.", "k. a.", "-", "--", "?", "."}
)
DECIMAL_COMMA = re.compile(r"\A([+-]?[0-9]*),([0-9]+)\Z")
NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)")
MAX_CELL = 131_072  # characters; the csv module's limit
NAMED = 10  # how many entries a message names
TITLE_ROWS = 20  # how many of the first rows are searched for a header below title rows
SHOWN = 40  # characters of a name that a message shows


@dataclass(frozen=True)
class CsvTable:
    """Holds the columns of a csv file as text.

    columns: the cells by column name; a missing cell is "". row_numbers: the number of each row in a spreadsheet (the
    header is row 1). notes: sentences on unusual parts of the file. numbers: names of the columns of numbers.
    """

    path: Path
    columns: dict[str, list[str]]
    row_numbers: list[int]
    notes: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.row_numbers)

    def row(self, index: int) -> dict[str, str]:
        """Return one row's cells by column name."""
        return {name: cells[index] for name, cells in self.columns.items()}

    def compared_row(self, index: int) -> tuple[str | float, ...]:
        """Return one row's cells for comparisons, without capital letters and with numbers as floats."""
        return tuple(
            float(text.replace(",", "."))
            if name in self.numbers and NUMBER.fullmatch(text)
            else text.casefold()
            for name, text in self.row(index).items()
        )


@dataclass
class RowFindings:
    """Lists repeated and contradictory rows; an entry names the id and the row, such as `ISIC_0024306 (row 5)`.

    without_details: ids without a row in the separate file of patient details that some data sets have.
    """

    repeated: list[str] = field(default_factory=list)
    contradictory: list[str] = field(default_factory=list)
    without_details: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """Return one line for each kind of finding that occurs."""
        counted = (
            ("repeated rows, each counted once", self.repeated),
            ("contradictory rows, all left out", self.contradictory),
            ("rows without details", self.without_details),
        )
        return [f"{kind}: {len(entries)} ({shortened_list(entries)})" for kind, entries in counted if entries]


def read_csv_table(
    path: Path,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    aliases: Mapping[str, Sequence[str]] | None = None,
    ids: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> CsvTable:
    """Read the named columns of a csv file.

    optional: columns that may be absent; their cells are then "". aliases: other names that each column may have. ids:
    columns of image ids; see `normalize_image_id`. numbers: columns of numbers; a decimal comma becomes a point unless
    the separator is the comma. In all columns except `ids`, each text in MISSING becomes "". Raises InputError if the
    file or a row cannot be read, or if a column is missing or occurs twice.
    """
    accepted = {
        name: [_normalize_name(other) for other in (name, *(aliases or {}).get(name, ()))] for name in columns
    }
    text, notes = _read_text(path)
    hint = SEPARATOR_HINT.match(text)
    separator = hint[1] if hint else _separator(text, accepted)
    records = _records(path, text[hint.end() if hint else 0 :], separator, first_row=2 if hint else 1)
    _, header = next(records, (0, []))
    places = {name: _column_place(path, header, names) for name, names in accepted.items()}
    required = [name for name in columns if name not in optional]
    missing = [name for name in required if places[name] is None]
    if missing:
        below = _header_below(text, [accepted[name] for name in required])
        raise InputError(
            f"{path} lacks the column {', '.join(missing)}; it needs {', '.join(required)}, and has "
            f"{', '.join(_printable(name.strip()) for name in header) or 'none'}.{below}"
        )
    rows = list(records)
    row_numbers = [number for number, _ in rows]
    cells = _even_rows(path, len(header), rows)
    table: dict[str, list[str]] = {}
    for name in columns:
        place = places[name]
        values = [""] * len(rows) if place is None else [row[place].strip() for row in cells]
        if name in ids:
            values = [normalize_image_id(value) for value in values]
        else:
            values, note = _without_missing_spellings(name, values, row_numbers)
            notes += note
        if name in numbers and separator != ",":
            values = [DECIMAL_COMMA.sub(r"\1.\2", value) for value in values]
        table[name] = values
    return CsvTable(path, table, row_numbers, tuple(f"{path}: {note}" for note in notes), tuple(numbers))


def distinct_rows(table: CsvTable, key: str) -> tuple[list[int], RowFindings]:
    """Return the indices of the rows that count, and the findings on the others.

    Of rows that are equal in all columns (see CsvTable.compared_row), the first counts. Different rows with the same
    value in the column `key` contradict each other, and none of them counts. Raises InputError for a row without a key.
    """
    indices_by_key: dict[str, list[int]] = {}
    for index, value in enumerate(table.columns[key]):
        if not value:
            raise InputError(
                f"{table.path}, row {table.row_numbers[index]}: the {key} is not named; fill it in, or remove the row."
            )
        indices_by_key.setdefault(value, []).append(index)
    findings, counting = RowFindings(), []
    for value, indices in indices_by_key.items():
        if len(indices) > 1:
            rows = [str(table.row_numbers[index]) for index in indices]
            if len({table.compared_row(index) for index in indices}) > 1:
                findings.contradictory += [f"{_printable(value)} (row {row})" for row in rows]
                continue
            findings.repeated += [f"{_printable(value)} (row {row})" for row in rows[1:]]
        counting.append(indices[0])
    return sorted(counting), findings


def normalize_image_id(text: str) -> str:
    """Return an image id, changed by `normalize_file_name`, without blanks around it and without its photo endings."""
    text = normalize_file_name(text.strip())
    while os.path.splitext(text)[1].lower() in ENDINGS:
        text = os.path.splitext(text)[0].rstrip()
    return text


def normalize_file_name(name: str) -> str:
    """Return a file's name in Unicode's composed form (NFC).

    If the name's bytes are not UTF-8, as in archives made on Windows, they are read as cp1252. Python itself reads a
    byte that is not UTF-8 as a surrogate, a character that cannot be written to a file.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        name = name.encode("utf-8", "surrogateescape").decode(FALLBACK_ENCODING, "replace")
    return unicodedata.normalize("NFC", name)


def shortened_list(names: Iterable[str], shown: int = NAMED) -> str:
    """Return the first names, joined by commas, with `...` if there are more."""
    listed = list(names)
    return ", ".join(listed[:shown]) + (", ..." if len(listed) > shown else "")


def _read_text(path: Path) -> tuple[str, list[str]]:
    """Return a file's text without a byte-order mark, and notes on its encoding."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    notes: list[str] = []
    encodings = _encodings(data)
    try:
        text = data.decode(encodings[0])
    except UnicodeDecodeError as error:
        try:
            text = data.decode(encodings[-1])
        except UnicodeDecodeError:
            row = 1 + len(re.findall(rb"\r\n|\r|\n", data[: error.start]))
            raise InputError(
                f"{path}, row {row}: a byte is not {' or '.join(encodings)}; save the file as csv in UTF-8."
            ) from error
        notes.append(f"the text is not UTF-8 and is read as {encodings[-1]}.")
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        row = 1 + len(re.findall(r"\r\n|\r|\n", text[: text.index("\0")]))
        raise InputError(
            f"{path}, row {row}: there is a NUL byte, so this is no csv file; get or save it again."
        )
    return text, notes


def _encodings(data: bytes) -> tuple[str, ...]:
    """Return the encodings to try, according to a file's first bytes."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return (encoding,)
    if len(data) % 2 == 0 and b"\0" in (data[:1], data[1:2]):  # UTF-16 without a mark
        return ("utf-16-be" if data[:1] == b"\0" else "utf-16-le",)
    return ("utf-8", FALLBACK_ENCODING)


def _records(path: Path, text: str, separator: str, first_row: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with its number; blank rows are counted but not yielded."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    for number in count(first_row):
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{path}, row {number}: {_csv_fault(str(error))}") from error
        if any(cell.strip() for cell in row):
            yield number, row


def _csv_fault(message: str) -> str:
    """Return a sentence for an error of the csv module."""
    if "field limit" in message:
        return f"a cell has more than {MAX_CELL:,} characters; a quotation mark may be missing before it."
    if "unexpected end" in message:
        return "a quotation mark opens in this row or below it and is never closed; close it."
    if "expected after" in message:
        return "text follows a closing quotation mark; double the quotation marks inside a cell."
    return f"it cannot be read as csv ({' '.join(message.split())}); save the file again."


def _separator(text: str, accepted: Mapping[str, Sequence[str]]) -> str:
    """Return the separator with which the header has the most accepted names or, among equals, the most cells."""
    wanted = set(chain.from_iterable(accepted.values()))

    def score(separator: str) -> tuple[int, int]:
        rows = csv.reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        try:
            header = next((row for row in rows if any(cell.strip() for cell in row)), [])
        except csv.Error:
            return 0, 0
        return len(wanted & {_normalize_name(name) for name in header}), len(header)

    best = max(SEPARATORS, key=score)
    return BLANK if not score(best)[0] and score(BLANK)[0] > 1 else best  # BLANK only if the others fail


def _header_below(text: str, required: Sequence[Sequence[str]]) -> str:
    """Return a sentence that names a row with all required columns below title rows, or "" if there is no such row."""
    for number, line in enumerate(text.splitlines()[:TITLE_ROWS], start=1):
        for separator in SEPARATORS:
            names = {_normalize_name(cell.strip(' "')) for cell in line.split(separator)}
            if all(names.intersection(accepted) for accepted in required):
                return f" Row {number} has them: remove the rows above it."
    return ""


def _normalize_name(name: str) -> str:
    """Return a column's name in small letters and composed form (NFC), with one underscore for each run of blanks."""
    return "_".join(unicodedata.normalize("NFC", name).replace("\ufeff", "").casefold().split())


def _column_place(path: Path, header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the place of the first of `names` in the header, or None; raise InputError if that name occurs twice."""
    present = [_normalize_name(name) for name in header]
    for name in names:
        if present.count(name) > 1:
            shown = _printable(header[present.index(name)].strip())
            raise InputError(f"{path} has {present.count(name)} columns {shown}; keep one of them.")
        if name in present:
            return present.index(name)
    return None


def _even_rows(path: Path, width: int, rows: Sequence[tuple[int, list[str]]]) -> list[list[str]]:
    """Return the rows with `width` cells each: missing last cells become empty, and empty surplus cells are dropped.

    R's write.table writes row names in a first column without a header; this column is dropped if it counts from 1.
    """
    if len(rows) > 1 and all(
        len(row) == width + 1 and row[0] == str(index) for index, (_, row) in enumerate(rows, start=1)
    ):
        return [row[1:] for _, row in rows]
    for number, row in rows:
        if any(cell.strip() for cell in row[width:]):
            raise InputError(
                f"{path}, row {number}: there are {len(row)} cells, but the header has {width}; if a cell contains the "
                "separator, put the cell into quotation marks."
            )
    return [row[:width] + [""] * (width - len(row)) for _, row in rows]


def _without_missing_spellings(
    name: str, values: list[str], row_numbers: Sequence[int]
) -> tuple[list[str], list[str]]:
    """Return a column with "" for each text in MISSING, and a note that counts these cells."""
    spelled = [index for index, value in enumerate(values) if value.lower() in MISSING]
    if not spelled:
        return values, []
    spellings = ", ".join(sorted({values[index] for index in spelled}))
    count, first = f"{len(spelled):,}", row_numbers[spelled[0]]
    note = f"{spellings} in {count} cells of {name} (first in row {first}) is read as missing."
    return ["" if value.lower() in MISSING else value for value in values], [note]


def _printable(text: str) -> str:
    """Return text for a message: on one line, and cut after SHOWN characters."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
