//! [`Tensor`]: a view of memory on a device, with its place on the tape.

use std::fmt;
use std::sync::Arc;

use half::{bf16, f16};

use crate::autograd::{LeafId, Node, Origin};
use crate::op::apply_one;
use crate::op::{CpuInput, GpuInput, Spec};
use crate::ops::cast::Cast;
use crate::ops::copy::Copy;
use crate::shape::{Layout, MAX_RANK};
use crate::storage::{Memory, Storage};
use crate::{DType, Device, Element, Result, Shape, TensorError, no_grad};

/// An array of numbers on a device. Cheap to clone: views and clones share memory, which is never changed while shared.
#[derive(Clone)]
pub struct Tensor {
    storage: Arc<Storage>,
    layout: Layout,
    dtype: DType,
    device: Device,
    origin: Origin,
}

impl Tensor {
    /// A tensor of `values` in row-major order.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there are more or fewer values than the shape holds, or more than six dimensions;
    /// [`TensorError::OutOfMemory`].
    pub fn new<T: Element>(values: &[T], shape: impl Into<Shape>, device: &Device) -> Result<Self> {
        let shape = shape.into();
        if values.len() != shape.elements() || shape.rank() > MAX_RANK {
            return Err(TensorError::Shape {
                op: "new",
                reason: format!(
                    "{} values do not fill this shape of at most {MAX_RANK} dimensions",
                    values.len()
                ),
                shapes: vec![shape],
            });
        }
        let storage = Storage::upload(device, bytemuck::cast_slice(values))
            .map_err(|error| error.for_op("new", || vec![shape.clone()]))?;
        Ok(Self::from_storage(storage, shape, T::DTYPE, device))
    }

    /// A mask of `values` in row-major order.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_bools(values: &[bool], shape: impl Into<Shape>, device: &Device) -> Result<Self> {
        let words: Vec<u32> = values.iter().map(|&value| value.into()).collect();
        let mut tensor = Self::new(&words, shape, device)?;
        tensor.dtype = DType::Bool;
        Ok(tensor)
    }

    /// One number, without dimensions.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn scalar<T: Element>(value: T, device: &Device) -> Result<Self> {
        Self::new(&[value], (), device)
    }

    /// Zeros of type f32.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn zeros(shape: impl Into<Shape>, device: &Device) -> Result<Self> {
        Self::full(0.0, shape, DType::F32, device)
    }

    /// One value everywhere.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn full(
        value: f32,
        shape: impl Into<Shape>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let one = Self::scalar(value, device)?;
        let one = no_grad(|| one.cast(dtype))?;
        one.broadcast_to(shape)?.contiguous()
    }

    /// One value everywhere, in this tensor's shape and type.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn full_like(&self, value: f32) -> Result<Self> {
        Self::full(value, self.shape(), self.dtype, &self.device)
    }

    /// The size of each dimension.
    pub fn shape(&self) -> &Shape {
        &self.layout.shape
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.layout.shape.elements()
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.layout.shape.rank()
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where it lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The same values as a tensor whose gradient [`Tensor::backward`] computes.
    ///
    /// # Errors
    /// [`TensorError::DType`] if the elements are no floating-point numbers.
    pub fn requires_grad(&self) -> Result<Self> {
        if !self.dtype.is_float() {
            return Err(TensorError::DType {
                op: "requires_grad",
                expected: "floating-point numbers",
                found: self.dtype,
            });
        }
        Ok(Self {
            origin: Origin::Leaf(LeafId::next()),
            ..self.clone()
        })
    }

    /// The same values without a past: no gradient flows through.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            storage: Arc::clone(&self.storage),
            layout: self.layout.clone(),
            dtype: self.dtype,
            device: self.device.clone(),
            origin: Origin::Constant,
        }
    }

    /// Whether it is one whose gradient is wanted, not computed from others.
    pub fn is_leaf(&self) -> bool {
        matches!(self.origin, Origin::Leaf(_))
    }

    /// Whether a backward pass could reach it.
    pub fn is_tracked(&self) -> bool {
        !matches!(self.origin, Origin::Constant)
    }

    /// Whether its elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The same tensor without gaps: a copy only where there are any.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn contiguous(&self) -> Result<Self> {
        match self.is_contiguous() {
            true => Ok(self.clone()),
            false => apply_one(Copy, &[self]),
        }
    }

    /// The same numbers as another type: rounded to the nearest, ties to even; fractions are cut for integers.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn cast(&self, dtype: DType) -> Result<Self> {
        match self.dtype == dtype {
            true => Ok(self.clone()),
            false => apply_one(Cast { to: dtype }, &[self]),
        }
    }

    /// The same tensor on another device. No gradient flows back through it.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`], [`TensorError::Gpu`].
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        if self.device.is(device) {
            return Ok(self.clone());
        }
        let storage = Storage::upload(device, &self.bytes()?)?;
        Ok(Self::from_storage(
            storage,
            self.shape().clone(),
            self.dtype,
            device,
        ))
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// [`TensorError::DType`] if they are of another type; [`TensorError::Gpu`].
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if self.dtype != T::DTYPE {
            return Err(TensorError::DType {
                op: "to_vec",
                expected: T::DTYPE.name(),
                found: self.dtype,
            });
        }
        Ok(bytemuck::pod_collect_to_vec(&self.bytes()?))
    }

    /// The elements of a mask in row-major order.
    ///
    /// # Errors
    /// [`TensorError::DType`] if it is no mask; [`TensorError::Gpu`].
    pub fn to_bools(&self) -> Result<Vec<bool>> {
        if self.dtype != DType::Bool {
            return Err(TensorError::DType {
                op: "to_bools",
                expected: DType::Bool.name(),
                found: self.dtype,
            });
        }
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(&self.bytes()?);
        Ok(words.into_iter().map(|word| word != 0).collect())
    }

    /// The elements in row-major order as f32, whatever they are.
    ///
    /// # Errors
    /// [`TensorError::Gpu`].
    pub fn to_f32_vec(&self) -> Result<Vec<f32>> {
        let bytes = self.bytes()?;
        let words = || bytes.as_chunks::<4>().0.iter().copied();
        let halves = || bytes.as_chunks::<2>().0.iter().copied();
        Ok(match self.dtype {
            DType::F32 => words().map(f32::from_ne_bytes).collect(),
            DType::F16 => halves()
                .map(|half| f16::from_ne_bytes(half).to_f32())
                .collect(),
            DType::BF16 => halves()
                .map(|half| bf16::from_ne_bytes(half).to_f32())
                .collect(),
            DType::U32 | DType::Bool => words()
                .map(|word| u32::from_ne_bytes(word) as f32)
                .collect(),
            DType::I32 => words()
                .map(|word| i32::from_ne_bytes(word) as f32)
                .collect(),
        })
    }

    /// The only element.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there are more; [`TensorError::Gpu`].
    pub fn item(&self) -> Result<f32> {
        match self.to_f32_vec()?[..] {
            [value] => Ok(value),
            _ => Err(TensorError::Shape {
                op: "item",
                reason: "takes a tensor of one element".to_owned(),
                shapes: vec![self.shape().clone()],
            }),
        }
    }

    /// The elements' bytes in row-major order.
    ///
    /// # Errors
    /// [`TensorError::Gpu`].
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let tensor = match self.is_contiguous() {
            true => self.detach(),
            false => self.copy_untracked()?,
        };
        let start = tensor.layout.offset * tensor.dtype.size();
        let length = tensor.elements() * tensor.dtype.size();
        match (tensor.storage.memory(), &tensor.device) {
            (Memory::Gpu(buffer), Device::Gpu(gpu)) => gpu.download(buffer, start, length),
            (Memory::Cpu(buffer), _) => Ok(buffer.bytes()[start..start + length].to_vec()),
            (Memory::Gpu(_), Device::Cpu(_)) => Err(TensorError::Backward {
                reason: "a tensor's memory is on another device than the tensor".to_owned(),
            }),
        }
    }
}

