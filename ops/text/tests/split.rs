//! Splits and slices: against scikit-multilearn (`tests/peers/stratify.py`), and what must hold for any labels.

mod common;

use common::fixture;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeSet;
use text::slices::Balance;
use text::{LabelSets, slices, split};

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    labels: LabelSets,
    fractions: Vec<f64>,
    seeds: Vec<u64>,
    deviation: f64,
    label_distribution: f64,
    size_deviation: f64,
}

/// The mean over labels and parts of |share of the label's rows in the part - the part's fraction|.
fn deviation(labels: &LabelSets, parts: &[Vec<usize>], fractions: &[f64]) -> f64 {
    let all = labels.counts();
    let mut sum = 0.0;
    for (part, fraction) in parts.iter().zip(fractions) {
        let counts = labels.select(part).counts();
        sum += counts
            .iter()
            .zip(&all)
            .map(|(&c, &a)| (c as f64 / a as f64 - fraction).abs())
            .sum::<f64>();
    }
    sum / (parts.len() * all.len()) as f64
}

/// The measure LD of Sechidis et al. 2011.
fn label_distribution(labels: &LabelSets, parts: &[Vec<usize>]) -> f64 {
    let odds = |labels: &LabelSets| -> Vec<f64> {
        let odds = |&count: &usize| count as f64 / (labels.rows() - count).max(1) as f64;
        labels.counts().iter().map(odds).collect()
    };
    let whole = odds(labels);
    let mut sum = 0.0;
    for part in parts {
        sum += odds(&labels.select(part))
            .iter()
            .zip(&whole)
            .map(|(a, b)| (a - b).abs())
            .sum::<f64>();
    }
    sum / (parts.len() * labels.labels()) as f64
}

#[test]
fn iterative_stratification_misses_the_label_shares_no_more_than_scikit_multilearn() {
    let fixture: Fixture = fixture("stratify");
    for case in fixture.cases {
        let (mut ours, runs) = ([0.0; 3], case.seeds.len() as f64);
        for &seed in &case.seeds {
            let parts = split::iterative(&case.labels, &case.fractions, seed).unwrap();
            ours[0] += deviation(&case.labels, &parts, &case.fractions) / runs;
            ours[1] += label_distribution(&case.labels, &parts) / runs;
            let missed = parts.iter().zip(&case.fractions);
            let missed =
                missed.map(|(part, f)| (part.len() as f64 - f * case.labels.rows() as f64).abs());
            ours[2] += missed.sum::<f64>() / parts.len() as f64 / runs;
        }
        let theirs = [case.deviation, case.label_distribution, case.size_deviation];
        assert!(
            ours.iter()
                .zip(theirs)
                .all(|(ours, theirs)| *ours <= theirs),
            "{ours:?} against {theirs:?}"
        );
    }
}

#[test]
fn iterative_stratification_divides_a_worked_example_evenly() {
    // Each label has four rows, one of them shared; halves must get two of each.
    let rows = [
        vec!["a"],
        vec!["a"],
        vec!["a", "b"],
        vec!["b"],
        vec!["b"],
        vec!["b", "a"],
    ];
    let labels = LabelSets::from_names(&rows);
    for seed in 0..20 {
        let parts = split::iterative(&labels, &[0.5, 0.5], seed).unwrap();
        assert_eq!(labels.select(&parts[0]).counts(), [2, 2]);
    }
}

#[test]
fn groups_share_out_by_rows_not_by_groups() {
    let groups: Vec<String> = (0..100)
        .map(|row| format!("g{}", if row < 40 { 0 } else { row / 4 }))
        .collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let parts = split::by_group(&groups, &[0.6, 0.4], 3).unwrap();
    assert_eq!((parts[0].len(), parts[1].len()), (60, 40));
}

/// 180 rows `frequent`, 16 `middle`, 4 `rare`.
fn uneven() -> LabelSets {
    let name = |row: usize| match row {
        0..4 => vec!["rare"],
        4..20 => vec!["middle"],
        _ => vec!["frequent"],
    };
    LabelSets::from_names(&(0..200).map(name).collect::<Vec<_>>())
}

