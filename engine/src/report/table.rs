//! A table of texts, for the terminal, for Markdown and for HTML.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::markup::{escaped, push};

/// Columns and rows. A row may be shorter than the header, then its last cells are empty, or longer, then the columns
/// beyond the header have no name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextTable {
    /// The header.
    pub columns: Vec<Column>,
    /// The cells, row by row.
    pub rows: Vec<Vec<String>>,
}

/// A column's header.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// What the column is called.
    pub name: String,
    /// Where its cells stand.
    pub align: Align,
}

/// Where cells stand in their column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// For texts.
    #[default]
    Left,
    /// For numbers.
    Right,
    /// For marks.
    Centre,
}

/// Between two columns in a terminal.
const GAP: &str = "  ";
/// Columns are not cut below this width, unless they are narrower by nature.
const LEAST: usize = 8;

/// A cell of more characters than this may take several lines in HTML.
const LONG: usize = 60;

impl Column {
    /// A column of texts.
    pub fn text(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            align: Align::Left,
        }
    }

    /// A column of numbers.
    pub fn number(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            align: Align::Right,
        }
    }
}

impl TextTable {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Aligned text, a line a row. With a `width` (in terminal cells) no line is longer: the widest columns are cut,
    /// with `…` where text is missing, and if that is not enough the last columns are left out, which a line below the
    /// table says. Line breaks within a cell become `⏎`, other control characters `�`.
    pub fn to_text(&self, width: Option<usize>) -> String {
        let count = self.width();
        let header: Vec<String> = (0..count)
            .map(|column| one_line(self.name(column)))
            .collect();
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| {
                (0..count)
                    .map(|column| one_line(cell(row, column)))
                    .collect()
            })
            .collect();
        let natural: Vec<usize> = (0..count)
            .map(|column| {
                let cells = rows.iter().map(|row| row[column].width());
                cells.chain([header[column].width()]).max().unwrap_or(0)
            })
            .collect();
        let widths = match width {
            Some(limit) => shrink(&natural, limit),
            None => natural,
        };

        let mut out = String::new();
        let mut line = |cells: &[String]| {
            let mut text = String::new();
            for (column, &width) in widths.iter().enumerate() {
                if column > 0 {
                    text.push_str(GAP);
                }
                text.push_str(&padded(
                    &cut(&cells[column], width),
                    width,
                    self.align(column),
                ));
            }
            out.push_str(text.trim_end());
            out.push('\n');
        };
        line(&header);
        line(
            &widths
                .iter()
                .map(|&width| "─".repeat(width))
                .chain(vec![String::new(); count])
                .collect::<Vec<_>>(),
        );
        rows.iter().for_each(|row| line(row));
        if widths.len() < count {
            let note = format!("… and {} more columns", count - widths.len());
            push(
                &mut out,
                format_args!("{}\n", cut(&note, width.unwrap_or(usize::MAX))),
            );
        }
        out
    }

    /// A table in GitHub-flavoured Markdown. Cells are text: what Markdown would read as markup is escaped.
    pub fn to_markdown(&self) -> String {
        let count = self.width();
        let mut out = String::new();
        let mut line = |cells: &mut dyn Iterator<Item = String>| {
            out.push('|');
            for cell in cells {
                push(&mut out, format_args!(" {cell} |"));
            }
            out.push('\n');
        };
        line(&mut (0..count).map(|column| markdown(self.name(column))));
        line(&mut (0..count).map(|column| {
            let rule = match self.align(column) {
                Align::Left => ":--",
                Align::Right => "--:",
                Align::Centre => ":-:",
            };
            rule.to_owned()
        }));
        for row in &self.rows {
            line(&mut (0..count).map(|column| markdown(cell(row, column))));
        }
        out
    }

    /// An HTML `table` element. Its header cells are buttons that the report's page makes sort the rows.
    pub fn to_html(&self) -> String {
        let count = self.width();
        let class = |column| match self.align(column) {
            Align::Left => "",
            Align::Right => " class=\"number\"",
            Align::Centre => " class=\"centre\"",
        };
        let mut out = String::from("<table class=\"sortable\"><thead><tr>");
        for column in 0..count {
            push(
                &mut out,
                format_args!(
                    "<th scope=\"col\"{}><button type=\"button\">{}</button></th>",
                    class(column),
                    escaped(self.name(column))
                ),
            );
        }
        out.push_str("</tr></thead><tbody>");
        for row in &self.rows {
            out.push_str("<tr>");
            for column in 0..count {
                let text = cell(row, column);
                if text.chars().nth(LONG).is_some() {
                    push(
                        &mut out,
                        format_args!("<td class=\"long\"><div>{}</div></td>", escaped(text)),
                    );
                } else {
                    push(
                        &mut out,
                        format_args!("<td{}>{}</td>", class(column), escaped(text)),
                    );
                }
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table>");
        out
    }

    fn width(&self) -> usize {
        self.rows
            .iter()
            .map(Vec::len)
            .chain([self.columns.len()])
            .max()
            .unwrap_or(0)
    }

    fn name(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |column| &column.name)
    }

    fn align(&self, column: usize) -> Align {
        self.columns
            .get(column)
            .map_or(Align::Left, |column| column.align)
    }
}

fn cell(row: &[String], column: usize) -> &str {
    row.get(column).map_or("", String::as_str)
}

