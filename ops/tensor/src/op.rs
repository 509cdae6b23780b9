//! [`Op`]: what each file in `ops/` says of its op, and [`apply`], through which every op runs.

use std::fmt;
use std::sync::Arc;

use bytemuck::Pod;
use smallvec::SmallVec;

use crate::autograd::{self, Node, Pass};
use crate::cpu::Cpu;
use crate::gpu::{Binding, Gpu, GpuBuffer};
use crate::pieces;
use crate::shape::Layout;
use crate::storage::{Memory, Storage};
use crate::{DType, Device, Result, Shape, Tensor, TensorError};

/// Shape and type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    pub shape: Shape,
    pub dtype: DType,
}

impl Spec {
    pub fn new(shape: Shape, dtype: DType) -> Self {
        Self { shape, dtype }
    }
}

pub(crate) type Specs = SmallVec<[Spec; 2]>;
pub(crate) type Gradients = SmallVec<[Option<Tensor>; 3]>;

/// Which inputs and outputs the gradient reads, by their places.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keeps {
    pub inputs: &'static [usize],
    pub outputs: &'static [usize],
}

impl Keeps {
    pub const NOTHING: Self = Self {
        inputs: &[],
        outputs: &[],
    };

    pub const fn inputs(inputs: &'static [usize]) -> Self {
        Self {
            inputs,
            outputs: &[],
        }
    }

    pub const fn outputs(outputs: &'static [usize]) -> Self {
        Self {
            inputs: &[],
            outputs,
        }
    }
}

/// A way to do an op piece by piece: which part of each input a piece reads, and what becomes of its outputs.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    /// The dimension that is cut, and how much of it is one step; `None` for inputs that every piece sees whole.
    pub inputs: SmallVec<[Option<(usize, usize)>; 4]>,
    pub outputs: SmallVec<[Onto; 3]>,
    /// Whether every element goes by itself, so that tensors of one shape without gaps may be seen as one row.
    pub by_element: bool,
}

/// What becomes of the outputs of pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Onto {
    /// They follow each other along this dimension.
    Along(usize),
    /// They are brought together by [`Op::join`].
    Joined,
}

impl Cut {
    pub fn new(
        inputs: impl IntoIterator<Item = Option<usize>>,
        outputs: impl IntoIterator<Item = Onto>,
    ) -> Self {
        Self {
            inputs: inputs
                .into_iter()
                .map(|axis| axis.map(|axis| (axis, 1)))
                .collect(),
            outputs: outputs.into_iter().collect(),
            by_element: false,
        }
    }

    /// Along each dimension of the output of an op that goes element by element, whose inputs are stretched to it.
    pub fn elements(inputs: &[Spec], output: &Spec) -> Vec<Self> {
        let rank = output.shape.rank();
        let along = |axis: usize| {
            let of_input = inputs.iter().map(|input| {
                let own = (axis + input.shape.rank()).checked_sub(rank)?;
                (input.shape[own] == output.shape[axis]).then_some(own)
            });
            Self {
                by_element: true,
                ..Self::new(of_input, [Onto::Along(axis)])
            }
        };
        (0..rank).map(along).collect()
    }

    /// Along each dimension but the last, which all inputs and outputs have in common.
    pub fn rows(inputs: &[Spec], outputs: usize) -> Vec<Self> {
        Self::all_but(inputs[0].shape.rank().saturating_sub(1), inputs, outputs)
    }

    /// Along each dimension but `axis`; all inputs and outputs have as many dimensions.
    pub fn all_but(axis: usize, inputs: &[Spec], outputs: usize) -> Vec<Self> {
        let others = (0..inputs[0].shape.rank()).filter(|&other| other != axis);
        let along = |axis| {
            let outputs = std::iter::repeat_n(Onto::Along(axis), outputs);
            Self::new(inputs.iter().map(|_| Some(axis)), outputs)
        };
        others.map(along).collect()
    }
}