/// For ops and the tape.
impl Tensor {
    pub(crate) fn from_storage(
        storage: Storage,
        shape: Shape,
        dtype: DType,
        device: &Device,
    ) -> Self {
        Self {
            storage: Arc::new(storage),
            layout: Layout::contiguous(shape),
            dtype,
            device: device.clone(),
            origin: Origin::Constant,
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn spec(&self) -> Spec {
        Spec::new(self.layout.shape.clone(), self.dtype)
    }

    pub(crate) fn with_node(self, node: &Arc<Node>, place: usize) -> Self {
        Self {
            origin: Origin::Output {
                node: Arc::clone(node),
                place,
            },
            ..self
        }
    }

    /// The same memory seen through another layout, without a past.
    pub(crate) fn view(&self, layout: Layout) -> Self {
        Self {
            layout,
            ..self.detach()
        }
    }

    pub(crate) fn copy_untracked(&self) -> Result<Self> {
        no_grad(|| apply_one(Copy, &[self]))
    }

    pub(crate) fn cast_untracked(&self, dtype: DType) -> Result<Self> {
        no_grad(|| apply_one(Cast { to: dtype }, &[self]))
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(crate) fn cpu_input(&self) -> Option<CpuInput<'_>> {
        CpuInput::new(self, &self.storage)
    }

    pub(crate) fn gpu_input(&self) -> Option<GpuInput<'_>> {
        match self.storage.memory() {
            Memory::Gpu(buffer) => Some(GpuInput {
                buffer,
                layout: &self.layout,
                dtype: self.dtype,
                part: (0, 0),
            }),
            Memory::Cpu(_) => None,
        }
    }

    /// Whether it is the result of an op on the tape.
    pub(crate) fn is_computed(&self) -> bool {
        matches!(self.origin, Origin::Output { .. })
    }

    /// The memory, to be written to: this tensor's own, without gaps, copied first if anybody else sees it.
    pub(crate) fn storage_mut(&mut self) -> Result<&mut Storage> {
        let whole = self.layout.is_contiguous() && self.layout.offset == 0;
        if !whole || Arc::get_mut(&mut self.storage).is_none() {
            let copy = self.copy_untracked()?;
            self.storage = copy.storage;
            self.layout = copy.layout;
        }
        Arc::get_mut(&mut self.storage).ok_or_else(|| TensorError::Backward {
            reason: "a fresh copy is shared".to_owned(),
        })
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Tensor({} {} on {})",
            self.dtype,
            self.shape(),
            self.device
        )
    }
}