/// How often each label is in each slice, in vocabulary order: frequent, middle, rare.
fn counts(labels: &LabelSets, balance: Balance, sizes: &[usize]) -> Vec<Vec<usize>> {
    let nested = slices::nested(labels, balance, sizes, 5);
    nested
        .iter()
        .map(|rows| labels.select(rows).counts())
        .collect()
}

#[test]
fn equal_slices_hold_as_many_rows_of_every_label_as_there_are() {
    let sizes = [1, 2, 3, 9, 16, 64, 200, 1000];
    assert_eq!(
        counts(&uneven(), Balance::Equal, &sizes),
        [
            [1, 0, 0],
            [1, 1, 0],
            [1, 1, 1],
            [3, 3, 3],
            [6, 6, 4],
            [44, 16, 4],
            [180, 16, 4],
            [180, 16, 4]
        ]
    );
}

#[test]
fn proportional_slices_hold_every_label_by_its_share_rounded() {
    // Shares of 90, 8 and 2 %: of 10 rows 9, 0.8 and 0.2; of 50 rows 45, 4 and 1; of 100 rows 90, 8 and 2.
    let sizes = [1, 10, 50, 100, 200];
    assert_eq!(
        counts(&uneven(), Balance::Proportional, &sizes),
        [[1, 0, 0], [9, 1, 0], [45, 4, 1], [90, 8, 2], [180, 16, 4]]
    );
}

#[test]
fn proportional_slices_of_rows_with_several_labels_stay_near_the_shares() {
    let rows: Vec<Vec<&str>> = (0..400)
        .map(|row| {
            let mut names = vec![["a", "a", "b", "c"][row % 4]];
            if row % 10 == 0 {
                names.push("d");
            }
            names
        })
        .collect();
    let labels = LabelSets::from_names(&rows);
    let all = labels.counts();
    for seed in 0..10 {
        let order = slices::balanced_order(&labels, Balance::Proportional, seed);
        for size in [20, 40, 100, 200] {
            let here = labels.select(&order[..size]).counts();
            for (here, all) in here.iter().zip(&all) {
                let wanted = *all as f64 * size as f64 / 400.0;
                assert!((*here as f64 - wanted).abs() <= 2.0, "{here} of {wanted}");
            }
        }
    }
}

#[test]
fn a_rare_label_does_not_drag_a_frequent_one_along() {
    let name = |row: usize| {
        if row.is_multiple_of(2) {
            vec!["rare", "frequent"]
        } else {
            vec!["rare"]
        }
    };
    let mut rows: Vec<Vec<&str>> = (0..20).map(name).collect();
    rows.extend(vec![vec!["frequent"]; 100]);
    let labels = LabelSets::from_names(&rows);
    for seed in 0..10 {
        let first = &slices::balanced_order(&labels, Balance::Equal, seed)[..8];
        assert_eq!(labels.select(first).counts(), [4, 4]);
    }
}

#[test]
fn nothing_to_split_gives_empty_parts() {
    let none = LabelSets::from_names::<Vec<&str>, &str>(&[]);
    let empty = vec![Vec::<usize>::new(); 2];
    assert_eq!(split::random(0, &[0.5, 0.5], 0).unwrap(), empty);
    assert_eq!(split::stratified(&none, &[0.5, 0.5], 0).unwrap(), empty);
    assert_eq!(split::iterative(&none, &[0.5, 0.5], 0).unwrap(), empty);
    assert_eq!(split::by_group(&[], &[0.5, 0.5], 0).unwrap(), empty);
    assert_eq!(
        slices::nested(&none, Balance::Equal, &[8], 0),
        [[] as [usize; 0]]
    );
}

#[test]
fn a_label_with_one_row_lands_in_one_part() {
    let labels = LabelSets::from_names(&[vec!["a"], vec!["b"], vec!["b"], vec!["b"]]);
    for split in [split::stratified, split::iterative] {
        let parts = split(&labels, &[0.25; 4], 1).unwrap();
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 4);
    }
}

#[derive(Clone, Debug)]
struct Input {
    rows: Vec<Vec<String>>,
    groups: Vec<String>,
    fractions: Vec<f64>,
    seed: u64,
}

