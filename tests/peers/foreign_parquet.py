"""Makes a Parquet file with the types that other tools write, and what Python's standard library says its values are.

    pip install pyarrow
    python tests/peers/foreign_parquet.py

Writes tests/fixtures/table/foreign.parquet, and foreign.json with the expected type and values of each column.
"""

import datetime as dt
import decimal
import json
import pathlib
import zoneinfo

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent.parent / "fixtures" / "table"
UTC = dt.timezone.utc
MOMENTS = [
    dt.datetime(2025, 2, 27, 8, 11, 36),
    None,
    dt.datetime(1969, 12, 31, 23, 59, 59),
    dt.datetime(2400, 2, 29, 0, 0, 0),
]
FRACTIONS = [moment and moment.replace(microsecond=250_000) for moment in MOMENTS]
EARLY = [moment and moment.replace(year=min(moment.year, 2200), day=27) for moment in FRACTIONS]
TEXTS = ["é", None, "", "long enough to leave the view 😀"]


def iso(moments, zone=None, timespec="auto"):
    """As `datetime.isoformat` writes them; the moments are in UTC."""
    def text(moment):
        if zone:
            moment = moment.replace(tzinfo=UTC).astimezone(zone)
        return moment.isoformat(timespec=timespec).replace("+00:00", "Z")

    return [moment and text(moment) for moment in moments]


def columns():
    """Name, Arrow type, values, expected type, expected values."""
    small = [1, None, -7, 100]
    for width in [8, 16, 32]:
        yield f"int{width}", getattr(pa, f"int{width}")(), small, "int", small
    unsigned = [1, None, 0, 200]
    for width in [8, 16, 32]:
        yield f"uint{width}", getattr(pa, f"uint{width}")(), unsigned, "int", unsigned
    large = [2**63 - 1, None, 0, 1]
    yield "uint64", pa.uint64(), large, "int", large
    exact = [1.5, None, -0.25, 3.0]
    for width in [16, 32]:
        yield f"float{width}", getattr(pa, f"float{width}")(), exact, "float", exact
    for bits, digits in [(32, 9), (64, 18), (128, 38), (256, 76)]:
        texts = ["1.10", None, "-0.07", "9" * (digits - 2) + ".99"]
        values = [text and decimal.Decimal(text) for text in texts]
        expected = [text and float(text) for text in texts]
        yield f"decimal{bits}", getattr(pa, f"decimal{bits}")(digits, 2), values, "float", expected
    yield "bool", pa.bool_(), [True, None, False, True], "bool", [True, None, False, True]
    yield "null", pa.null(), [None] * 4, "text", [None] * 4
    for name, kind in [("large_string", pa.large_string()), ("string_view", pa.string_view()),
                       ("dictionary", pa.dictionary(pa.int8(), pa.string()))]:
        yield name, kind, TEXTS, "text", TEXTS
    dates = [moment and moment.date() for moment in MOMENTS]
    yield "date32", pa.date32(), dates, "text", iso_dates(dates)
    yield "date64", pa.date64(), dates, "text", [date and f"{date}T00:00:00" for date in iso_dates(dates)]
    for unit in ["s", "ms"]:
        times = [moment and moment.time() for moment in (MOMENTS if unit == "s" else FRACTIONS)]
        yield f"time32_{unit}", pa.time32(unit), times, "text", [t and short(t.isoformat()) for t in times]
    for unit in ["us", "ns"]:
        times = [moment and moment.time() for moment in FRACTIONS]
        yield f"time64_{unit}", pa.time64(unit), times, "text", [t and short(t.isoformat()) for t in times]
    for unit, moments in [("s", MOMENTS), ("ms", FRACTIONS), ("us", FRACTIONS), ("ns", EARLY)]:
        yield f"timestamp_{unit}", pa.timestamp(unit), moments, "text", [t and short(t) for t in iso(moments)]
    zones = [("utc", "UTC", UTC), ("offset", "+05:30", dt.timezone(dt.timedelta(hours=5, minutes=30))),
             # The offsets of a named zone are not in the file.
             ("berlin", "Europe/Berlin", UTC)]
    for name, zone, shown in zones:
        aware = [moment and moment.replace(tzinfo=UTC) for moment in MOMENTS]
        if zone == "Europe/Berlin":
            aware = [moment and moment.astimezone(zoneinfo.ZoneInfo(zone)) for moment in aware]
        yield f"timestamp_{name}", pa.timestamp("us", zone), aware, "text", iso(MOMENTS, shown)
    lists = [["a", None], None, [], ["b"]]
    yield "large_list", pa.large_list(pa.string()), lists, "lists of text", lists
    yield "list_large_string", pa.list_(pa.large_string()), lists, "lists of text", lists
    yield "list_dictionary", pa.list_(pa.dictionary(pa.int32(), pa.string())), lists, "lists of text", lists


def iso_dates(dates):
    return [date and date.isoformat() for date in dates]


def short(text):
    """Three digits of a fraction where three are enough."""
    return text[:-3] if text.endswith("000") and "." in text else text


def main():
    arrays, expected = {}, {}
    for name, kind, values, found, wanted in columns():
        arrays[name] = pa.array(values, kind)
        expected[name] = {"type": found, "values": wanted}
    pq.write_table(pa.table(arrays), FOLDER / "foreign.parquet", compression="snappy")
    lines = [f"{json.dumps(name)}: {json.dumps(column)}" for name, column in expected.items()]
    (FOLDER / "foreign.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
