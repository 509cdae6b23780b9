//! Where nodes stand and how edges run. Positions have two axes: `along` the ranks, in reading direction, and `across`.

use std::collections::HashMap;

use super::order::Layers;
use super::place::coordinates;
use super::rank::ranks;

/// What the layout has to know of a graph.
pub(super) struct Input {
    /// Extent of each node along and across.
    pub nodes: Vec<Extent>,
    /// Edges.
    pub edges: Vec<Link>,
    /// Free space between nodes of a rank.
    pub gap: f64,
}

#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub along: f64,
    pub across: f64,
}

/// An edge. Those from one node with the same `bundle` share their way as far as they can.
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    pub bundle: usize,
    /// Extent of its label, zero where there is none.
    pub label: Extent,
}

/// Everything in its place; all coordinates are at least 0.
pub(super) struct Layout {
    /// Box of each node.
    pub nodes: Vec<Placed>,
    /// The ways that edges run, each drawn once.
    pub ways: Vec<Way>,
    /// Whole extent.
    pub size: Extent,
}

/// A box: where it starts and how far it extends.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    pub along: f64,
    pub across: f64,
    pub extent: Extent,
}

/// A way through points that are to be joined pairwise: first to second by a curve, second to third by a straight line,
/// and so on. A way that ends at a node carries the index of its edge.
pub(super) struct Way {
    pub points: Vec<(f64, f64)>,
    pub edge: Option<usize>,
}

/// Least room between two ranks.
const RANK_GAP: f64 = 34.0;
/// Room for an arrowhead behind a label.
pub(super) const ARROW: f64 = 9.0;
/// Room across for a bend.
const BEND: f64 = 10.0;

pub(super) fn layout(input: &Input) -> Layout {
    let pairs: Vec<(usize, usize)> = input
        .edges
        .iter()
        .map(|edge| (edge.from, edge.to))
        .collect();
    let (mut rank, mut kept) = ranks(input.nodes.len(), &pairs);
    // Short edges first, so that a bundle grows bend by bend.
    kept.sort_by_key(|&edge| rank[pairs[edge].1]);
    let chains = chains(input, &mut rank, &kept);

    let mut layers = Layers::new(input.nodes.len(), &rank, &chains.hops);
    layers.reduce_crossings();
    let nodes = input.nodes.len();
    let size: Vec<f64> = (0..rank.len())
        .map(|vertex| input.nodes.get(vertex).map_or(BEND, |node| node.across))
        .collect();
    let gap = |a: usize, b: usize| {
        if a < nodes && b < nodes {
            input.gap
        } else {
            input.gap * 0.5
        }
    };
    let across = coordinates(&layers, &size, gap);

    let columns = columns(input, &layers, &chains, &across, &rank);
    let placed = (0..nodes)
        .map(|node| {
            let column = columns[rank[node]];
            let extent = Extent {
                along: column.1,
                across: input.nodes[node].across,
            };
            Placed {
                along: column.0,
                across: across[node] - extent.across / 2.0,
                extent,
            }
        })
        .collect();
    let ways = ways(input, &chains, &across, &columns, &rank);
    let end = columns.last().map_or(0.0, |column| column.0 + column.1);
    let width = across
        .iter()
        .zip(&size)
        .map(|(centre, size)| centre + size / 2.0)
        .fold(0.0, f64::max);
    Layout {
        nodes: placed,
        ways,
        size: Extent {
            along: end,
            across: width,
        },
    }
}

/// The bends of long edges.
struct Chains {
    /// For each edge drawn: its index and the vertices it passes, both ends included.
    paths: Vec<(usize, Vec<usize>)>,
    /// Every step from a vertex to one in the next rank, once.
    hops: Vec<(usize, usize)>,
}

fn chains(input: &Input, rank: &mut Vec<usize>, edges: &[usize]) -> Chains {
    let mut bends: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
    let mut chains = Chains {
        paths: Vec::with_capacity(edges.len()),
        hops: Vec::new(),
    };
    for &index in edges {
        let edge = &input.edges[index];
        let chain = bends.entry((edge.from, edge.bundle)).or_default();
        let needed = rank[edge.to] - rank[edge.from] - 1;
        while chain.len() < needed {
            let bend = rank.len();
            rank.push(rank[edge.from] + chain.len() + 1);
            chains
                .hops
                .push((chain.last().copied().unwrap_or(edge.from), bend));
            chain.push(bend);
        }
        let mut path = vec![edge.from];
        path.extend(&chain[..needed]);
        chains.hops.push((path[path.len() - 1], edge.to));
        path.push(edge.to);
        chains.paths.push((index, path));
    }
    chains
}

