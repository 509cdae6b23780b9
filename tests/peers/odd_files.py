"""What Python's csv and json modules make of odd but legal files.

    python tests/peers/odd_files.py

Writes tests/fixtures/table/odd.csv and odd.csv.json (the rows as csv.reader reads them), and
odd.jsonl and odd.jsonl.json (the texts as json.loads reads them).
"""

import csv
import io
import json
import pathlib
import random

FOLDER = pathlib.Path(__file__).parent.parent / "fixtures" / "table"
PIECES = ["a", "é", "😀", '"', '""', ",", "\n", "\r\n", "\t", " ", "'", "\\", "x,y", "0", "line\u2028sep", "\u0000x"]


def odd_text(random_source, pieces):
    return "".join(random_source.choice(pieces) for _ in range(random_source.randint(0, 7)))


def write_csv():
    source = random.Random(7)
    out = io.StringIO()
    out.write("a,b,c\r\n")
    for row in range(120):
        fields = [odd_text(source, PIECES[:-1]) for _ in range(3)]
        if row % 3 == 0:
            csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
        elif row % 3 == 1:
            csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(fields)
        else:
            # Quotes inside an unquoted field are plain characters.
            plain = ["x" + field.replace(",", "").replace("\n", "").replace("\r", "") for field in fields]
            out.write(",".join(plain) + "\n")
    text = out.getvalue()
    (FOLDER / "odd.csv").write_bytes(text.encode())
    rows = list(csv.reader(io.StringIO(text, newline="")))
    (FOLDER / "odd.csv.json").write_text(json.dumps(rows[1:], ensure_ascii=True, indent=0) + "\n")


def write_jsonl():
    source = random.Random(8)
    lines, texts = [], []
    for row in range(120):
        text = odd_text(source, PIECES)
        literal = json.dumps(text, ensure_ascii=row % 2 == 0)
        if row % 5 == 0:
            literal = literal.replace("a", "\\u0061").replace("x", "\\u0078")
        line = '{"n":%d,"t":%s}' % (row, literal)
        lines.append(line)
        texts.append(json.loads(line)["t"])
    (FOLDER / "odd.jsonl").write_bytes(("\n".join(lines) + "\n").encode())
    (FOLDER / "odd.jsonl.json").write_text(json.dumps(texts, ensure_ascii=True, indent=0) + "\n")


FOLDER.mkdir(parents=True, exist_ok=True)
write_csv()
write_jsonl()
