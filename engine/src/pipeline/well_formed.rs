//! The quick way to read a TOML document: values are built straight from the parser's events, and whatever is wrong or
//! rare (array tables, dotted keys, tables three deep) is left to [`parse_document`](super::value::parse_document),
//! which knows the words for it. 2.6 times as fast as by way of `toml`'s own tables (`tests/bench/RESULTS.md`).

use std::borrow::Cow;
use std::collections::HashSet;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::{EventReceiver, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, ParseError, Source, Span as Place};

use super::value::{Data, Key, Span, Value};

/// How deep arrays and inline tables may lie in each other; as in `toml`.
const DEEPEST: u32 = 80;

/// The document, unless there is anything wrong or rare in it.
pub fn read(text: &str) -> Option<Value> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut builder = Builder::new(source);
    let mut mistaken = Mistaken(false);
    {
        let mut receiver = ValidateWhitespace::new(&mut builder, source);
        let mut receiver = RecursionGuard::new(&mut receiver, DEEPEST);
        parse_document(&tokens, &mut receiver, &mut mistaken);
    }
    if mistaken.0 {
        return None;
    }
    builder.finish()
}

struct Mistaken(bool);

impl ErrorSink for Mistaken {
    fn report_error(&mut self, _: ParseError) {
        self.0 = true;
    }
}

type Entries = Vec<(Key, Value)>;

/// An array or inline table whose end has not come yet.
enum Open {
    Array(usize, Vec<Value>),
    Table(usize, Entries, Option<Key>),
}

struct Builder<'s> {
    source: Source<'s>,
    root: Entries,
    /// The table that key and value pairs go to: its header's place, its keys, its entries; none before the first header.
    header: Option<(Span, Vec<Key>)>,
    is_header_open: bool,
    entries: Entries,
    key: Option<Key>,
    open: Vec<Open>,
    has_given_up: bool,
}

impl<'s> Builder<'s> {
    fn new(source: Source<'s>) -> Builder<'s> {
        Builder {
            source,
            root: Vec::new(),
            header: None,
            is_header_open: false,
            entries: Vec::new(),
            key: None,
            open: Vec::new(),
            has_given_up: false,
        }
    }

    fn finish(mut self) -> Option<Value> {
        self.close_table();
        let is_whole = self.key.is_none() && self.open.is_empty();
        if self.has_given_up || !is_whole || has_twins(&self.root) {
            return None;
        }
        let mut tables = self.root.iter().map(|(_, value)| value.entries());
        if tables.any(has_twins) {
            return None;
        }
        Some(Value {
            data: Data::Table(self.root),
            span: 0..0,
        })
    }

    /// Puts the table that was read last into its place.
    fn close_table(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        self.has_given_up |= has_twins(&entries);
        let Some((span, mut keys)) = self.header.take() else {
            self.root = entries;
            return;
        };
        let table = Value {
            data: Data::Table(entries),
            span,
        };
        let (last, first) = (keys.pop(), keys.pop());
        match (first, last) {
            (None, Some(key)) => self.root.push((key, table)),
            (Some(parent), Some(key)) if keys.is_empty() => {
                // Headers of one parent follow each other.
                let found = self
                    .root
                    .iter_mut()
                    .rev()
                    .find(|(key, _)| key.name == parent.name);
                match found {
                    Some((_, Value { data, span })) => match data {
                        // Spans of headers begin before their key; those of implied tables are their key's.
                        Data::Table(siblings)
                            if self.source.input().as_bytes()[span.start] != b'{' =>
                        {
                            siblings.push((key, table));
                        }
                        _ => self.has_given_up = true,
                    },
                    None => {
                        let span = parent.span.clone();
                        let data = Data::Table(vec![(key, table)]);
                        self.root.push((parent, Value { data, span }));
                    }
                }
            }
            _ => self.has_given_up = true,
        }
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(Open::Array(_, items)) => items.push(value),
            Some(Open::Table(_, entries, key)) => match key.take() {
                Some(key) => entries.push((key, value)),
                None => self.has_given_up = true,
            },
            None => match self.key.take() {
                Some(key) => self.entries.push((key, value)),
                None => self.has_given_up = true,
            },
        }
    }

    fn decoded_key(
        &mut self,
        place: Place,
        encoding: Option<Encoding>,
        errors: &mut dyn ErrorSink,
    ) -> Option<Key> {
        let raw = self.source.get(place)?;
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, place);
        let mut name = Cow::Borrowed("");
        raw.decode_key(&mut name, errors);
        Some(Key {
            name: name.into_owned(),
            span: place.start()..place.end(),
        })
    }

    fn decoded_scalar(
        &mut self,
        place: Place,
        encoding: Option<Encoding>,
        errors: &mut dyn ErrorSink,
    ) -> Option<Data> {
        let raw = self.source.get(place)?;
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, place);
        let mut text = Cow::Borrowed("");
        match raw.decode_scalar(&mut text, errors) {
            ScalarKind::String => Some(Data::String(text.into_owned())),
            ScalarKind::Boolean(flag) => Some(Data::Boolean(flag)),
            ScalarKind::Integer(radix) => i64::from_str_radix(&text, radix.value())
                .ok()
                .map(Data::Integer),
            ScalarKind::Float => text.parse().ok().map(Data::Float),
            ScalarKind::DateTime => None,
        }
    }
}

