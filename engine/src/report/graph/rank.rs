//! Which rank each node stands in.

/// Ranks (0 is first) of `nodes` nodes such that every edge leads to a higher rank: longest paths from the sources,
/// then nodes move within their slack to where the sum of edge lengths is least. Also the edges that were taken into
/// account, as indices: all but those that close a cycle.
pub(super) fn ranks(nodes: usize, edges: &[(usize, usize)]) -> (Vec<usize>, Vec<usize>) {
    let (order, kept) = topological(nodes, edges);
    let mut predecessors = vec![Vec::new(); nodes];
    let mut successors = vec![Vec::new(); nodes];
    for &edge in &kept {
        let (from, to) = edges[edge];
        predecessors[to].push(from);
        successors[from].push(to);
    }

    let mut rank = vec![0; nodes];
    for &node in &order {
        rank[node] = predecessors[node]
            .iter()
            .map(|&before| rank[before] + 1)
            .max()
            .unwrap_or(0);
    }

    // Each pass shortens the edges or changes nothing; in practice two passes settle a pipeline.
    for pass in 0..8 {
        let mut moved = false;
        let visit: Box<dyn Iterator<Item = &usize>> = if pass % 2 == 0 {
            Box::new(order.iter().rev())
        } else {
            Box::new(order.iter())
        };
        for &node in visit {
            let (before, after) = (&predecessors[node], &successors[node]);
            let earliest = before.iter().map(|&other| rank[other] + 1).max();
            let latest = after.iter().map(|&other| rank[other] - 1).min();
            let wanted = match before.len().cmp(&after.len()) {
                std::cmp::Ordering::Less => latest,
                std::cmp::Ordering::Greater => earliest,
                std::cmp::Ordering::Equal => None,
            };
            if let Some(wanted) = wanted.filter(|&wanted| wanted != rank[node]) {
                rank[node] = wanted;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let first = rank.iter().min().copied().unwrap_or(0);
    rank.iter_mut().for_each(|rank| *rank -= first);
    (rank, kept)
}

/// A topological order (Kahn, 1962), nodes on cycles in the order given, and the edges that agree with it.
fn topological(nodes: usize, edges: &[(usize, usize)]) -> (Vec<usize>, Vec<usize>) {
    let mut waiting = vec![0usize; nodes];
    let mut successors = vec![Vec::new(); nodes];
    for &(from, to) in edges {
        waiting[to] += 1;
        successors[from].push(to);
    }
    let mut order: Vec<usize> = (0..nodes).filter(|&node| waiting[node] == 0).collect();
    let mut seen = vec![false; nodes];
    order.iter().for_each(|&node| seen[node] = true);
    let mut cursor = 0;
    let mut next_stuck = 0;
    while order.len() < nodes || cursor < order.len() {
        if cursor == order.len() {
            // Only cycles are left: let the first of them go.
            while seen[next_stuck] {
                next_stuck += 1;
            }
            seen[next_stuck] = true;
            order.push(next_stuck);
        }
        for &to in &successors[order[cursor]] {
            waiting[to] -= 1;
            if waiting[to] == 0 && !seen[to] {
                seen[to] = true;
                order.push(to);
            }
        }
        cursor += 1;
    }

    let mut position = vec![0; nodes];
    for (index, &node) in order.iter().enumerate() {
        position[node] = index;
    }
    let kept = (0..edges.len())
        .filter(|&edge| position[edges[edge].0] < position[edges[edge].1])
        .collect();
    (order, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stands_next_to_the_consumer_it_serves() {
        // 0 -> 1 -> 2 -> 3, and 4 serves 3 alone.
        let (rank, kept) = ranks(5, &[(0, 1), (1, 2), (2, 3), (4, 3)]);
        assert_eq!(rank, [0, 1, 2, 3, 2]);
        assert_eq!(kept.len(), 4);
    }

    #[test]
    fn an_edge_that_closes_a_cycle_is_left_out() {
        let (rank, kept) = ranks(3, &[(0, 1), (1, 2), (2, 0), (1, 1)]);
        assert_eq!(kept, [0, 1]);
        assert_eq!(rank, [0, 1, 2]);
    }

    #[test]
    fn every_edge_leads_to_a_higher_rank() {
        let edges: Vec<(usize, usize)> = (0..200).map(|i| (i * 7 % 50, 50 + i * 13 % 50)).collect();
        let (rank, kept) = ranks(100, &edges);
        assert_eq!(kept.len(), edges.len());
        assert!(edges.iter().all(|&(from, to)| rank[from] < rank[to]));
    }
}
