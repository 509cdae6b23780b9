//! Labels that do not overlap.

/// Moves the centres `wanted` apart until neighbours are at least `gap` from each other and all lie between `low` and
/// `high`, with the least sum of squared moves (isotonic regression by pooling adjacent violators). Their order stays.
/// If there is no room for all, the gap shrinks.
pub(super) fn spread(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let spaces = (wanted.len() - 1) as f64;
    let gap = if spaces > 0.0 {
        gap.min((high - low).max(0.0) / spaces)
    } else {
        gap
    };
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));

    // Pools of neighbours that touch: how many, and the sum of where they would start.
    let mut pools: Vec<(f64, f64)> = Vec::new();
    for (rank, &index) in order.iter().enumerate() {
        let mut pool = (1.0, wanted[index] - gap * rank as f64);
        while let Some(&(size, sum)) = pools
            .last()
            .filter(|(size, sum)| sum / size > pool.1 / pool.0)
        {
            pool = (size + pool.0, sum + pool.1);
            pools.pop();
        }
        pools.push(pool);
    }

    let starts = pools
        .iter()
        .flat_map(|&(size, sum)| std::iter::repeat_n(sum / size, size as usize));
    let last_start = (high - gap * spaces).max(low);
    let mut placed = vec![0.0; wanted.len()];
    for ((rank, &index), start) in order.iter().enumerate().zip(starts) {
        placed[index] = start.clamp(low, last_start) + gap * rank as f64;
    }
    placed
}

/// The row of each label in a line of labels given by centre and width, from left to right: the first row in which it
/// is at least `gap` from its left neighbour, of at most `rows`; `None` where it fits into none.
pub(super) fn stagger(labels: &[(f64, f64)], gap: f64, rows: usize) -> Vec<Option<usize>> {
    let mut ends = vec![f64::NEG_INFINITY; rows];
    labels
        .iter()
        .map(|&(centre, width)| {
            let row = ends
                .iter()
                .position(|&end| centre - width / 2.0 >= end + gap)?;
            ends[row] = centre + width / 2.0;
            Some(row)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_do_not_touch_stay_where_they_are() {
        assert_eq!(
            spread(&[50.0, 10.0, 30.0], 12.0, 0.0, 100.0),
            [50.0, 10.0, 30.0]
        );
    }

    #[test]
    fn touching_labels_move_apart_around_their_mean_and_stay_inside() {
        assert_eq!(
            spread(&[50.0, 50.0, 50.0], 10.0, 0.0, 100.0),
            [40.0, 50.0, 60.0]
        );
        assert_eq!(spread(&[1.0, 1.0], 10.0, 0.0, 100.0), [0.0, 10.0]);
        assert_eq!(spread(&[99.0, 99.0], 10.0, 0.0, 100.0), [90.0, 100.0]);
    }

    #[test]
    fn labels_keep_the_gap_and_the_order() {
        let wanted = [3.0, 80.0, 4.0, 81.0, 79.0, 5.0, 40.0];
        let placed = spread(&wanted, 9.0, 0.0, 90.0);
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
        assert!(
            order
                .windows(2)
                .all(|pair| placed[pair[1]] - placed[pair[0]] >= 9.0 - 1e-9)
        );
        assert!(placed.iter().all(|&y| (0.0..=90.0).contains(&y)));
    }

    #[test]
    fn where_there_is_no_room_the_gap_shrinks() {
        assert_eq!(spread(&[5.0; 3], 20.0, 0.0, 10.0), [0.0, 5.0, 10.0]);
    }

    #[test]
    fn a_label_that_would_touch_its_neighbour_takes_the_next_row() {
        let rows = stagger(
            &[
                (0.0, 20.0),
                (15.0, 20.0),
                (40.0, 20.0),
                (41.0, 20.0),
                (42.0, 20.0),
            ],
            4.0,
            2,
        );
        assert_eq!(rows, [Some(0), Some(1), Some(0), Some(1), None]);
    }
}
