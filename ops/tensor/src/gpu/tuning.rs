//! Which tile is fastest on an adapter: measured once, remembered in a file.
//!
//! The file has one line an adapter, `key<TAB>tile<TAB>tile...`, a tile for each class of problems. Lines of other adapters are
//! kept; what cannot be read is measured again.

use std::io::Write as _;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::adapters::{Adapter, AdapterKind};
use super::device::Gpu;
use super::matmul::Matmul;
use super::matrix::{FloatType, MatrixView};
use super::tiles::{CANDIDATES, CLASSES, Tile, possible, side_of};
use crate::Result;

/// Raised whenever the candidates or their shader change, so that old measurements are not believed.
const VERSION: u32 = 1;

/// Time for each measurement; a software adapter gets through less than one product in it.
const ENOUGH: Duration = Duration::from_millis(3);

impl Gpu {
    /// Picks the tiles of matrix products for this adapter: from `file` if they were measured before, else by measuring,
    /// which takes about a second on a card and up to a minute on a software adapter, and is written to `file`. Without a file
    /// nothing is measured and the usual tiles for this kind of adapter stay. A file that cannot be read or written costs
    /// no more than another measurement.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn tune(&self, file: Option<&Path>) -> Result<()> {
        let Some(file) = file else { return Ok(()) };
        let key = key_of(&self.adapter);
        let known = std::fs::read_to_string(file).unwrap_or_default();
        let tiles = match remembered(&known, &self.adapter, &key) {
            Some(tiles) => tiles,
            None => {
                let numbers = self.measure_tiles()?;
                if let Err(error) = remember(file, &known, &key, numbers) {
                    tracing::warn!(file = %file.display(), %error, "the tuning of {} could not be written", self.adapter.name);
                }
                numbers.map(|number| CANDIDATES[number])
            }
        };
        *self.tiles.write().unwrap_or_else(PoisonError::into_inner) = tiles;
        Ok(())
    }

    fn measure_tiles(&self) -> Result<[usize; CLASSES]> {
        let started = Instant::now();
        let mut best = [CANDIDATES.len() - 1; CLASSES];
        for (class, best) in best.iter_mut().enumerate() {
            // Software has few threads to fill: what is best for its middle sizes is best for large ones.
            let class = if self.adapter.kind == AdapterKind::Software {
                class.min(2)
            } else {
                class
            };
            let mut least = f64::INFINITY;
            for (number, tile) in possible(&self.adapter) {
                match self.seconds_of(side_of(class), 256, tile) {
                    Ok(seconds) if seconds < least => (least, *best) = (seconds, number),
                    Ok(_) => {}
                    Err(error) => {
                        self.faults.check("tuning")?;
                        tracing::info!(?tile, %error, "a tile that {} does not run", self.adapter.name);
                    }
                }
            }
        }
        tracing::info!(
            adapter = self.adapter.name,
            ?best,
            seconds = started.elapsed().as_secs_f64(),
            "tiles tuned"
        );
        Ok(best)
    }

    /// The least time of a product `[side, depth] @ [depth, side]` in f32, of several.
    pub(super) fn seconds_of(&self, side: usize, depth: usize, tile: Tile) -> Result<f64> {
        let factor = self.upload(&vec![0; side * depth * 4])?;
        let out = self.allocate(side * side * 4)?;
        let left = MatrixView::dense(&factor, FloatType::F32, 1, side, depth);
        let right = MatrixView::dense(&factor, FloatType::F32, 1, depth, side);
        let out = MatrixView::dense(&out, FloatType::F32, 1, side, side);
        let problem = Matmul::new([1, 1], [side, side, depth], left, right, out);
        self.least_seconds(ENOUGH, || self.matmul_with(&problem, tile))
    }

    /// The least time of a piece of work that is recorded again and again, several at a time when it is short.
    pub(super) fn least_seconds(
        &self,
        enough: Duration,
        record: impl Fn() -> Result<()>,
    ) -> Result<f64> {
        record()?;
        self.wait()?;
        let once = |count: u32| -> Result<f64> {
            let start = Instant::now();
            for _ in 0..count {
                record()?;
            }
            self.wait()?;
            Ok(start.elapsed().as_secs_f64() / f64::from(count))
        };
        let first = once(1)?;
        // So many that starting and waiting do not count.
        let count = (enough.as_secs_f64() / first.max(1e-6)).clamp(1.0, 64.0) as u32;
        let mut least = first;
        for _ in 0..if first > 1.0 { 1 } else { 3 } {
            least = least.min(once(count)?);
        }
        Ok(least)
    }
}

