//! Who feeds whom among the instances of a pipeline.

use std::collections::BTreeSet;

use crate::pipeline::Pipeline;

/// The instances that feed an instance, each once.
pub(super) fn producers_of(pipeline: &Pipeline, index: usize) -> BTreeSet<usize> {
    pipeline.instances[index]
        .links
        .iter()
        .map(|link| link.producer)
        .collect()
}

/// The instances that each instance feeds.
pub(super) fn consumers_of(pipeline: &Pipeline) -> Vec<Vec<usize>> {
    let mut consumers = vec![Vec::new(); pipeline.instances.len()];
    for index in 0..pipeline.instances.len() {
        for producer in producers_of(pipeline, index) {
            consumers[producer].push(index);
        }
    }
    consumers
}

/// Length of the longest way from each instance to an end.
pub(super) fn heights_of(pipeline: &Pipeline) -> Vec<usize> {
    let mut heights = vec![0; pipeline.instances.len()];
    for (index, instance) in pipeline.instances.iter().enumerate().rev() {
        for link in &instance.links {
            heights[link.producer] = heights[link.producer].max(heights[index] + 1);
        }
    }
    heights
}