/// One op with its parameters: a rule for shapes, a kernel for each device and a gradient.
pub(crate) trait Op: fmt::Debug + Send + Sync + 'static {
    /// As it is called in messages.
    fn name(&self) -> &'static str;

    /// The outputs' shapes and types.
    ///
    /// # Errors
    /// [`TensorError::Shape`] and [`TensorError::DType`] for inputs that do not fit.
    fn outputs(&self, inputs: &[Spec]) -> Result<Specs>;

    /// Whether the kernels read views as they lie; others get their inputs without gaps.
    fn takes_strides(&self) -> bool {
        false
    }

    /// Whether the kernels read and write 16-bit numbers themselves; others get them as `f32`, and what their rule
    /// calls 16 bits wide is rounded afterwards.
    fn takes_half(&self) -> bool {
        false
    }

    /// The ways in which the op falls into pieces, the best first: for tensors that are larger than what a kernel may bind
    /// on an adapter. Without any, these are an error, unless the op takes parts of buffers itself.
    fn cuts(&self, _inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        Vec::new()
    }

    /// What two pieces give together, for outputs that are [`Onto::Joined`].
    fn join(&self, one: &Tensor, other: &Tensor) -> Result<Tensor> {
        one.add(other)
    }

    /// What the gradient reads.
    fn keeps(&self) -> Keeps {
        Keeps::NOTHING
    }

    /// Whether there is a gradient with respect to an input of floating-point numbers.
    fn has_gradient(&self, _input: usize) -> bool {
        true
    }

    /// Fills the outputs, whose contents are undefined before.
    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()>;

    /// Asks the adapter to fill the outputs.
    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()>;

    /// The gradient of each input that `pass` wants, from those of the outputs.
    fn gradient(&self, pass: &Pass) -> Result<Gradients>;

    /// The error for inputs whose shapes do not fit.
    fn misfit(&self, inputs: &[Spec], reason: impl Into<String>) -> TensorError
    where
        Self: Sized,
    {
        TensorError::Shape {
            op: self.name(),
            reason: reason.into(),
            shapes: inputs.iter().map(|spec| spec.shape.clone()).collect(),
        }
    }

    /// Fails unless an input holds floating-point numbers.
    fn expect_float(&self, spec: &Spec) -> Result<()>
    where
        Self: Sized,
    {
        self.expect(spec, "floating-point numbers", spec.dtype.is_float())
    }

    /// Fails unless an input holds what `expected` describes.
    fn expect(&self, spec: &Spec, expected: &'static str, holds: bool) -> Result<()>
    where
        Self: Sized,
    {
        if holds {
            return Ok(());
        }
        Err(TensorError::DType {
            op: self.name(),
            expected,
            found: spec.dtype,
        })
    }
}

/// An input on the native device.
pub(crate) struct CpuInput<'a> {
    bytes: &'a [u8],
    pub layout: &'a Layout,
    pub dtype: DType,
    pub storage: &'a Storage,
}

impl<'a> CpuInput<'a> {
    /// The elements of an input without gaps.
    pub fn slice<T: Pod>(&self) -> &'a [T] {
        let elements = self.layout.shape.elements();
        // A part of nothing may begin behind its end.
        let start = if elements == 0 { 0 } else { self.layout.offset };
        &self.all::<T>()[start..start + elements]
    }

    /// The whole storage, which the layout points into.
    pub fn all<T: Pod>(&self) -> &'a [T] {
        let whole = self.bytes.len() / size_of::<T>() * size_of::<T>();
        bytemuck::cast_slice(&self.bytes[..whole])
    }
}

/// An output on the native device, without gaps.
pub(crate) struct CpuOutput<'a> {
    bytes: &'a mut [u8],
    pub shape: &'a Shape,
}

impl<'a> CpuOutput<'a> {
    pub fn new(storage: &'a mut Storage, shape: &'a Shape) -> Option<Self> {
        match storage.memory_mut() {
            Memory::Cpu(buffer) => Some(Self {
                bytes: buffer.bytes_mut(),
                shape,
            }),
            Memory::Gpu(_) => None,
        }
    }

    /// Its elements.
    pub fn slice<T: Pod>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(self.bytes)
    }
}

/// An input on a graphics adapter.
pub(crate) struct GpuInput<'a> {
    pub buffer: &'a GpuBuffer,
    pub layout: &'a Layout,
    pub dtype: DType,
    /// Where the bound part of the buffer begins, and its bytes; 0 bytes are all that is left. The layout counts from there.
    pub part: (usize, usize),
}

impl<'a> GpuInput<'a> {
    /// The buffer, for shaders that get the layout as parameters.
    pub fn binding(&self) -> Binding<'a> {
        let (start, bytes) = self.part;
        Binding::read(self.buffer).part(start, bytes)
    }
}

/// An output on a graphics adapter, without gaps.
pub(crate) struct GpuOutput<'a> {
    pub buffer: &'a GpuBuffer,
    pub shape: &'a Shape,
}

impl<'a> GpuOutput<'a> {
    pub fn new(storage: &'a Storage, shape: &'a Shape) -> Option<Self> {
        match storage.memory() {
            Memory::Gpu(buffer) => Some(Self { buffer, shape }),
            Memory::Cpu(_) => None,
        }
    }

    /// The whole buffer.
    pub fn binding(&self) -> Binding<'a> {
        Binding::read_write(self.buffer)
    }
}

