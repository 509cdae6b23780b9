//! The tape: each output of an op remembers how it came about, and [`Tensor::backward`] walks back.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use crate::op::{Gradients as InputGradients, Op, Spec, Specs};
use crate::{Result, Tensor, TensorError};

/// Names a tensor whose gradient is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeafId(u64);

impl LeafId {
    pub(crate) fn next() -> Self {
        Self(next_id())
    }
}

/// Where a tensor comes from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Origin {
    /// From outside, or from ops that nobody wants to differentiate.
    #[default]
    Constant,
    /// A tensor whose gradient is wanted.
    Leaf(LeafId),
    /// An output of an op on tensors that matter.
    Output { node: Arc<Node>, place: usize },
}

/// How gradients flow through one step of a computation.
pub(crate) trait Backward: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// The gradient of each input, from those of the outputs.
    fn gradient(&self, pass: &Pass) -> Result<InputGradients>;
}

impl<O: Op> Backward for O {
    fn name(&self) -> &'static str {
        Op::name(self)
    }

    fn gradient(&self, pass: &Pass) -> Result<InputGradients> {
        Op::gradient(self, pass)
    }
}

/// A step of a computation on the tape.
#[derive(Debug)]
pub(crate) struct Node {
    /// Later steps have higher numbers: an order in which gradients are complete before they are passed on.
    id: u64,
    backward: Arc<dyn Backward>,
    sources: SmallVec<[Origin; 3]>,
    /// Taken by the backward pass, so that memory is freed on the way.
    kept: Mutex<Option<Kept>>,
    input_specs: Specs,
    output_specs: Specs,
}

type Tensors = SmallVec<[Option<Tensor>; 4]>;

#[derive(Debug)]
struct Kept {
    inputs: Tensors,
    outputs: Tensors,
}

impl Node {
    pub fn new<O: Op>(
        op: Arc<O>,
        inputs: &[&Tensor],
        outputs: &[Tensor],
        input_specs: Specs,
        output_specs: Specs,
    ) -> Arc<Self> {
        let keeps = op.keeps();
        let keep = |places: &[usize], place: usize, tensor: &Tensor| {
            places.contains(&place).then(|| tensor.detach())
        };
        let kept = Kept {
            inputs: (inputs.iter().enumerate())
                .map(|(place, input)| keep(keeps.inputs, place, input))
                .collect(),
            outputs: (outputs.iter().enumerate())
                .map(|(place, output)| keep(keeps.outputs, place, output))
                .collect(),
        };
        Arc::new(Self {
            id: next_id(),
            sources: inputs.iter().map(|input| input.origin().clone()).collect(),
            backward: op,
            kept: Mutex::new(Some(kept)),
            input_specs,
            output_specs,
        })
    }

    /// A step that keeps what it needs in `backward` itself.
    pub fn bare(backward: Arc<dyn Backward>, inputs: &[&Tensor], output_specs: Specs) -> Arc<Self> {
        Arc::new(Self {
            id: next_id(),
            sources: inputs.iter().map(|input| input.origin().clone()).collect(),
            backward,
            kept: Mutex::new(Some(Kept {
                inputs: Tensors::new(),
                outputs: Tensors::new(),
            })),
            input_specs: inputs.iter().map(|input| input.spec()).collect(),
            output_specs,
        })
    }
}

/// Long chains of steps must not be dropped by recursion.
impl Drop for Node {
    fn drop(&mut self) {
        let mut rest: Vec<Origin> = self.sources.drain(..).collect();
        while let Some(origin) = rest.pop() {
            if let Origin::Output { node, .. } = origin
                && let Some(mut node) = Arc::into_inner(node)
            {
                rest.extend(node.sources.drain(..));
            }
        }
    }
}

/// What an op's gradient has at hand.
pub(crate) struct Pass {
    kept: Kept,
    upstream: Tensors,
    wanted: SmallVec<[bool; 4]>,
    pub input_specs: Specs,
    name: &'static str,
}

impl Pass {
    /// An input that the op keeps.
    pub fn input(&self, place: usize) -> Result<&Tensor> {
        self.kept(&self.kept.inputs, place, "input")
    }

    /// An output that the op keeps.
    pub fn output(&self, place: usize) -> Result<&Tensor> {
        self.kept(&self.kept.outputs, place, "output")
    }

    /// Whether the gradient of an input is of use to anybody.
    pub fn wants(&self, place: usize) -> bool {
        self.wanted.get(place) == Some(&true)
    }

    /// The gradient of the op's first output.
    pub fn upstream(&self) -> Result<&Tensor> {
        self.upstream_of(0)?
            .ok_or_else(|| self.broken("its output has no gradient"))
    }

    /// The gradient of an output, if anything depends on it.
    pub fn upstream_of(&self, place: usize) -> Result<Option<&Tensor>> {
        Ok(self
            .upstream
            .get(place)
            .ok_or_else(|| self.broken("it has no such output"))?
            .as_ref())
    }

    fn kept<'a>(&self, kept: &'a Tensors, place: usize, kind: &str) -> Result<&'a Tensor> {
        kept.get(place).and_then(Option::as_ref).ok_or_else(|| {
            self.broken(&format!(
                "its gradient reads {kind} {place}, which it does not keep"
            ))
        })
    }

    fn broken(&self, reason: &str) -> TensorError {
        TensorError::Backward {
            reason: format!("{}: {reason}", self.name),
        }
    }
}

/// Gradients of one tensor with respect to leaves.
#[derive(Debug, Default)]
pub struct Gradients {
    of: HashMap<LeafId, Tensor>,
}

