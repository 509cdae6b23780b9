//! The order of the vertices within each rank, so that few edges cross.

/// Vertices in ranks, with edges only between neighbouring ranks. Vertices from `nodes` on are bends of long edges.
pub(super) struct Layers {
    /// How many of the vertices are nodes.
    pub nodes: usize,
    /// Vertices of each rank in order.
    pub ranks: Vec<Vec<usize>>,
    /// Neighbours of each vertex in the rank before.
    pub before: Vec<Vec<usize>>,
    /// Neighbours of each vertex in the rank after.
    pub after: Vec<Vec<usize>>,
    /// Place of each vertex within its rank.
    pub place: Vec<usize>,
}

impl Layers {
    pub fn new(nodes: usize, rank: &[usize], hops: &[(usize, usize)]) -> Self {
        let vertices = rank.len();
        let mut layers = Self {
            nodes,
            ranks: vec![Vec::new(); rank.iter().max().map_or(0, |last| last + 1)],
            before: vec![Vec::new(); vertices],
            after: vec![Vec::new(); vertices],
            place: vec![0; vertices],
        };
        for &(from, to) in hops {
            layers.after[from].push(to);
            layers.before[to].push(from);
        }
        for vertex in layers.depth_first() {
            layers.ranks[rank[vertex]].push(vertex);
        }
        layers.index();
        layers
    }

    /// All vertices, each after something that leads to it, so that connected ones start out near each other.
    fn depth_first(&self) -> Vec<usize> {
        let mut seen = vec![false; self.place.len()];
        let mut order = Vec::with_capacity(seen.len());
        let sources = (0..seen.len()).filter(|&vertex| self.before[vertex].is_empty());
        for source in sources {
            let mut stack = vec![source];
            while let Some(vertex) = stack.pop() {
                if !std::mem::replace(&mut seen[vertex], true) {
                    order.push(vertex);
                    stack.extend(self.after[vertex].iter().rev());
                }
            }
        }
        order
    }

    fn index(&mut self) {
        for rank in &self.ranks {
            for (place, &vertex) in rank.iter().enumerate() {
                self.place[vertex] = place;
            }
        }
    }