/// Runs an op and notes it for the backward pass. Several outputs are rare: see [`apply_one`].
pub(crate) fn apply<O: Op>(op: O, inputs: &[&Tensor]) -> Result<SmallVec<[Tensor; 2]>> {
    let Some(first) = inputs.first() else {
        return Err(op.misfit(&[], "needs an input"));
    };
    let device = first.device().clone();
    if let Some(other) = inputs.iter().find(|input| !input.device().is(&device)) {
        return Err(TensorError::Devices {
            op: op.name(),
            first: device.to_string(),
            second: other.device().to_string(),
        });
    }
    let specs: Specs = inputs.iter().map(|input| input.spec()).collect();
    let output_specs = op.outputs(&specs)?;
    let wanted: SmallVec<[bool; 3]> = inputs.iter().map(|input| input.is_tracked()).collect();
    let carries = output_specs.iter().any(|spec| spec.dtype.is_float());
    let tracked = carries && autograd::is_recording() && wanted.contains(&true);
    if tracked && let Some(input) = (0..inputs.len()).find(|&i| wanted[i] && !op.has_gradient(i)) {
        return Err(TensorError::NoGradient {
            op: op.name(),
            input,
        });
    }
    let outputs = execute(&op, inputs, &output_specs, &device).map_err(|error| {
        let shapes = || specs.iter().map(|spec| spec.shape.clone()).collect();
        error.for_op(op.name(), shapes)
    })?;
    if !tracked {
        return Ok(outputs);
    }
    let node = Node::new(Arc::new(op), inputs, &outputs, specs, output_specs);
    Ok(outputs
        .into_iter()
        .enumerate()
        .map(|(place, output)| output.with_node(&node, place))
        .collect())
}

/// [`apply`] for an op of one output.
pub(crate) fn apply_one<O: Op>(op: O, inputs: &[&Tensor]) -> Result<Tensor> {
    let name = op.name();
    let mut outputs = apply(op, inputs)?;
    outputs.pop().ok_or_else(|| TensorError::Backward {
        reason: format!("{name} has no output"),
    })
}

pub(crate) fn execute<O: Op>(
    op: &O,
    inputs: &[&Tensor],
    specs: &[Spec],
    device: &Device,
) -> Result<SmallVec<[Tensor; 2]>> {
    if let Device::Gpu(gpu) = device
        && let Some(cut) = pieces::cut(op, gpu, inputs, specs)
    {
        return pieces::execute(op, gpu, inputs, specs, &cut);
    }
    let prepared: SmallVec<[Tensor; 4]> = inputs
        .iter()
        .map(|input| prepare(op, input))
        .collect::<Result<_>>()?;
    let computed = |spec: &Spec| match spec.dtype.is_half() && !op.takes_half() {
        true => DType::F32,
        false => spec.dtype,
    };
    let mut storages: SmallVec<[Storage; 2]> = specs
        .iter()
        .map(|spec| Storage::allocate(device, spec.shape.elements() * computed(spec).size()))
        .collect::<Result<_>>()?;
    match device {
        Device::Cpu(cpu) => {
            let inputs: SmallVec<[CpuInput<'_>; 4]> =
                prepared.iter().filter_map(Tensor::cpu_input).collect();
            let mut outputs: SmallVec<[CpuOutput<'_>; 2]> = storages
                .iter_mut()
                .zip(specs)
                .filter_map(|(storage, spec)| CpuOutput::new(storage, &spec.shape))
                .collect();
            op.cpu(cpu, &inputs, &mut outputs)?;
        }
        Device::Gpu(gpu) => {
            let parts = pieces::parts(op, gpu, &prepared, specs);
            let inputs: SmallVec<[GpuInput<'_>; 4]> = (prepared.iter().enumerate())
                .filter_map(|(place, input)| match parts.get(place) {
                    Some((layout, part)) => input.gpu_input().map(|input| GpuInput {
                        layout,
                        part: *part,
                        ..input
                    }),
                    None => input.gpu_input(),
                })
                .collect();
            let outputs: SmallVec<[GpuOutput<'_>; 2]> = storages
                .iter()
                .zip(specs)
                .filter_map(|(storage, spec)| GpuOutput::new(storage, &spec.shape))
                .collect();
            op.gpu(gpu, &inputs, &outputs)?;
        }
    }
    storages
        .into_iter()
        .zip(specs)
        .map(|(storage, spec)| {
            let computed = computed(spec);
            let output = Tensor::from_storage(storage, spec.shape.clone(), computed, device);
            match computed == spec.dtype {
                true => Ok(output),
                false => output.cast_untracked(spec.dtype),
            }
        })
        .collect()
}

/// An input as the kernels want it.
fn prepare<O: Op>(op: &O, input: &Tensor) -> Result<Tensor> {
    let input = input.detach();
    let input = match input.dtype().is_half() && !op.takes_half() {
        true => input.cast_untracked(DType::F32)?,
        false => input,
    };
    let ready = match input.device() {
        Device::Cpu(_) => input.layout().is_contiguous(),
        // A binding starts at multiples of the adapter's alignment: other offsets are copied away.
        Device::Gpu(_) => input.layout().is_contiguous() && input.layout().offset == 0,
    };
    if ready || op.takes_strides() {
        Ok(input)
    } else {
        input.copy_untracked()
    }
}

impl<'a> CpuInput<'a> {
    pub(crate) fn new(tensor: &'a Tensor, storage: &'a Storage) -> Option<Self> {
        match storage.memory() {
            Memory::Cpu(buffer) => Some(Self {
                bytes: buffer.bytes(),
                layout: tensor.layout(),
                dtype: tensor.dtype(),
                storage,
            }),
            Memory::Gpu(_) => None,
        }
    }
}