impl Gradients {
    /// The gradient with respect to a leaf; none if the result did not depend on it.
    pub fn get(&self, leaf: &Tensor) -> Option<&Tensor> {
        match leaf.origin() {
            Origin::Leaf(id) => self.of.get(id),
            _ => None,
        }
    }

    /// The same, taken out.
    pub fn take(&mut self, leaf: &Tensor) -> Option<Tensor> {
        match leaf.origin() {
            Origin::Leaf(id) => self.of.remove(id),
            _ => None,
        }
    }

    /// Adds the gradients of another pass, as gradient accumulation does.
    ///
    /// # Errors
    /// Those of addition.
    pub fn accumulate(&mut self, other: Self) -> Result<()> {
        for (id, gradient) in other.of {
            let sum = match self.of.remove(&id) {
                Some(present) => present.add(&gradient)?,
                None => gradient,
            };
            self.of.insert(id, sum);
        }
        Ok(())
    }

    /// How many leaves have one.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether no leaf has one.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

impl Tensor {
    /// Gradients of this scalar with respect to every leaf that it depends on. What the steps kept for this is freed,
    /// so it works once.
    ///
    /// # Errors
    /// [`TensorError::Backward`] for a tensor of more than one element (see [`Tensor::backward_from`]), one that
    /// depends on no leaf, and on a second call.
    pub fn backward(&self) -> Result<Gradients> {
        if self.elements() != 1 {
            return Err(TensorError::Backward {
                reason: format!(
                    "the gradient of a tensor of shape {} needs a direction: reduce it to one number with `sum` or `mean`, \
                     or call `backward_from`",
                    self.shape()
                ),
            });
        }
        self.backward_from(&self.full_like(1.0)?)
    }

    /// Gradients of the sum of this tensor's elements weighted by `upstream`, which has its shape.
    ///
    /// # Errors
    /// As [`Tensor::backward`].
    pub fn backward_from(&self, upstream: &Tensor) -> Result<Gradients> {
        if upstream.shape() != self.shape() {
            return Err(TensorError::Shape {
                op: "backward",
                reason: "the upstream gradient must have the tensor's shape".to_owned(),
                shapes: vec![self.shape().clone(), upstream.shape().clone()],
            });
        }
        let _pause = pause_recording();
        let mut gradients = Gradients::default();
        let mut pending: BTreeMap<u64, (Arc<Node>, Tensors)> = BTreeMap::new();
        let mut flow =
            |origin: &Origin, gradient: Tensor, pending: &mut BTreeMap<_, (Arc<Node>, Tensors)>| {
                match origin {
                    Origin::Constant => Ok(()),
                    Origin::Leaf(id) => {
                        let sum = match gradients.of.remove(id) {
                            Some(present) => present.add(&gradient)?,
                            None => gradient,
                        };
                        gradients.of.insert(*id, sum);
                        Ok(())
                    }
                    Origin::Output { node, place } => {
                        let (_, slots) = pending.entry(node.id).or_insert_with(|| {
                            let slots = (0..node.output_specs.len()).map(|_| None).collect();
                            (Arc::clone(node), slots)
                        });
                        slots[*place] = Some(match slots[*place].take() {
                            Some(present) => present.add(&gradient)?,
                            None => gradient,
                        });
                        Ok(())
                    }
                }
            };
        if matches!(self.origin(), Origin::Constant) {
            return Err(TensorError::Backward {
                reason: "the tensor depends on none whose gradient is wanted; mark those with `requires_grad`, and \
                         look for a `detach` or `no_grad` on the way"
                    .to_owned(),
            });
        }
        flow(self.origin(), upstream.detach(), &mut pending)?;
        while let Some((_, (node, upstream))) = pending.pop_last() {
            let name = node.backward.name();
            let kept = node
                .kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let kept = kept.ok_or_else(|| TensorError::Backward {
                reason: format!("{name} was differentiated before, and what it kept is gone; compute the result again"),
            })?;
            let pass = Pass {
                kept,
                upstream,
                wanted: node
                    .sources
                    .iter()
                    .map(|source| !matches!(source, Origin::Constant))
                    .collect(),
                input_specs: node.input_specs.clone(),
                name,
            };
            let found = node.backward.gradient(&pass)?;
            for (place, source) in node.sources.iter().enumerate() {
                if !pass.wants(place) {
                    continue;
                }
                let gradient =
                    found
                        .get(place)
                        .cloned()
                        .flatten()
                        .ok_or(TensorError::NoGradient {
                            op: name,
                            input: place,
                        })?;
                check(name, &gradient, &pass.input_specs[place])?;
                flow(source, gradient, &mut pending)?;
            }
        }
        Ok(gradients)
    }
}

/// A gradient has the shape and type of what it belongs to.
fn check(op: &'static str, gradient: &Tensor, spec: &Spec) -> Result<()> {
    if gradient.shape() == &spec.shape && gradient.dtype() == spec.dtype {
        return Ok(());
    }
    Err(TensorError::Backward {
        reason: format!(
            "{op} gave a gradient of {} {} for an input of {} {}",
            gradient.dtype(),
            gradient.shape(),
            spec.dtype,
            spec.shape
        ),
    })
}

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

pub(crate) fn is_recording() -> bool {
    RECORDING.get()
}

/// Sets recording as it was before when dropped.
pub(crate) struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        RECORDING.set(self.0);
    }
}

pub(crate) fn pause_recording() -> Restore {
    Restore(RECORDING.replace(false))
}

pub(crate) fn resume_recording() -> Restore {
    Restore(RECORDING.replace(true))
}

/// Runs `work` without noting anything for a backward pass: inference, and updates of parameters.
pub fn no_grad<T>(work: impl FnOnce() -> T) -> T {
    let _pause = pause_recording();
    work()
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
