"""Small texts written for the fixtures: short, long, empty, in several scripts, with marks and odd spaces."""

TEXTS = [
    "Reading a Parquet file drops the timezone",
    "reading a parquet file DROPS the time zone of a column, again and again",
    "",
    "   \n\t ",
    "a b c d e",
    "don't re-use the x2 cache_dir; it's been 3 years!",
    "ΟΔΟΣ και ΣΟΦΟΣ ΑΣ'Α ΣΣ",
    "İstanbul'da IŞIK yok; ılık su",
    "naïve café crème brûlée, e\u0301te\u0301 with marks",
    "中文 分词 不 容易 中文",
    "हिन्दी में खोज काम नहीं करती",
    "x² + y³ = ½ of Ⅷ, ①② and ٣٤",
    "tabs\tand\u00a0hard\u2003spaces\u001cand  two",
    "def load(path: str) -> Table:\n    return Table(path)\n\ndef save(table): ...",
    "😀😀 emoji only matter 👍🏽 here",
    "memory grows memory grows memory grows until the kernel kills it",
    "How do I stream a dataset without loading it? Streaming fails with KeyError: 'text'",
    "Streaming a dataset in shards: the second shard is read twice",
    "add the docs for streaming",
    "Typo in the docs of load()",
    "Straße STRASSE straße ẞ",
    "один два три один ДВА",
    "supercalifragilisticexpialidocious_and_even_longer_identifiers_0123456789",
    "to be or not to be that is",
]

OTHERS = [
    "a file that streams, with a timezone and a typo",
    "",
    "unseenword only",
    "memory МEMORY один the the the",
]