/// Whether two entries have the same key.
fn has_twins(entries: &[(Key, Value)]) -> bool {
    if entries.len() < 16 {
        let name = |at: usize| &entries[at].0.name;
        return (1..entries.len()).any(|at| (0..at).any(|before| name(before) == name(at)));
    }
    let names: HashSet<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
    names.len() < entries.len()
}

impl EventReceiver for Builder<'_> {
    fn std_table_open(&mut self, place: Place, _: &mut dyn ErrorSink) {
        self.close_table();
        self.header = Some((place.start()..place.end(), Vec::with_capacity(2)));
        self.is_header_open = true;
    }

    fn std_table_close(&mut self, place: Place, _: &mut dyn ErrorSink) {
        self.is_header_open = false;
        if let Some((span, _)) = &mut self.header {
            span.end = place.end();
        }
    }

    fn array_table_open(&mut self, _: Place, _: &mut dyn ErrorSink) {
        self.has_given_up = true;
    }

    fn inline_table_open(&mut self, place: Place, _: &mut dyn ErrorSink) -> bool {
        self.open.push(Open::Table(place.start(), Vec::new(), None));
        true
    }

    fn inline_table_close(&mut self, place: Place, _: &mut dyn ErrorSink) {
        match self.open.pop() {
            Some(Open::Table(start, entries, None)) => {
                self.has_given_up |= has_twins(&entries);
                self.put(Value {
                    data: Data::Table(entries),
                    span: start..place.end(),
                });
            }
            _ => self.has_given_up = true,
        }
    }

    fn array_open(&mut self, place: Place, _: &mut dyn ErrorSink) -> bool {
        self.open.push(Open::Array(place.start(), Vec::new()));
        true
    }

    fn array_close(&mut self, place: Place, _: &mut dyn ErrorSink) {
        match self.open.pop() {
            Some(Open::Array(start, items)) => self.put(Value {
                data: Data::Array(items),
                span: start..place.end(),
            }),
            _ => self.has_given_up = true,
        }
    }

    fn simple_key(&mut self, place: Place, encoding: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let Some(key) = self.decoded_key(place, encoding, errors) else {
            self.has_given_up = true;
            return;
        };
        if self.is_header_open
            && let Some((_, keys)) = &mut self.header
        {
            keys.push(key);
            return;
        }
        let waiting = match self.open.last_mut() {
            Some(Open::Table(_, _, waiting)) => waiting,
            Some(Open::Array(..)) => {
                self.has_given_up = true;
                return;
            }
            None => &mut self.key,
        };
        self.has_given_up |= waiting.replace(key).is_some();
    }

    fn key_sep(&mut self, _: Place, _: &mut dyn ErrorSink) {
        self.has_given_up |= !self.is_header_open;
    }

    fn scalar(&mut self, place: Place, encoding: Option<Encoding>, errors: &mut dyn ErrorSink) {
        match self.decoded_scalar(place, encoding, errors) {
            Some(data) => self.put(Value {
                data,
                span: place.start()..place.end(),
            }),
            None => self.has_given_up = true,
        }
    }

    fn error(&mut self, _: Place, _: &mut dyn ErrorSink) {
        self.has_given_up = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mistake::Mistakes;
    use super::super::value::parse_recoverable;
    use super::*;

    const GOOD: &str = r#"# a comment
        top = 1
        [pipeline]
        name = "x" # another
        seed = 0x2A
        [steps.a]
        op = 'load'
        float = 1_000.5
        flags = [true, false, [1, 2,],
            { x = 1, "y z" = """two
lines""" }]
        input = { train = "b.part", valid = { from = "c" } }
        [vars]
        n = -3
        e = 6.02e23
        i = inf
        [steps."b c"]
        text = "tab \t and \u00e9"
        [ steps . d ]
    "#;

    fn by_tables(text: &str) -> Option<Value> {
        let mut mistakes = Mistakes::default();
        let value = parse_recoverable(text, &mut mistakes);
        mistakes.is_empty().then_some(value)
    }

    #[test]
    fn a_document_reads_as_by_way_of_tables_places_included() {
        let read = read(GOOD);
        assert!(read.is_some());
        assert_eq!(format!("{read:?}"), format!("{:?}", by_tables(GOOD)));
    }

    #[test]
    fn what_is_wrong_or_rare_is_left_to_the_other_way() {
        for text in [
            "a = 1\na = 2",
            "[a]\n[a]",
            "[a.b]\nc = 1\n[a.b]",
            "[a.b]\n[a]",
            "[[a]]",
            "a.b = 1",
            "[a.b.c]",
            "a = { b = 1 }\n[a.c]",
            "a = 1\n[a.c]",
            "[a]\nb = 1\n[a.b]",
            "a = { b = 1, b = 2 }",
            "a = 99999999999999999999",
            "a = 2026-11-24",
            "a = ",
            "a = [1",
            "= 1",
            "[a",
            "[]",
            "a b = 1",
            "a = \"\\q\"",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_read_reads_as_by_way_of_tables(
            at in 0..GOOD.len(),
            length in 0usize..40,
            put in "[\\[\\]{}=\"'$.,\\n a-c0-9]{0,12}",
        ) {
            let end = (at + length).min(GOOD.len());
            if GOOD.is_char_boundary(at) && GOOD.is_char_boundary(end) {
                let text = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
                if let Some(read) = read(&text) {
                    prop_assert_eq!(format!("{:?}", Some(read)), format!("{:?}", by_tables(&text)), "{}", text);
                }
            }
        }
    }
}
