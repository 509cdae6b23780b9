//! Coordinates within the ranks, after Brandes and Köpf, "Fast and Simple Horizontal Coordinate Assignment" (2001):
//! four alignments of each vertex with a median neighbour, each compacted, and the mean of the middle two. Bends of one
//! long edge get the same coordinate, so that the edge is straight between its first and its last bend.

use std::collections::HashSet;

use super::order::Layers;

/// The coordinate of the centre of each vertex along its rank; `size` is its extent there, and `gap` the free space
/// between two neighbours.
pub(super) fn coordinates(
    layers: &Layers,
    size: &[f64],
    gap: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let conflicts = conflicts(layers);
    let distance = |a: usize, b: usize| (size[a] + size[b]) / 2.0 + gap(a, b);
    let directions = [(false, false), (false, true), (true, false), (true, true)];
    let layouts = directions.map(|(from_last, from_right)| {
        let mut ranks = layers.ranks.clone();
        let neighbours = if from_last {
            &layers.after
        } else {
            &layers.before
        };
        if from_last {
            ranks.reverse();
        }
        if from_right {
            ranks.iter_mut().for_each(|rank| rank.reverse());
        }
        let root = alignment(&ranks, neighbours, &conflicts, layers.place.len());
        let mut x = compaction(&ranks, &root, distance);
        if from_right {
            x.iter_mut().for_each(|x| *x = -*x);
        }
        (from_right, x)
    });
    balance(&layouts, size)
}

/// Edges between two ranks that cross a segment of a long edge and must give way to it ("type 1 conflicts").
fn conflicts(layers: &Layers) -> HashSet<(usize, usize)> {
    let mut marked = HashSet::new();
    for pair in layers.ranks.windows(2) {
        let (mut left, mut scanned) = (0, 0);
        for (place, &vertex) in pair[1].iter().enumerate() {
            let inner = bend_before(layers, vertex);
            if inner.is_none() && place + 1 < pair[1].len() {
                continue;
            }
            let right = inner.map_or(pair[0].len(), |bend| layers.place[bend]);
            for &lower in &pair[1][scanned..=place] {
                let lower_is_inner = bend_before(layers, lower).is_some();
                for &upper in layers.before[lower].iter().filter(|_| !lower_is_inner) {
                    let at = layers.place[upper];
                    if at < left || at > right {
                        marked.insert((upper, lower));
                    }
                }
            }
            (left, scanned) = (right, place + 1);
        }
    }
    marked
}

/// The bend before `vertex`, if both are bends of one edge.
fn bend_before(layers: &Layers, vertex: usize) -> Option<usize> {
    let before = *layers.before[vertex].first()?;
    (vertex >= layers.nodes && before >= layers.nodes).then_some(before)
}

/// Joins vertices into blocks, each with a median neighbour of the rank before; gives the root of each one's block.
fn alignment(
    ranks: &[Vec<usize>],
    neighbours: &[Vec<usize>],
    conflicts: &HashSet<(usize, usize)>,
    vertices: usize,
) -> Vec<usize> {
    let mut root: Vec<usize> = (0..vertices).collect();
    let mut place = vec![0; vertices];
    for rank in ranks {
        for (at, &vertex) in rank.iter().enumerate() {
            place[vertex] = at;
        }
    }
    let mut sorted = Vec::new();
    for rank in ranks {
        let mut free_from = 0;
        for &vertex in rank {
            sorted.clear();
            sorted.extend(neighbours[vertex].iter().copied());
            sorted.sort_by_key(|&other| place[other]);
            if sorted.is_empty() {
                continue;
            }
            for median in [(sorted.len() - 1) / 2, sorted.len() / 2] {
                let other = sorted[median];
                let blocked =
                    conflicts.contains(&(other, vertex)) || conflicts.contains(&(vertex, other));
                if root[vertex] == vertex && !blocked && place[other] >= free_from {
                    root[vertex] = root[other];
                    free_from = place[other] + 1;
                }
            }
        }
    }
    root
}

/// Places the blocks as far left as their left neighbours allow, then closes gaps by moving each as far right as its
/// right neighbours allow. (Longest paths over the graph of blocks, which avoids the errors of the paper's class
/// offsets; see the erratum of Brandes, Walter and Zink, 2020.)
fn compaction(
    ranks: &[Vec<usize>],
    root: &[usize],
    distance: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let vertices = root.len();
    let mut right: Vec<Vec<(usize, f64)>> = vec![Vec::new(); vertices];
    let mut waiting = vec![0usize; vertices];
    for rank in ranks {
        for pair in rank.windows(2) {
            right[root[pair[0]]].push((root[pair[1]], distance(pair[0], pair[1])));
            waiting[root[pair[1]]] += 1;
        }
    }
    let mut order: Vec<usize> = (0..vertices)
        .filter(|&vertex| root[vertex] == vertex && waiting[vertex] == 0)
        .collect();
    let mut x = vec![0.0f64; vertices];
    let mut cursor = 0;
    while cursor < order.len() {
        let block = order[cursor];
        for &(next, distance) in &right[block] {
            x[next] = x[next].max(x[block] + distance);
            waiting[next] -= 1;
            if waiting[next] == 0 {
                order.push(next);
            }
        }
        cursor += 1;
    }
    for &block in order.iter().rev() {
        let limit = right[block]
            .iter()
            .map(|&(next, distance)| x[next] - distance)
            .fold(f64::INFINITY, f64::min);
        if limit.is_finite() {
            x[block] = x[block].max(limit);
        }
    }
    (0..vertices).map(|vertex| x[root[vertex]]).collect()
}

