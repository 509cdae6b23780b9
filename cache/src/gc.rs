//! Garbage collection: which actions go, and what goes with them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Duration;

use crate::blobs::Inventory;
use crate::disk::{entries, now, remove_file};
use crate::{Action, Artifact, Cache, CacheError, Digest, Key, lock, staging};

/// What garbage collection is to keep.
#[derive(Clone, Debug, Default)]
pub struct GcOptions {
    /// Bytes that all blobs may have together. The least recently used actions go until they do.
    pub max_bytes: Option<u64>,
    /// Actions whose last use is longer ago go.
    pub max_age: Option<Duration>,
    /// What was used more recently stays in any case, so that nothing is taken from a run that goes on. Uses are
    /// noted to the hour: less than two hours protects nobody's run.
    pub grace: Duration,
    /// Actions that stay in any case.
    pub pinned: HashSet<Key>,
    /// Only report.
    pub dry_run: bool,
}

/// What garbage collection did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Actions removed, least recently used first.
    pub removed: Vec<Key>,
    /// Actions kept.
    pub kept: u64,
    /// Blobs removed.
    pub blobs_removed: u64,
    /// Bytes in these.
    pub bytes_removed: u64,
    /// Blobs kept.
    pub blobs_kept: u64,
    /// Bytes in these.
    pub bytes_kept: u64,
}

impl Cache {
    /// Removes what `options` do not keep: actions, the blobs that no other action needs, what killed processes
    /// left behind, views of folders that are gone, and corrupt blobs that were moved away.
    ///
    /// An action's last use is its publication or the oldest of the last uses of its blobs, whichever is later.
    /// Waits for publishing threads and processes; those wait for it.
    ///
    /// # Errors
    /// [`CacheError::ReadOnly`] unless it is a dry run; [`CacheError::Io`]. After an error some of what was to be
    /// removed may still be there, and nothing is damaged.
    pub fn gc(&self, options: &GcOptions) -> Result<GcReport, CacheError> {
        let _alone = if options.dry_run {
            None
        } else {
            self.writable("collect garbage")?;
            Some(self.exclude()?)
        };
        self.refresh()?;
        let actions = self.actions();
        let inventory = self.inventory()?;
        let (report, free) = decide(&actions, &inventory, options);
        if options.dry_run {
            return Ok(report);
        }
        let removed: HashSet<Key> = report.removed.iter().copied().collect();
        // The records go first: a kill between leaves blobs that nothing refers to, for the next collection.
        self.rewrite_log(|key| !removed.contains(key))?;
        for stored in inventory
            .blobs
            .iter()
            .filter(|stored| free.contains(&stored.blob.digest))
        {
            remove_file(&stored.path)?;
        }
        self.remove_views(
            actions
                .iter()
                .filter(|action| !removed.contains(&action.key)),
        )?;
        self.remove_corrupt(options.grace)?;
        self.compact_files()?;
        lock::collect(&self.locks_dir())?;
        staging::collect(&self.tmp_dir())?;
        Ok(report)
    }

