//! Whether a file is the one that the hub means.
//!
//! The hub's ETag of a large file is its SHA-256; that of a small one is Git's name for it, the SHA-1 of `blob SIZE\0` and the
//! content.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use crate::error::{HubError, Result};

/// The kind of digest that an ETag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sha256,
    GitSha1,
    /// Something of a mirror's own, which says nothing of the content.
    Unknown,
}

pub(crate) fn kind(etag: &str) -> Kind {
    let is_hex = etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    match etag.len() {
        64 if is_hex => Kind::Sha256,
        40 if is_hex => Kind::GitSha1,
        _ => Kind::Unknown,
    }
}

/// The digest of a file of the kind that an ETag is, `None` when that is unknown.
pub(crate) fn of_file(path: &Path, kind: Kind) -> Result<Option<String>> {
    let failed = || HubError::io("read", path);
    let mut file = File::open(path).map_err(failed())?;
    let mut context = match kind {
        Kind::Sha256 => Context::new(&SHA256),
        Kind::GitSha1 => {
            let bytes = file.metadata().map_err(failed())?.len();
            let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
            context.update(format!("blob {bytes}\0").as_bytes());
            context
        }
        Kind::Unknown => return Ok(None),
    };
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(failed())?;
        if read == 0 {
            break;
        }
        context.update(&buffer[..read]);
    }
    let digest = context.finish();
    let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    Ok(Some(hex.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_git_and_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello\n").unwrap();
        // `printf 'hello\n' | git hash-object --stdin` and `| sha256sum`
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        for digest in [git, sha] {
            let found = of_file(file.path(), kind(digest)).unwrap();
            assert_eq!(found.as_deref(), Some(digest));
        }
        assert_eq!(of_file(file.path(), kind("W-of-its-own")).unwrap(), None);
    }
}
