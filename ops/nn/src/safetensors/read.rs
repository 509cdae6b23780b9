//! [`SafeTensors`]: one file, mapped into memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use tensor::{DType, Device, Element, Tensor};

use super::FileType;
use super::header::{Entry, Header};
use crate::{NnError, Result};

/// A file of tensors. Opening it reads the header; the tensors are read when they are asked for.
#[derive(Debug)]
pub struct SafeTensors {
    path: PathBuf,
    map: Mmap,
    header: Header,
}

/// A tensor in a file.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    file: &'a SafeTensors,
    name: &'a str,
    entry: &'a Entry,
}

impl SafeTensors {
    /// Maps a file and checks its header.
    ///
    /// # Errors
    /// [`NnError::Io`]; [`NnError::File`] and [`NnError::FileTensor`] for files that are cut off or contradict themselves.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(NnError::io(path, "opening weights"))?;
        // SAFETY: the map is only read. A file that another program shortens meanwhile would end this one, as it would with
        // every reader that maps; our own writers replace files and never change them.
        let map = unsafe { Mmap::map(&file) }
            .map_err(NnError::io(path, "mapping weights into memory"))?;
        let header = Header::parse(&map, path)?;
        Ok(Self {
            path: path.to_owned(),
            map,
            header,
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.entries.keys().map(String::as_str)
    }

    /// What else the writer noted.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.header.metadata
    }

    /// A tensor by its name.
    pub fn get(&self, name: &str) -> Option<View<'_>> {
        let (name, entry) = self.header.entries.get_key_value(name)?;
        Some(View {
            file: self,
            name,
            entry,
        })
    }
}

impl<'a> View<'a> {
    /// The type of its elements.
    pub fn dtype(&self) -> &'a FileType {
        &self.entry.dtype
    }

    /// The size of each dimension.
    pub fn shape(&self) -> &'a [usize] {
        &self.entry.shape
    }

    /// Its elements in row-major order, little-endian, as they lie in the file.
    pub fn bytes(&self) -> &'a [u8] {
        &self.file.map[self.entry.bytes.clone()]
    }

    /// Loads it onto a device; double precision becomes single precision.
    ///
    /// # Errors
    /// [`NnError::FileTensor`] for types that tensors don't have; [`tensor::TensorError::OutOfMemory`].
    pub fn tensor(&self, device: &Device) -> Result<Tensor> {
        match self.dtype() {
            FileType::Tensor(DType::F32) => self.load(device, f32::from_le_bytes),
            FileType::Tensor(DType::U32) => self.load(device, u32::from_le_bytes),
            FileType::Tensor(DType::I32) => self.load(device, i32::from_le_bytes),
            FileType::Tensor(DType::F16) => self.load(device, half::f16::from_le_bytes),
            FileType::Tensor(DType::BF16) => self.load(device, half::bf16::from_le_bytes),
            FileType::Tensor(DType::Bool) => {
                let values: Vec<bool> = self.bytes().iter().map(|&byte| byte != 0).collect();
                Ok(Tensor::from_bools(&values, self.shape(), device)?)
            }
            FileType::F64 => {
                let doubles = self.bytes().as_chunks::<8>().0;
                let values: Vec<f32> = doubles
                    .iter()
                    .map(|&bytes| f64::from_le_bytes(bytes) as f32)
                    .collect();
                Ok(Tensor::new(&values, self.shape(), device)?)
            }
            FileType::I64 | FileType::Other(_) => Err(NnError::FileTensor {
                path: self.file.path.clone(),
                tensor: self.name.to_owned(),
                reason: format!(
                    "holds {}, which tensors here don't; store it as F32, F16, BF16, I32 or U32",
                    self.dtype().name()
                ),
            }),
        }
    }

    /// From the map straight to the device where the file's numbers lie as the processor wants them, else by a copy.
    fn load<T: Element, const N: usize>(
        &self,
        device: &Device,
        decode: impl Fn([u8; N]) -> T,
    ) -> Result<Tensor> {
        let bytes = self.bytes();
        let aligned =
            cfg!(target_endian = "little").then(|| bytemuck::try_cast_slice::<u8, T>(bytes).ok());
        Ok(match aligned.flatten() {
            Some(values) => Tensor::new(values, self.shape(), device)?,
            None => {
                let values: Vec<T> = bytes
                    .as_chunks::<N>()
                    .0
                    .iter()
                    .map(|&bytes| decode(bytes))
                    .collect();
                Tensor::new(&values, self.shape(), device)?
            }
        })
    }
}