/// Start and extent of each rank. The room before a rank holds its longest label, and grows where edges climb far.
fn columns(
    input: &Input,
    layers: &Layers,
    chains: &Chains,
    across: &[f64],
    rank: &[usize],
) -> Vec<(f64, f64)> {
    let mut room = vec![0.0f64; layers.ranks.len()];
    for (edge, path) in &chains.paths {
        let label = input.edges[*edge].label.along;
        let to = rank[input.edges[*edge].to];
        room[to] = room[to].max(if label > 0.0 {
            label + ARROW + 12.0
        } else {
            0.0
        });
        for pair in path.windows(2) {
            let climb = (across[pair[0]] - across[pair[1]]).abs();
            room[rank[pair[1]]] = room[rank[pair[1]]].max((climb * 0.1).min(40.0) + 26.0);
        }
    }
    let mut along = 0.0;
    let mut columns = Vec::with_capacity(room.len());
    for (index, vertices) in layers.ranks.iter().enumerate() {
        if index > 0 {
            along += room[index].max(RANK_GAP);
        }
        let extent = vertices
            .iter()
            .filter_map(|&vertex| input.nodes.get(vertex))
            .map(|node| node.along)
            .fold(0.0, f64::max);
        columns.push((along, extent));
        along += extent;
    }
    columns
}

fn ways(
    input: &Input,
    chains: &Chains,
    across: &[f64],
    columns: &[(f64, f64)],
    rank: &[usize],
) -> Vec<Way> {
    let nodes = input.nodes.len();
    let arrivals = arrivals(input, chains, across);
    let leave = |vertex: usize| {
        (
            columns[rank[vertex]].0 + columns[rank[vertex]].1,
            across[vertex],
        )
    };
    let enter = |vertex: usize| (columns[rank[vertex]].0, across[vertex]);

    // The bends of a bundle form one chain; its longest edge passes all of them.
    let mut trunks: HashMap<usize, &[usize]> = HashMap::new();
    for (_, path) in chains.paths.iter().filter(|(_, path)| path.len() > 2) {
        let trunk = trunks.entry(path[1]).or_default();
        if path.len() > trunk.len() + 1 {
            *trunk = &path[..path.len() - 1];
        }
    }
    let mut trunks: Vec<&[usize]> = trunks.into_values().collect();
    trunks.sort_unstable_by_key(|trunk| trunk[1]);
    let mut ways: Vec<Way> = trunks
        .into_iter()
        .map(|trunk| {
            let bends = trunk[1..]
                .iter()
                .flat_map(|&bend| [enter(bend), leave(bend)]);
            Way {
                points: std::iter::once(leave(trunk[0])).chain(bends).collect(),
                edge: None,
            }
        })
        .collect();
    ways.extend(
        chains
            .paths
            .iter()
            .zip(arrivals)
            .map(|((edge, path), offset)| {
                let (last, to) = (path[path.len() - 2], path[path.len() - 1]);
                debug_assert!(to < nodes);
                let (along, centre) = enter(to);
                Way {
                    points: vec![leave(last), (along, centre + offset)],
                    edge: Some(*edge),
                }
            }),
    );
    ways
}

/// How far from the middle of its target each edge arrives: edges share the middle, unless one of them has a label,
/// which needs a place of its own.
fn arrivals(input: &Input, chains: &Chains, across: &[f64]) -> Vec<f64> {
    let mut by_target: HashMap<usize, Vec<usize>> = HashMap::new();
    for (position, (edge, _)) in chains.paths.iter().enumerate() {
        by_target
            .entry(input.edges[*edge].to)
            .or_default()
            .push(position);
    }
    let label = |position: usize| input.edges[chains.paths[position].0].label.across;
    let mut offsets = vec![0.0; chains.paths.len()];
    for (_, mut arriving) in by_target {
        if arriving.iter().all(|&position| label(position) == 0.0) {
            continue;
        }
        arriving.sort_by(|&a, &b| {
            let from = |position: usize| {
                let path = &chains.paths[position].1;
                across[path[path.len() - 2]]
            };
            from(a).total_cmp(&from(b))
        });
        let widths: Vec<f64> = arriving
            .iter()
            .map(|&position| label(position).max(BEND))
            .collect();
        let mut at = -widths.iter().sum::<f64>() / 2.0;
        for (position, width) in arriving.into_iter().zip(widths) {
            offsets[position] = at + width / 2.0;
            at += width;
        }
    }
    offsets
}

/// Extent across that a node needs for the labels that arrive at it.
pub(super) fn arrival_extent(labels: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut any) = (0.0, false);
    for label in labels {
        any |= label > 0.0;
        total += label.max(BEND);
    }
    if any { total } else { 0.0 }
}
