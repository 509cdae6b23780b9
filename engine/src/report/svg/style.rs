//! The colours and type of every drawing, light and dark.
//!
//! Series take the palette of Okabe and Ito ("Color Universal Design", 2008), which people with any of the common
//! colour-vision deficiencies can tell apart; hues that are too faint on the page are darkened (light) or lightened
//! (dark) to a contrast of at least 3:1 with it. Their yellow is left out: no shade of it is legible on white.
//! No meaning rests on colour alone: series differ in marker and dash as well, states in their sign.

use std::sync::LazyLock;

use crate::report::markup::push;

/// How many hues series have before they repeat with another dash.
pub(in super::super) const SERIES_COLOURS: usize = 7;

/// Name, colour on a light page, colour on a dark page.
const COLOURS: [(&str, &str, &str); 20] = [
    ("surface", "#ffffff", "#151a20"),
    ("ink", "#1b2129", "#e9ecf0"),
    ("muted", "#57606c", "#a3adb9"),
    ("axis", "#8c96a3", "#6b7685"),
    ("grid", "#e6e9ed", "#2a313a"),
    ("heat", "#0072b2", "#2f8fd0"),
    // Series.
    ("s0", "#0072b2", "#4fa6de"),
    ("s1", "#d55e00", "#ee8138"),
    ("s2", "#008f68", "#2bbf93"),
    ("s3", "#b0568c", "#dd9ac3"),
    ("s4", "#b07400", "#e6a919"),
    ("s5", "#4b5563", "#c3cad3"),
    ("s6", "#2b8cc4", "#9bd2f5"),
    // States of a step.
    ("run", "#19784a", "#45bd83"),
    ("cached", "#51687f", "#93a9be"),
    ("failed", "#bf2f1c", "#ff7d6b"),
    ("skipped", "#767e89", "#87919d"),
    ("planned", "#1668a8", "#5fb0ea"),
    ("failed-tint", "#fdf1ef", "#2d1a1a"),
    ("choice", "#d55e00", "#ee8138"),
];

/// The rules that give a class its paint.
const RULES: &str = "\
svg.drawing{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:12px;\
font-variant-numeric:tabular-nums}\
svg.drawing .narrow{display:none}\
.drawing text{fill:@ink}.drawing .background{fill:@surface}\
.drawing .title{font-size:15px;font-weight:600}.drawing .heading{font-size:13px;font-weight:600}\
.drawing text.muted{fill:@muted}.drawing .small{font-size:11px}.drawing .strong{font-weight:600}\
.drawing .halo{paint-order:stroke;stroke:@surface;stroke-width:4px;stroke-linejoin:round}\
.drawing .grid{stroke:@grid}.drawing .axis{stroke:@axis}.drawing .leader{stroke:@axis;stroke-width:.75px}\
.drawing .reference{stroke:@muted;stroke-dasharray:3 3}\
.drawing .curve{fill:none;stroke-width:2px;stroke-linejoin:round;stroke-linecap:round}\
.drawing .mark{stroke:@surface;stroke-width:1.25px}.drawing .band{opacity:.13}\
.drawing .d1{stroke-dasharray:6 4}.drawing .d2{stroke-dasharray:2 4}\
.drawing .bar{fill:@s0}.drawing .whisker{stroke:@ink;stroke-width:1.25px}\
.drawing .heat{fill:@heat}.drawing .best{fill:none;stroke:@ink;stroke-width:2px}\
.drawing .choice-line{stroke:@choice;stroke-width:1.5px;stroke-dasharray:4 3}\
.drawing .choice{fill:@choice;stroke:@surface;stroke-width:2px}\
.drawing .edge{fill:none;stroke:@axis;stroke-width:1.4px}.drawing .arrow{fill:@axis}\
.drawing .box{fill:@surface;stroke:@axis;stroke-width:1.1px}.drawing a:hover .box,.drawing a:focus .box{stroke:@ink;stroke-width:1.8px}\
.drawing a{outline:none}\
.drawing .skipped .box{stroke-dasharray:4 3}.drawing .failed .box{fill:@failed-tint;stroke:@failed;stroke-width:1.6px}\
.drawing .sign{stroke:none}.drawing .glyph{fill:none;stroke:@surface;stroke-width:1.8px;stroke-linecap:round;stroke-linejoin:round}\
.drawing .run .sign{fill:@run}.drawing .failed .sign{fill:@failed}\
.drawing .cached .sign,.drawing .skipped .sign,.drawing .planned .sign{fill:@surface;stroke-width:1.6px}\
.drawing .cached .sign{stroke:@cached}.drawing .cached .glyph{stroke:@cached}\
.drawing .skipped .sign{stroke:@skipped}.drawing .skipped .glyph{stroke:@skipped}\
.drawing .planned .sign{stroke:@planned;stroke-dasharray:2.5 2}.drawing .planned .glyph{stroke:@planned}\
.drawing .pill{fill:@grid}";