    /// Reorders the ranks by barycentres (Sugiyama et al.), sweeping forth and back, and keeps the best order seen.
    pub fn reduce_crossings(&mut self) {
        let vertices = self.place.len().max(1);
        // Large graphs get fewer sweeps, so that the whole stays within a few tens of milliseconds.
        let sweeps = (200_000 / vertices).clamp(4, 24);
        let mut best = (self.crossings(), self.ranks.clone());
        for sweep in 0..sweeps {
            if best.0 == 0 {
                break;
            }
            if sweep % 2 == 0 {
                (1..self.ranks.len()).for_each(|rank| self.sort(rank, true));
            } else {
                (0..self.ranks.len().saturating_sub(1))
                    .rev()
                    .for_each(|rank| self.sort(rank, false));
            }
            if vertices < 1500 {
                self.exchange_neighbours();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.ranks.clone());
            }
        }
        self.ranks = best.1;
        self.index();
    }

    /// Sorts one rank by the mean place of each vertex's neighbours before (or after) it. Vertices without any keep
    /// their place.
    fn sort(&mut self, rank: usize, by_before: bool) {
        let neighbours = if by_before { &self.before } else { &self.after };
        let mut keyed: Vec<(f64, usize)> = self.ranks[rank]
            .iter()
            .map(|&vertex| {
                let sum: usize = neighbours[vertex]
                    .iter()
                    .map(|&other| self.place[other])
                    .sum();
                let key = match neighbours[vertex].len() {
                    0 => self.place[vertex] as f64,
                    many => sum as f64 / many as f64,
                };
                (key, vertex)
            })
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (place, &(_, vertex)) in keyed.iter().enumerate() {
            self.ranks[rank][place] = vertex;
            self.place[vertex] = place;
        }
    }

    /// Exchanges neighbours within a rank where that removes crossings.
    fn exchange_neighbours(&mut self) {
        for rank in 0..self.ranks.len() {
            for place in 1..self.ranks[rank].len() {
                let (left, right) = (self.ranks[rank][place - 1], self.ranks[rank][place]);
                let now = self.crossings_between(left, right);
                if now > 0 && self.crossings_between(right, left) < now {
                    self.ranks[rank].swap(place - 1, place);
                    self.place.swap(left, right);
                }
            }
        }
    }

    /// Crossings among the edges of two vertices if `left` stands before `right`.
    fn crossings_between(&self, left: usize, right: usize) -> usize {
        let count = |neighbours: &[Vec<usize>]| {
            let pairs = neighbours[left]
                .iter()
                .flat_map(|&a| neighbours[right].iter().map(move |&b| (a, b)));
            pairs
                .filter(|&(a, b)| self.place[a] > self.place[b])
                .count()
        };
        count(&self.before) + count(&self.after)
    }

    /// Number of crossings: inversions of the ends of all edges between neighbouring ranks, counted with a Fenwick
    /// tree (Barth, Jünger and Mutzel, 2004).
    pub fn crossings(&self) -> usize {
        let mut total = 0;
        let mut tree = Vec::new();
        let mut ends = Vec::new();
        for pair in self.ranks.windows(2) {
            tree.clear();
            tree.resize(pair[1].len() + 1, 0usize);
            let mut seen = 0;
            for &vertex in &pair[0] {
                ends.clear();
                ends.extend(self.after[vertex].iter().map(|&to| self.place[to]));
                ends.sort_unstable();
                for &end in &ends {
                    let mut at = end + 1;
                    let mut not_beyond = 0;
                    while at > 0 {
                        not_beyond += tree[at];
                        at &= at - 1;
                    }
                    total += seen - not_beyond;
                }
                for &end in &ends {
                    let mut at = end + 1;
                    while at < tree.len() {
                        tree[at] += 1;
                        at += at & at.wrapping_neg();
                    }
                    seen += 1;
                }
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossings_by_pairs(layers: &Layers) -> usize {
        let hops: Vec<(usize, usize, usize)> = (layers.ranks.iter().enumerate())
            .flat_map(|(rank, vertices)| vertices.iter().map(move |&vertex| (rank, vertex)))
            .flat_map(|(rank, from)| {
                layers.after[from]
                    .iter()
                    .map(move |&to| (rank, layers.place[from], layers.place[to]))
            })
            .collect();
        let crossed = |a: &(usize, usize, usize), b: &(usize, usize, usize)| {
            a.0 == b.0 && a.1 < b.1 && a.2 > b.2
        };
        hops.iter()
            .map(|a| hops.iter().filter(|b| crossed(a, b)).count())
            .sum()
    }

    #[test]
    fn crossings_are_counted_as_pairs_of_edges_would_count_them() {
        let rank: Vec<usize> = (0..60).map(|vertex| vertex / 12).collect();
        let hops: Vec<(usize, usize)> = (0..48)
            .flat_map(|v| [v * 5 % 12, v * 7 % 12].map(|j| (v, (v / 12 + 1) * 12 + j)))
            .collect();
        let mut layers = Layers::new(60, &rank, &hops);
        assert_eq!(layers.crossings(), crossings_by_pairs(&layers));
        let before = layers.crossings();
        layers.reduce_crossings();
        assert_eq!(layers.crossings(), crossings_by_pairs(&layers));
        assert!(layers.crossings() < before);
    }

    #[test]
    fn a_drawing_without_crossings_is_found() {
        // Two chains whose nodes are listed crosswise.
        let mut layers = Layers::new(6, &[0, 0, 1, 1, 2, 2], &[(0, 3), (1, 2), (3, 4), (2, 5)]);
        layers.reduce_crossings();
        assert_eq!(layers.crossings(), 0);
    }
}