/// What measurements hold for: a card, its driver and these shaders.
fn key_of(adapter: &Adapter) -> String {
    let Adapter {
        name,
        driver,
        backend,
        pci,
        ..
    } = adapter;
    format!(
        "v{VERSION} {backend} {:04x}:{:04x} {name} / {driver}",
        pci.0, pci.1
    )
    .replace(['\t', '\n', '\r'], " ")
}

fn remembered(known: &str, adapter: &Adapter, key: &str) -> Option<[Tile; CLASSES]> {
    let line = known
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('\t'))?;
    let numbers: Vec<usize> = line
        .split('\t')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    let tiles: Option<Vec<Tile>> = numbers
        .iter()
        .map(|&number| {
            possible(adapter)
                .find(|(possible, _)| *possible == number)
                .map(|(_, tile)| tile)
        })
        .collect();
    tiles?.try_into().ok()
}

fn remember(file: &Path, known: &str, key: &str, numbers: [usize; CLASSES]) -> std::io::Result<()> {
    let numbers = numbers.map(|number| number.to_string()).join("\t");
    let others = known
        .lines()
        .filter(|line| line.contains('\t') && line.split('\t').next() != Some(key));
    let text: String = others
        .map(str::to_owned)
        .chain([format!("{key}\t{numbers}")])
        .map(|line| line + "\n")
        .collect();
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Another process that reads meanwhile sees the old file or the new one.
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(format!(".{}", std::process::id()));
    let written =
        std::fs::File::create(&temporary).and_then(|mut target| target.write_all(text.as_bytes()));
    written
        .and_then(|()| std::fs::rename(&temporary, file))
        .inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests {
    use super::{Adapter, CANDIDATES, CLASSES, key_of, remember, remembered};
    use crate::gpu::adapters::{AdapterKind, AdapterLimits};

    fn adapter(max_threads: u32) -> Adapter {
        let limits = AdapterLimits {
            max_buffer_bytes: 1 << 30,
            max_binding_bytes: 1 << 30,
            binding_alignment: 32,
            max_bindings: 8,
            max_workgroups: 65_535,
            max_threads,
            max_shared_bytes: 32_768,
        };
        Adapter {
            index: 0,
            name: "a\tcard".to_owned(),
            driver: "1.2".to_owned(),
            backend: "vulkan".to_owned(),
            kind: AdapterKind::Discrete,
            pci: (1, 2),
            limits,
            f16: true,
            subgroups: None,
            cooperative_f16: Vec::new(),
            cooperative_f32: Vec::new(),
            timestamps: false,
        }
    }

    #[test]
    fn a_choice_is_remembered_beside_those_of_other_adapters() {
        let folder = std::env::temp_dir().join(format!("tensor-tuning-{}", std::process::id()));
        let file = folder.join("tuning");
        let key = key_of(&adapter(1024));
        remember(&file, "", "other", [1; CLASSES]).unwrap();
        let known = std::fs::read_to_string(&file).unwrap();
        remember(&file, &known, &key, [0; CLASSES]).unwrap();
        let known = std::fs::read_to_string(&file).unwrap();
        remember(&file, &known, &key, [2; CLASSES]).unwrap();
        let known = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            remembered(&known, &adapter(1024), &key),
            Some([CANDIDATES[2]; CLASSES])
        );
        assert_eq!(
            remembered(&known, &adapter(1024), "other"),
            Some([CANDIDATES[1]; CLASSES])
        );
        assert_eq!(known.lines().count(), 2);
    }

    #[test]
    fn a_corrupt_file_is_as_good_as_none() {
        let adapter = adapter(128);
        let key = key_of(&adapter);
        let lines = [
            "",
            "\0\u{fffd}\t",
            "\t6\t6\t6\t6\t6\t6",
            "\t6\t6",
            "\t6\t6\t6\t6\t6\t99",
            "\t6\t6\t6\t6\t6\t-1",
        ];
        for line in lines {
            let known = format!("junk\n{key}{line}\n");
            let whole = line == "\t6\t6\t6\t6\t6\t6";
            assert_eq!(
                remembered(&known, &adapter, &key).is_some(),
                whole,
                "{line:?}"
            );
        }
        // A tile of 256 threads on an adapter that allows 128.
        assert_eq!(
            remembered(&format!("{key}\t0\t0\t0\t0\t0\t0"), &adapter, &key),
            None
        );
    }
}