static STYLESHEET: LazyLock<String> = LazyLock::new(|| {
    let mut sheet = String::from("<style>");
    for declaration in RULES.split_inclusive([';', '}']) {
        paint(&mut sheet, declaration);
    }
    for (name, _, _) in COLOURS.iter().filter(|(name, _, _)| is_series(name)) {
        for (class, property) in [("stroke", "stroke"), ("fill", "fill")] {
            push(&mut sheet, format_args!(".drawing .{name}.{class}{{"));
            paint(&mut sheet, &format!("{property}:@{name}}}"));
        }
    }
    push(
        &mut sheet,
        format_args!("@media screen and (prefers-color-scheme:dark){{svg.drawing{{"),
    );
    for (name, _, dark) in COLOURS {
        push(
            &mut sheet,
            format_args!("--d-{name}:var(--page-{name},{dark});"),
        );
    }
    sheet.push_str("}}</style>");
    sheet
});

/// The style element that every drawing contains, word for word. A program that knows no CSS variables sees the light
/// colours.
pub(in super::super) fn style_element() -> &'static str {
    &STYLESHEET
}

/// Writes one declaration; `@name` in its value stands for that colour, given plainly and again as a variable.
fn paint(sheet: &mut String, declaration: &str) {
    let Some((before, after)) = declaration.split_once('@') else {
        sheet.push_str(declaration);
        return;
    };
    let end = after.find([';', '}']).unwrap_or(after.len());
    let (name, close) = after.split_at(end);
    let light = COLOURS
        .iter()
        .find(|(known, _, _)| *known == name)
        .map_or("#000000", |(_, light, _)| light);
    let property = before.rsplit('{').next().unwrap_or(before);
    push(
        sheet,
        format_args!("{before}{light};{property}var(--d-{name},var(--page-{name},{light})){close}"),
    );
}

fn is_series(name: &str) -> bool {
    name.strip_prefix('s')
        .is_some_and(|rest| rest.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(name: &str, dark: bool) -> [f64; 3] {
        let (_, light_hex, dark_hex) = COLOURS.iter().find(|(known, _, _)| *known == name).unwrap();
        let hex = if dark { dark_hex } else { light_hex };
        [1, 3, 5].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
    }

    /// WCAG 2.2, "relative luminance" and "contrast ratio".
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let luminance = |c: [f64; 3]| {
            let [r, g, b] = c.map(|v| {
                if v <= 0.040_45 {
                    v / 12.92
                } else {
                    ((v + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_from_the_surface_in_both_schemes() {
        for dark in [false, true] {
            let surface = colour("surface", dark);
            for (name, _, _) in COLOURS {
                let least = match name {
                    "ink" | "muted" => 4.5,
                    "surface" | "grid" | "failed-tint" => continue,
                    "axis" => 2.9,
                    _ => 3.0,
                };
                let ratio = contrast(colour(name, dark), surface);
                assert!(
                    ratio >= least,
                    "{name} has contrast {ratio:.2} (dark: {dark})"
                );
            }
        }
    }

    #[test]
    fn a_value_is_readable_on_every_shade_of_the_heat_map() {
        for dark in [false, true] {
            let (surface, heat, ink) = (
                colour("surface", dark),
                colour("heat", dark),
                colour("ink", dark),
            );
            for step in 0..=20 {
                let opacity = crate::report::plot::heat_opacity(f64::from(step) / 20.0);
                let shade = [0, 1, 2].map(|i| surface[i] * (1.0 - opacity) + heat[i] * opacity);
                let ratio = contrast(ink, shade);
                assert!(
                    ratio >= 4.5,
                    "opacity {opacity:.2} has contrast {ratio:.2} (dark: {dark})"
                );
            }
        }
    }

    #[test]
    fn every_colour_of_the_rules_is_known_and_none_is_left_as_a_placeholder() {
        assert!(!style_element().replace("@media", "").contains('@'));
        for name in RULES
            .split('@')
            .skip(1)
            .map(|rest| rest.split([';', '}']).next().unwrap())
        {
            assert!(COLOURS.iter().any(|(known, _, _)| *known == name), "{name}");
        }
    }
}
