//! From a file in `shaders/` to the WGSL that is compiled: conditions, defines, prelude.

/// What every source may use; see the file.
const PRELUDE: &str = include_str!("../../../../shaders/prelude.wgsl");

/// The whole WGSL: `enable` lines first, where the language wants them, then the prelude, then the source. In the source
/// `{{NAME}}` stands for the define of that name, and lines between `#if NAME`, `#else` and `#endif` are kept where that is
/// `1`, or dropped where it is `0` or not defined.
pub(super) fn expand(source: &str, defines: &[(&str, String)]) -> Result<String, String> {
    let value_of = |name: &str| {
        defines
            .iter()
            .find(|(defined, _)| *defined == name)
            .map(|(_, value)| value.as_str())
    };
    let mut enables = String::new();
    let mut rest = String::with_capacity(source.len());
    // For each open condition, whether its present branch is kept.
    let mut open: Vec<bool> = Vec::new();
    for line in source.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix("#if ") {
            open.push(value_of(name.trim()) == Some("1"));
        } else if trimmed == "#else" {
            let last = open.last_mut().ok_or("#else without #if")?;
            *last = !*last;
        } else if trimmed == "#endif" {
            open.pop().ok_or("#endif without #if")?;
        } else if open.iter().all(|&kept| kept) {
            let target = if trimmed.starts_with("enable ") {
                &mut enables
            } else {
                &mut rest
            };
            substitute(line, &value_of, target)?;
            target.push('\n');
        }
    }
    if !open.is_empty() {
        return Err("#if without #endif".to_owned());
    }
    Ok(format!("{enables}{PRELUDE}\n{rest}"))
}

fn substitute<'a>(
    line: &str,
    value_of: &impl Fn(&str) -> Option<&'a str>,
    target: &mut String,
) -> Result<(), String> {
    let mut left = line;
    while let Some((before, after)) = left.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or("{{ without }}")?;
        let value = value_of(name).ok_or_else(|| {
            format!("the source has {{{{{name}}}}}, which the launch does not define")
        })?;
        target.push_str(before);
        target.push_str(value);
        left = after;
    }
    target.push_str(left);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PRELUDE, expand};

    fn defines<'a>(pairs: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
        pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    }

    #[test]
    fn conditions_nest_and_undefined_ones_are_false() {
        let source =
            "a\n#if X\nb\n#if Y\nc\n#else\nd\n#endif\n#else\n#if Y\ne\n#endif\nf\n#endif\ng";
        let kept = |pairs: &[(&str, &str)]| {
            let text = expand(source, &defines(pairs)).unwrap();
            text.strip_prefix(PRELUDE)
                .unwrap()
                .split_whitespace()
                .collect::<String>()
        };
        assert_eq!(kept(&[]), "afg");
        assert_eq!(kept(&[("X", "1")]), "abdg");
        assert_eq!(kept(&[("X", "1"), ("Y", "1")]), "abcg");
        assert_eq!(kept(&[("X", "0"), ("Y", "1")]), "aefg");
        assert!(expand("#if X\n", &[]).is_err());
        assert!(expand("#endif\n", &[]).is_err());
        assert!(expand("#else\n", &[]).is_err());
    }

    #[test]
    fn enables_come_first_and_defines_are_replaced() {
        let text = expand(
            "// {{N}}\nenable f16;\nlet x = {{N}}u + {{N}}{{M}};",
            &defines(&[("N", "3"), ("M", "f")]),
        )
        .unwrap();
        assert!(text.starts_with("enable f16;\n"));
        assert!(text.ends_with("// 3\nlet x = 3u + 3f;\n"));
        assert!(expand("{{N}}", &[]).unwrap_err().contains("N"));
        assert!(expand("{{N", &[]).is_err());
    }
}
