"""Peers of ops/table/examples/load_bench.rs: the same JSON lines into Parquet.

    python tests/bench/load_peers.py pyarrow|polars|pandas FILE.jsonl [github]

Prints seconds, megabytes a second and peak memory of the one run. With `github` only the columns
that the github-issues layout has are kept, as a user of these libraries would write it.
"""

import os
import resource
import sys
import tempfile
import time

KEPT = [
    "number", "title", "body", "labels", "state", "user", "created_at", "updated_at", "closed_at",
    "comments", "pull_request", "html_url",
]


def with_pyarrow(path, out, github):
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet

    table = pyarrow.json.read_json(path, pyarrow.json.ReadOptions(block_size=8 << 20))
    if github:
        table = table.select(KEPT)
    pyarrow.parquet.write_table(table, out, compression="lz4")
    return table.num_rows


def with_polars(path, out, github):
    import polars as pl

    frame = pl.scan_ndjson(path)
    if github:
        frame = frame.select(KEPT).with_columns(
            labels=pl.col("labels").list.eval(pl.element().struct.field("name")),
            author=pl.col("user").struct.field("login"),
            is_pull_request=pl.col("pull_request").is_not_null(),
        ).drop("user", "pull_request")
    frame.sink_parquet(out, compression="lz4")
    return pl.scan_parquet(out).select(pl.len()).collect().item()


def with_pandas(path, out, github):
    import pandas as pd

    first = None
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 0
    for part in pd.read_json(path, lines=True, chunksize=50_000, convert_dates=False):
        if github:
            part = part[KEPT]
            part = part.assign(
                labels=[[label["name"] for label in labels] for labels in part["labels"]],
                author=[user["login"] for user in part["user"]],
                is_pull_request=part["pull_request"].notna(),
            ).drop(columns=["user", "pull_request"])
        table = pa.Table.from_pandas(part, preserve_index=False)
        if first is None:
            first = pq.ParquetWriter(out, table.schema, compression="lz4")
        first.write_table(table.cast(first.schema))
        rows += len(part)
    first.close()
    return rows


def main():
    library, path = sys.argv[1:3]
    github = sys.argv[3:] == ["github"]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.parquet")
        start = time.perf_counter()
        rows = {"pyarrow": with_pyarrow, "polars": with_polars, "pandas": with_pandas}[library](path, out, github)
        seconds = time.perf_counter() - start
        size = os.path.getsize(out)
    megabytes = os.path.getsize(path) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(
        f"{library}: {rows} rows, {megabytes:.0f} MB in, {size / 1e6:.0f} MB out, {seconds:.2f} s, "
        f"{megabytes / seconds:.0f} MB/s, peak {peak:.0f} MB"
    )


main()