/// Widths of as many columns as fit into `limit`, the widest cut first.
fn shrink(natural: &[usize], limit: usize) -> Vec<usize> {
    let mut shown = natural.len();
    let least = |columns: &[usize]| {
        columns.iter().map(|&width| width.min(LEAST)).sum::<usize>()
            + GAP.len() * columns.len().saturating_sub(1)
    };
    while shown > 1 && least(&natural[..shown]) > limit {
        shown -= 1;
    }
    let mut widths = natural[..shown].to_vec();
    let room = limit.saturating_sub(GAP.len() * shown.saturating_sub(1));
    // The largest cap on all widths with which they fit.
    if widths.iter().sum::<usize>() > room {
        let total = |cap: usize| widths.iter().map(|&width| width.min(cap)).sum::<usize>();
        let (mut fits, mut exceeds) = (0, room + 1);
        while exceeds - fits > 1 {
            let cap = (fits + exceeds) / 2;
            if total(cap) <= room {
                fits = cap
            } else {
                exceeds = cap
            }
        }
        let mut spare = room - total(fits);
        for width in &mut widths {
            if *width > fits {
                let extra = usize::from(spare > 0);
                *width = fits + extra;
                spare -= extra;
            }
        }
    }
    widths
}

/// The longest beginning of `text` that fits into `width` terminal cells together with `…`, or all of it.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut end = 0;
    for (index, c) in text.char_indices() {
        let next = index + c.len_utf8();
        // Marks that take no cell of their own belong to the character before them.
        if text[..next].width() > width - 1 && c.width() != Some(0) {
            break;
        }
        end = next;
    }
    format!("{}…", &text[..end])
}

fn padded(text: &str, width: usize, align: Align) -> String {
    let free = width.saturating_sub(text.width());
    let left = match align {
        Align::Left => 0,
        Align::Right => free,
        Align::Centre => free / 2,
    };
    format!("{}{text}{}", " ".repeat(left), " ".repeat(free - left))
}

fn one_line(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars()
        .map(|c| match c {
            '\n' | '\r' => '⏎',
            '\t' => ' ',
            // Right-to-left overrides and terminal escapes could make a cell look like another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' | '\r' => out.push_str("<br>"),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table() -> TextTable {
        let mut table = TextTable::new([
            Column::text("label"),
            Column::number("F1"),
            Column::number("n"),
        ]);
        for row in [
            ["bug", "0.912", "178"],
            ["データセット", "0.5", "24"],
            ["dataset request", "–", "9"],
        ] {
            table.rows.push(row.map(str::to_owned).to_vec());
        }
        table
    }

    #[test]
    fn columns_align_by_what_terminals_show() {
        let expected = "\
label               F1    n
───────────────  ─────  ───
bug              0.912  178
データセット       0.5   24
dataset request      –    9
";
        assert_eq!(table().to_text(None), expected);
    }

    #[test]
    fn the_widest_column_is_cut_first() {
        let expected = "\
label        F1    n
────────  ─────  ───
bug       0.912  178
データ…     0.5   24
dataset…      –    9
";
        assert_eq!(table().to_text(Some(20)), expected);
    }

    #[test]
    fn columns_that_do_not_fit_are_counted() {
        assert!(
            table().to_text(Some(16)).ends_with("… and 1 more co…\n"),
            "{}",
            table().to_text(Some(16))
        );
    }

    #[test]
    fn a_cell_cannot_break_its_line_or_steer_the_terminal() {
        let mut table = TextTable::new([Column::text("text")]);
        table
            .rows
            .push(vec!["two\nlines\u{1b}[31m\tred".to_owned()]);
        assert_eq!(
            table.to_text(None).lines().last(),
            Some("two⏎lines�[31m red")
        );
    }

    #[test]
    fn markdown_cells_are_text() {
        let mut table = table();
        table.rows = vec![vec!["a|b*c\n<i>".to_owned()]];
        assert_eq!(
            table.to_markdown(),
            "| label | F1 | n |\n| :-- | --: | --: |\n| a\\|b\\*c<br>&lt;i> |  |  |\n"
        );
    }

    #[test]
    fn html_cells_are_text_and_numbers_have_a_class() {
        let mut table = table();
        table.rows = vec![vec![
            "<script>".to_owned(),
            "1".to_owned(),
            "2".to_owned(),
            "beyond".to_owned(),
        ]];
        let html = table.to_html();
        roxmltree::Document::parse(&html).unwrap();
        assert!(html.contains("<td>&lt;script&gt;</td><td class=\"number\">1</td><td class=\"number\">2</td><td>beyond</td>"));
    }

    #[test]
    fn a_long_cell_may_wrap() {
        let mut table = TextTable::new([Column::text("text")]);
        table.rows = vec![vec!["x".repeat(60)], vec!["x".repeat(61)]];
        assert_eq!(table.to_html().matches("<td class=\"long\">").count(), 1);
    }

    proptest! {
        #[test]
        fn no_line_exceeds_the_width(
            rows in prop::collection::vec(prop::collection::vec(any::<String>(), 0..6), 0..6),
            width in 1usize..80,
        ) {
            let table = TextTable { columns: vec![Column::text("a"), Column::number("b")], rows };
            for line in table.to_text(Some(width)).lines() {
                prop_assert!(line.width() <= width, "{line:?}");
            }
            table.to_markdown();
            let html = table.to_html();
            prop_assert!(roxmltree::Document::parse(&html).is_ok());
        }
    }
}