fn input() -> impl Strategy<Value = Input> {
    let row = prop::collection::btree_set(0..6_u8, 0..4);
    let rows = prop::collection::vec((row, 0..9_u8), 0..60);
    let weights = prop::collection::vec(0..20_u32, 1..6)
        .prop_filter("some weight", |w| w.iter().any(|&w| w > 0));
    (rows, weights, any::<u64>()).prop_map(|(rows, weights, seed)| {
        let total = f64::from(weights.iter().sum::<u32>());
        Input {
            groups: rows.iter().map(|(_, group)| group.to_string()).collect(),
            rows: rows
                .into_iter()
                .map(|(row, _)| row.iter().map(u8::to_string).collect())
                .collect(),
            fractions: weights.into_iter().map(|w| f64::from(w) / total).collect(),
            seed,
        }
    })
}

fn assert_partition(parts: &[Vec<usize>], rows: usize) -> Result<(), TestCaseError> {
    let mut seen: Vec<usize> = parts.concat();
    prop_assert!(parts.iter().all(|part| part.is_sorted()));
    seen.sort_unstable();
    prop_assert_eq!(seen, (0..rows).collect::<Vec<_>>());
    Ok(())
}

proptest! {
    #[test]
    fn parts_are_disjoint_cover_all_rows_and_depend_on_the_seed_alone(input in input()) {
        let labels = LabelSets::from_names(&input.rows);
        let groups: Vec<&str> = input.groups.iter().map(String::as_str).collect();
        let run = || [
            split::random(labels.rows(), &input.fractions, input.seed).unwrap(),
            split::stratified(&labels, &input.fractions, input.seed).unwrap(),
            split::iterative(&labels, &input.fractions, input.seed).unwrap(),
            split::by_group(&groups, &input.fractions, input.seed).unwrap(),
        ];
        let splits = run();
        for parts in &splits {
            prop_assert_eq!(parts.len(), input.fractions.len());
            assert_partition(parts, labels.rows())?;
            for (part, &fraction) in parts.iter().zip(&input.fractions) {
                prop_assert!(fraction > 0.0 || part.is_empty());
            }
        }
        prop_assert_eq!(splits, run());
    }

    #[test]
    fn random_and_stratified_parts_have_the_size_they_should(input in input()) {
        let labels = LabelSets::from_names(&input.rows);
        let parts = split::random(labels.rows(), &input.fractions, input.seed).unwrap();
        let sizes: Vec<usize> = parts.iter().map(Vec::len).collect();
        prop_assert_eq!(sizes, split::sizes(labels.rows(), &input.fractions).unwrap());
        let parts = split::stratified(&labels, &input.fractions, input.seed).unwrap();
        for (part, fraction) in parts.iter().zip(&input.fractions) {
            let wanted = fraction * labels.rows() as f64;
            prop_assert!((part.len() as f64 - wanted).abs() <= input.fractions.len() as f64);
            // And within every label set less than one row off.
            let strata: BTreeSet<&[u32]> = labels.iter().collect();
            for stratum in strata {
                let all = labels.iter().filter(|row| *row == stratum).count() as f64;
                let here = part.iter().filter(|&&row| labels.row(row) == stratum).count() as f64;
                prop_assert!((here - fraction * all).abs() < 1.0);
            }
        }
    }

    #[test]
    fn a_group_lies_in_one_part(input in input()) {
        let groups: Vec<&str> = input.groups.iter().map(String::as_str).collect();
        let parts = split::by_group(&groups, &input.fractions, input.seed).unwrap();
        let sets: Vec<BTreeSet<&str>> =
            parts.iter().map(|part| part.iter().map(|&row| groups[row]).collect()).collect();
        let distinct: BTreeSet<&str> = groups.iter().copied().collect();
        prop_assert_eq!(sets.iter().map(BTreeSet::len).sum::<usize>(), distinct.len());
    }

    #[test]
    fn a_smaller_slice_lies_within_a_larger_one(input in input()) {
        let labels = LabelSets::from_names(&input.rows);
        for balance in [Balance::Equal, Balance::Proportional] {
            let slices = slices::nested(&labels, balance, &[0, 1, 2, 4, 8, 16, 32, 1000], input.seed);
            for (small, large) in slices.iter().zip(&slices[1..]) {
                let large: BTreeSet<_> = large.iter().collect();
                prop_assert!(small.iter().all(|row| large.contains(row)));
            }
            prop_assert_eq!(slices[7].len(), labels.rows());
            prop_assert!(slices[3].len() == 4.min(labels.rows()));
        }
    }
}
