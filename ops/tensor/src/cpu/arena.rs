//! [`Arena`]: ranges of large blocks of memory, handed out and taken back.
//!
//! A training step asks for activations on its way forward and for gradients of other sizes on its way back. Freed neighbours
//! become one range, which serves whatever fits, so that after the first step no memory comes from the system any more: a
//! page costs more on first touch than most kernels spend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ptr::NonNull;

use memmap2::MmapMut;

/// Ranges begin and end at multiples of this.
const PAGE: usize = 4096;
/// What blocks are made of: the huge pages of most processors.
const HUGE_PAGE: usize = 2 << 20;
/// Blocks grow with what is there, up to this size; larger ranges have a block of their own.
const LARGEST_BLOCK: usize = 64 << 20;

/// A range of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    block: usize,
    offset: usize,
}

/// Blocks and which ranges of them are free.
#[derive(Default)]
pub(super) struct Arena {
    /// By number; none where a block was given back.
    blocks: Vec<Option<MmapMut>>,
    held: usize,
    /// The free ranges, no two of which touch.
    sizes: BTreeMap<Place, usize>,
    by_size: BTreeSet<(usize, Place)>,
}

/// The bytes that are set aside for a range.
pub(super) fn rounded(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE)
}

impl Arena {
    /// Bytes of all blocks together.
    pub fn held(&self) -> usize {
        self.held
    }

    /// A range of `size` bytes, a multiple of the page: the smallest free one that fits, cut to size. Its contents are
    /// undefined, and it may be used until it is given back, or the arena dropped.
    ///
    /// # Errors
    /// If the system has no more memory.
    pub fn take(&mut self, size: usize) -> io::Result<(NonNull<u8>, Place)> {
        let place = match self.fitting(size) {
            Some(place) => place,
            None => {
                self.grow(size)?;
                (self.fitting(size)).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?
            }
        };
        let free = self.remove(place);
        if free > size {
            let rest = Place {
                offset: place.offset + size,
                ..place
            };
            self.insert(rest, free - size);
        }
        let block = self.blocks[place.block].as_mut();
        let start = block.map_or(std::ptr::null_mut(), |block| block.as_mut_ptr());
        match NonNull::new(start.wrapping_add(place.offset)) {
            Some(start) => Ok((start, place)),
            None => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    /// Takes a range back.
    pub fn give(&mut self, place: Place, size: usize) {
        let (mut place, mut size) = (place, size);
        let before = self.sizes.range(..place).next_back();
        if let Some((&before, &length)) = before
            && before.block == place.block
            && before.offset + length == place.offset
        {
            self.remove(before);
            (place, size) = (before, size + length);
        }
        let after = Place {
            offset: place.offset + size,
            ..place
        };
        if self.sizes.contains_key(&after) {
            size += self.remove(after);
        }
        self.insert(place, size);
    }

    /// Gives blocks of which nothing is in use back to the system.
    pub fn trim(&mut self) {
        for (number, slot) in self.blocks.iter_mut().enumerate() {
            let whole = Place {
                block: number,
                offset: 0,
            };
            let Some(block) = slot else { continue };
            let size = block.len();
            if self.sizes.get(&whole) == Some(&size) {
                self.sizes.remove(&whole);
                self.by_size.remove(&(size, whole));
                self.held -= size;
                *slot = None;
            }
        }
    }

    fn fitting(&self, size: usize) -> Option<Place> {
        let first = Place {
            block: 0,
            offset: 0,
        };
        let found = self.by_size.range((size, first)..).next();
        found.map(|&(_, place)| place)
    }

    fn insert(&mut self, place: Place, size: usize) {
        self.sizes.insert(place, size);
        self.by_size.insert((size, place));
    }

    fn remove(&mut self, place: Place) -> usize {
        let size = self.sizes.remove(&place).unwrap_or(0);
        self.by_size.remove(&(size, place));
        size
    }

    fn grow(&mut self, size: usize) -> io::Result<()> {
        let size = size
            .max(self.held.min(LARGEST_BLOCK))
            .next_multiple_of(HUGE_PAGE);
        let block = MmapMut::map_anon(size)?;
        // Where the system has no huge pages, it works without.
        #[cfg(target_os = "linux")]
        let _ = block.advise(memmap2::Advice::HugePage);
        let free = self.blocks.iter().position(Option::is_none);
        let number = free.unwrap_or(self.blocks.len());
        match free {
            Some(number) => self.blocks[number] = Some(block),
            None => self.blocks.push(Some(block)),
        }
        self.held += size;
        let whole = Place {
            block: number,
            offset: 0,
        };
        self.insert(whole, size);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_neighbours_serve_a_larger_range() -> io::Result<()> {
        let mut arena = Arena::default();
        let taken: Vec<_> = (0..4)
            .map(|_| arena.take(2 * PAGE))
            .collect::<Result<_, _>>()?;
        let held = arena.held();
        // The middle ones, in an order in which each meets a free neighbour on another side.
        arena.give(taken[1].1, 2 * PAGE);
        arena.give(taken[2].1, 2 * PAGE);
        assert_eq!(arena.take(4 * PAGE)?.0, taken[1].0);
        arena.give(taken[0].1, 2 * PAGE);
        arena.give(taken[1].1, 4 * PAGE);
        assert_eq!(arena.take(6 * PAGE)?.0, taken[0].0);
        assert_eq!(arena.held(), held);
        Ok(())
    }

    #[test]
    fn ranges_in_use_never_overlap_and_all_free_is_given_back() -> io::Result<()> {
        let mut arena = Arena::default();
        let mut in_use: Vec<(usize, Place, usize)> = Vec::new();
        let mut state = 1_u64;
        for _ in 0..5000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let size = (1 + (state >> 40) as usize % 300) * PAGE;
            if (state >> 33).is_multiple_of(2) || in_use.is_empty() {
                let (start, place) = arena.take(size)?;
                let (from, to) = (start.addr().get(), start.addr().get() + size);
                assert!(
                    in_use
                        .iter()
                        .all(|&(other, _, length)| to <= other || other + length <= from)
                );
                in_use.push((from, place, size));
            } else {
                let (_, place, size) = in_use.swap_remove((state >> 35) as usize % in_use.len());
                arena.give(place, size);
            }
        }
        for (_, place, size) in in_use {
            arena.give(place, size);
        }
        arena.trim();
        assert_eq!(
            (arena.held(), arena.sizes.len(), arena.by_size.len()),
            (0, 0, 0)
        );
        Ok(())
    }
}