/// Moves the four layouts onto the narrowest of them and takes the mean of the two middle coordinates of each vertex.
/// The outermost border is 0.
fn balance(layouts: &[(bool, Vec<f64>); 4], size: &[f64]) -> Vec<f64> {
    let borders: Vec<(f64, f64)> = layouts
        .iter()
        .map(|(_, x)| {
            let start = x
                .iter()
                .zip(size)
                .map(|(x, size)| x - size / 2.0)
                .fold(f64::INFINITY, f64::min);
            let end = x
                .iter()
                .zip(size)
                .map(|(x, size)| x + size / 2.0)
                .fold(f64::NEG_INFINITY, f64::max);
            (start, end)
        })
        .collect();
    let narrowest = borders
        .iter()
        .copied()
        .min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
        .unwrap_or((0.0, 0.0));
    let shifts: Vec<f64> = layouts
        .iter()
        .zip(&borders)
        .map(|((from_right, _), border)| {
            if *from_right {
                narrowest.1 - border.1
            } else {
                narrowest.0 - border.0
            }
        })
        .collect();
    let mut middle: Vec<f64> = (0..size.len())
        .map(|vertex| {
            let mut at =
                [0, 1, 2, 3].map(|layout: usize| layouts[layout].1[vertex] + shifts[layout]);
            at.sort_by(f64::total_cmp);
            (at[1] + at[2]) / 2.0
        })
        .collect();
    let start = middle
        .iter()
        .zip(size)
        .map(|(x, size)| x - size / 2.0)
        .fold(f64::INFINITY, f64::min);
    middle.iter_mut().for_each(|x| *x -= start);
    middle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(nodes: usize, rank: &[usize], hops: &[(usize, usize)]) -> Layers {
        let mut layers = Layers::new(nodes, rank, hops);
        layers.reduce_crossings();
        layers
    }

    #[test]
    fn a_chain_is_straight_and_a_parent_is_centred_over_two_children() {
        let chain = layers(3, &[0, 1, 2], &[(0, 1), (1, 2)]);
        assert_eq!(
            coordinates(&chain, &[10.0, 30.0, 20.0], |_, _| 8.0),
            [15.0; 3]
        );
        let fork = layers(3, &[0, 1, 1], &[(0, 1), (0, 2)]);
        let x = coordinates(&fork, &[10.0; 3], |_, _| 10.0);
        assert!((x[0] - (x[1] + x[2]) / 2.0).abs() < 1e-9, "{x:?}");
    }

    #[test]
    fn neighbours_keep_their_distance_and_long_edges_are_straight() {
        // Nodes 0..40 in 8 ranks of 5; vertices from 40 on are the bends of an edge from node 0 to node 39.
        let mut rank: Vec<usize> = (0..40).map(|node| node / 5).collect();
        rank.extend(1..7);
        let mut hops: Vec<(usize, usize)> = (0..35)
            .flat_map(|node| {
                [
                    (node, (node / 5 + 1) * 5 + node * 3 % 5),
                    (node, (node / 5 + 1) * 5 + node * 2 % 5),
                ]
            })
            .collect();
        hops.extend([(0, 40), (45, 39)]);
        hops.extend((40..45).map(|bend| (bend, bend + 1)));
        let layers = layers(40, &rank, &hops);
        let size: Vec<f64> = (0..46)
            .map(|vertex| {
                if vertex < 40 {
                    20.0 + f64::from(vertex % 7)
                } else {
                    2.0
                }
            })
            .collect();
        let x = coordinates(&layers, &size, |_, _| 6.0);
        for rank in &layers.ranks {
            for pair in rank.windows(2) {
                let least = (size[pair[0]] + size[pair[1]]) / 2.0 + 6.0;
                assert!(x[pair[1]] - x[pair[0]] >= least - 1e-6, "{pair:?}");
            }
        }
        assert!(
            x[40..].iter().all(|&bend| (bend - x[40]).abs() < 1e-6),
            "{:?}",
            &x[40..]
        );
    }
}