    fn remove_views<'a>(&self, kept: impl Iterator<Item = &'a Action>) -> Result<(), CacheError> {
        let folders: HashSet<String> = kept
            .flat_map(|action| &action.outputs)
            .filter(|output| matches!(output.artifact, Artifact::Folder(_)))
            .map(|output| output.artifact.digest().to_string())
            .collect();
        for entry in entries(&self.root.join("views"))? {
            if !entry
                .file_name()
                .to_str()
                .is_some_and(|name| folders.contains(name))
            {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(CacheError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn remove_corrupt(&self, grace: Duration) -> Result<(), CacheError> {
        for entry in entries(&self.root.join("corrupt"))? {
            let path = entry.path();
            let changed = entry
                .metadata()
                .and_then(|meta| meta.modified())
                .map_err(CacheError::io("look at", &path))?;
            if changed.elapsed().is_ok_and(|age| age >= grace) {
                remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// A blob that lies in the store.
struct Holding {
    size: u64,
    used: u64,
    /// How often the actions that stay name it.
    needed: usize,
}

/// What goes: the report, and the blobs that are free to be removed.
fn decide(
    actions: &[Action],
    inventory: &Inventory,
    options: &GcOptions,
) -> (GcReport, HashSet<Digest>) {
    let now = now();
    let is_young = |used: u64| now.saturating_sub(used) < options.grace.as_secs();
    let is_expired = |used: u64| {
        options
            .max_age
            .is_some_and(|most| now.saturating_sub(used) >= most.as_secs())
    };

    let mut holdings: HashMap<Digest, Holding> = inventory
        .blobs
        .iter()
        .map(|stored| {
            (
                stored.blob.digest,
                Holding {
                    size: stored.blob.size,
                    used: stored.used,
                    needed: 0,
                },
            )
        })
        .collect();
    for blob in actions.iter().flat_map(Action::blobs) {
        if let Some(holding) = holdings.get_mut(&blob.digest) {
            holding.needed += 1;
        }
    }
    let is_free = |holding: &Holding| holding.needed == 0 && !is_young(holding.used);
    let mut bytes: u64 = holdings
        .values()
        .filter(|holding| !is_free(holding))
        .map(|holding| holding.size)
        .sum();

    let mut by_use: Vec<(u64, &Action)> = actions
        .iter()
        .map(|action| {
            let used = action
                .blobs()
                .filter_map(|blob| holdings.get(&blob.digest))
                .map(|holding| holding.used)
                .min();
            (used.unwrap_or(0).max(action.created), action)
        })
        .collect();
    // Stable: of actions used in the same second the one published first goes first.
    by_use.sort_by_key(|(used, _)| *used);

    let mut report = GcReport::default();
    for (used, action) in by_use {
        let is_too_much = options.max_bytes.is_some_and(|most| bytes > most);
        if is_young(used)
            || options.pinned.contains(&action.key)
            || !(is_expired(used) || is_too_much)
        {
            report.kept += 1;
            continue;
        }
        report.removed.push(action.key);
        for blob in action.blobs() {
            if let Some(holding) = holdings.get_mut(&blob.digest) {
                holding.needed -= 1;
                if is_free(holding) {
                    bytes -= holding.size;
                }
            }
        }
    }

    let mut free = HashSet::new();
    for (digest, holding) in &holdings {
        if is_free(holding) {
            free.insert(*digest);
            report.blobs_removed += 1;
            report.bytes_removed += holding.size;
        } else {
            report.blobs_kept += 1;
            report.bytes_kept += holding.size;
        }
    }
    (report, free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::Stored;
    use crate::{Blob, Output};

    const HOUR: u64 = 3600;

    fn key(name: &str) -> Key {
        Key(Digest::of(name.as_bytes()))
    }

    /// A store: actions by name and hours since publication, with the blobs they name; blobs by name, size and hours
    /// since their last use.
    fn collect(
        actions: &[(&str, u64, &[&str])],
        blobs: &[(&str, u64, u64)],
        options: &GcOptions,
    ) -> (Vec<Key>, Vec<String>) {
        let sizes: HashMap<&str, u64> =
            blobs.iter().map(|(name, size, _)| (*name, *size)).collect();
        let blob = |name: &str| Blob {
            digest: Digest::of(name.as_bytes()),
            size: sizes.get(name).copied().unwrap_or(1),
        };
        let actions: Vec<Action> = actions
            .iter()
            .map(|(name, hours, blobs)| Action {
                key: key(name),
                outputs: blobs
                    .iter()
                    .map(|name| Output {
                        port: (*name).to_owned(),
                        artifact: Artifact::File(blob(name)),
                    })
                    .collect(),
                manifest: String::new(),
                provenance: String::new(),
                created: now() - hours * HOUR,
            })
            .collect();
        let stored = blobs
            .iter()
            .map(|(name, _, hours)| Stored {
                blob: blob(name),
                path: name.into(),
                used: now() - hours * HOUR,
            })
            .collect();
        let (report, free) = decide(
            &actions,
            &Inventory {
                blobs: stored,
                strangers: Vec::new(),
            },
            options,
        );
        let free: Vec<String> = blobs
            .iter()
            .filter(|(name, ..)| free.contains(&blob(name).digest))
            .map(|(name, ..)| (*name).to_owned())
            .collect();
        assert_eq!(report.kept as usize + report.removed.len(), actions.len());
        assert_eq!(report.blobs_removed as usize, free.len());
        assert_eq!(
            (report.blobs_removed + report.blobs_kept) as usize,
            blobs.len()
        );
        (report.removed, free)
    }

    fn options(
        max_bytes: Option<u64>,
        max_hours: Option<u64>,
        grace_hours: u64,
        pinned: &[&str],
    ) -> GcOptions {
        GcOptions {
            max_bytes,
            max_age: max_hours.map(|hours| Duration::from_secs(hours * HOUR)),
            grace: Duration::from_secs(grace_hours * HOUR),
            pinned: pinned.iter().map(|name| key(name)).collect(),
            dry_run: false,
        }
    }

    const ACTIONS: &[(&str, u64, &[&str])] = &[
        ("old", 50, &["o"]),
        ("used", 90, &["u"]),
        ("middle", 30, &["m", "shared"]),
        ("new", 1, &["n", "shared"]),
    ];
    const BLOBS: &[(&str, u64, u64)] = &[
        ("o", 10, 50),
        ("u", 10, 2),
        ("m", 10, 30),
        ("n", 10, 1),
        ("shared", 100, 1),
        ("orphan", 5, 40),
    ];

    #[test]
    fn without_limits_only_blobs_that_nothing_needs_go() {
        assert_eq!(
            collect(ACTIONS, BLOBS, &options(None, None, 0, &[])),
            (vec![], vec!["orphan".into()])
        );
    }

    #[test]
    fn the_least_recently_used_go_until_the_rest_fits() {
        let removed = |most| collect(ACTIONS, BLOBS, &options(Some(most), None, 0, &[])).0;
        assert_eq!(removed(140), []);
        assert_eq!(removed(139), [key("old")]);
        assert_eq!(removed(129), [key("old"), key("middle")]);
        assert_eq!(removed(119), [key("old"), key("middle"), key("used")]);
        assert_eq!(
            removed(0),
            [key("old"), key("middle"), key("used"), key("new")]
        );
    }

    #[test]
    fn a_blob_stays_as_long_as_one_action_needs_it() {
        let (_, free) = collect(ACTIONS, BLOBS, &options(Some(129), None, 0, &[]));
        assert_eq!(free, ["o", "m", "orphan"]);
    }

    #[test]
    fn what_was_not_used_for_long_goes_by_its_use_not_by_its_publication() {
        let (removed, free) = collect(ACTIONS, BLOBS, &options(None, Some(30), 0, &[]));
        assert_eq!(removed, [key("old"), key("middle")]);
        assert_eq!(free, ["o", "m", "orphan"]);
    }

    #[test]
    fn pinned_actions_and_young_ones_stay_over_any_limit() {
        let (removed, free) = collect(ACTIONS, BLOBS, &options(Some(0), Some(0), 2, &["old"]));
        assert_eq!(removed, [key("middle"), key("used")]);
        assert_eq!(free, ["u", "m", "orphan"]);
    }

    #[test]
    fn a_young_blob_that_nothing_needs_stays() {
        let blobs: &[(&str, u64, u64)] = &[("young", 5, 1), ("old", 5, 5)];
        assert_eq!(
            collect(&[], blobs, &options(Some(0), None, 3, &[])),
            (vec![], vec!["old".into()])
        );
    }

    #[test]
    fn an_action_whose_blobs_are_gone_is_as_old_as_its_record() {
        let actions: &[(&str, u64, &[&str])] = &[("a", 10, &["gone"]), ("b", 1, &["gone"])];
        assert_eq!(
            collect(actions, &[], &options(None, Some(5), 0, &[])).0,
            [key("a")]
        );
    }
}
