//! The shapes that tell series apart where colour does not.

use crate::report::svg::{Canvas, SERIES_COLOURS, number};

/// Classes of the colour and dash of series `index`.
pub(super) fn classes(index: usize) -> String {
    let colour = index % SERIES_COLOURS;
    match index / SERIES_COLOURS % 3 {
        0 => format!("s{colour}"),
        dash => format!("s{colour} d{dash}"),
    }
}

/// Draws the marker of series `index` around `(x, y)`.
pub(super) fn draw(canvas: &mut Canvas, index: usize, (x, y): (f64, f64), radius: f64) {
    let class = format!("s{} fill mark", index % SERIES_COLOURS);
    let r = radius;
    let at = |offsets: &[(f64, f64)]| -> Vec<(f64, f64)> {
        offsets
            .iter()
            .map(|(dx, dy)| (x + dx * r, y + dy * r))
            .collect()
    };
    let arm = 0.38;
    let shape = match index % 7 {
        0 => {
            canvas.push(format_args!(
                "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
                number(x),
                number(y),
                number(r)
            ));
            return;
        }
        1 => at(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        2 => at(&[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)]),
        3 => at(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
        4 => at(&[(0.0, 1.15), (1.1, -0.85), (-1.1, -0.85)]),
        5 => at(&[
            (-arm, -1.2),
            (arm, -1.2),
            (arm, -arm),
            (1.2, -arm),
            (1.2, arm),
            (arm, arm),
            (arm, 1.2),
            (-arm, 1.2),
            (-arm, arm),
            (-1.2, arm),
            (-1.2, -arm),
            (-arm, -arm),
        ]),
        _ => at(&[
            (0.0, -1.2),
            (1.15, -0.3),
            (0.7, 1.0),
            (-0.7, 1.0),
            (-1.15, -0.3),
        ]),
    };
    canvas.polygon(&class, &shape);
}
