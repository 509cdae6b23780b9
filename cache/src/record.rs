//! The body of an action's record.
//!
//! | what | bytes |
//! |---|---|
//! | count of outputs | 4 |
//! | each output: port (text), kind (0 a file, 1 a folder) | 1 for the kind |
//! | a file: digest, size | 32 + 8 |
//! | a folder: count, then each path (text), digest, size | 4, then 32 + 8 each |
//! | manifest (text), provenance (text) | |
//!
//! A text is 4 bytes of length and UTF-8; integers are little-endian.

use crate::frame::{Frame, u32_at, u64_at};
use crate::{Action, Artifact, Blob, Digest, Key, Output};

/// Encodes all but key and time, which the frame holds.
pub(crate) fn encode(outputs: &[Output], manifest: &str, provenance: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + 64 * outputs.len() + manifest.len() + provenance.len());
    put_len(&mut body, outputs.len());
    for Output { port, artifact } in outputs {
        put_text(&mut body, port);
        match artifact {
            Artifact::File(blob) => {
                body.push(0);
                put_blob(&mut body, blob);
            }
            Artifact::Folder(listing) => {
                body.push(1);
                put_len(&mut body, listing.len());
                for (path, blob) in listing {
                    put_text(&mut body, path);
                    put_blob(&mut body, blob);
                }
            }
        }
    }
    put_text(&mut body, manifest);
    put_text(&mut body, provenance);
    body
}

fn put_len(body: &mut Vec<u8>, len: usize) {
    // A length beyond 32 bits makes the whole body too long for its frame, which the publisher refuses.
    body.extend_from_slice(&(len as u32).to_le_bytes());
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    put_len(body, text.len());
    body.extend_from_slice(text.as_bytes());
}

fn put_blob(body: &mut Vec<u8>, blob: &Blob) {
    body.extend_from_slice(blob.digest.as_bytes());
    body.extend_from_slice(&blob.size.to_le_bytes());
}

/// The action of a record; `None` if the record is damaged.
pub(crate) fn decode(frame: &Frame<'_>) -> Option<Action> {
    if !frame.is_intact() {
        return None;
    }
    let mut body = Body(frame.body);
    let outputs = body.items(5, |body| {
        let port = body.text()?.to_owned();
        let artifact = match body.take(1)? {
            [0] => Artifact::File(body.blob()?),
            [1] => {
                let listing =
                    body.items(44, |body| Some((body.text()?.to_owned(), body.blob()?)))?;
                // Paths are joined to folders of the user's: none may lead out of them.
                if !listing.iter().all(|(path, _)| stays_inside(path)) {
                    return None;
                }
                Artifact::Folder(listing)
            }
            _ => return None,
        };
        Some(Output { port, artifact })
    })?;
    let action = Action {
        key: frame.key,
        outputs,
        manifest: body.text()?.to_owned(),
        provenance: body.text()?.to_owned(),
        created: frame.time,
    };
    body.0.is_empty().then_some(action)
}

fn stays_inside(path: &str) -> bool {
    !path.contains('\0')
        && path
            .split('/')
            .all(|component| !matches!(component, "" | "." | ".."))
}

struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn len(&mut self) -> Option<usize> {
        u32_at(self.take(4)?, 0).map(|len| len as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = self.len()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    fn blob(&mut self) -> Option<Blob> {
        let digest = Digest(self.take(32)?.try_into().ok()?);
        Some(Blob {
            digest,
            size: u64_at(self.take(8)?, 0)?,
        })
    }

    /// A counted list; `least` is the fewest bytes an item has, so that a wrong count allocates nothing.
    fn items<T>(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.len()?;
        if count > self.0.len() / least {
            return None;
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(item(self)?);
        }
        Some(items)
    }
}

/// A record of nothing but its key, which makes it void.
pub(crate) fn forgotten(key: Key, time: u64) -> Vec<u8> {
    let mut log = Vec::new();
    Frame::new(crate::frame::kind::FORGOTTEN, key, time, &[], &[]).write(&mut log);
    log
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::kind;

    fn blob(name: &str) -> Blob {
        Blob {
            digest: Digest::of(name.as_bytes()),
            size: name.len() as u64,
        }
    }

    fn frame_of(body: &[u8]) -> Vec<u8> {
        let mut log = Vec::new();
        Frame::new(
            kind::ACTION,
            Key(Digest::of(b"k")),
            1_700_000_000,
            body,
            &[],
        )
        .write(&mut log);
        log
    }

    fn decoded(body: &[u8]) -> Option<Action> {
        decode(&Frame::read(&frame_of(body), 0).unwrap())
    }

    #[test]
    fn an_action_comes_back_as_it_was() {
        let outputs = vec![
            Output {
                port: "table".into(),
                artifact: Artifact::File(blob("t")),
            },
            Output {
                port: "model".into(),
                artifact: Artifact::Folder(vec![("a/b".into(), blob("x")), ("ü".into(), blob(""))]),
            },
            Output {
                port: "empty".into(),
                artifact: Artifact::Folder(vec![]),
            },
        ];
        let expected = Action {
            key: Key(Digest::of(b"k")),
            outputs,
            manifest: "{\"op\":1}".into(),
            provenance: String::new(),
            created: 1_700_000_000,
        };
        let body = encode(&expected.outputs, &expected.manifest, &expected.provenance);
        assert_eq!(decoded(&body), Some(expected));
    }

    #[test]
    fn a_path_that_leads_out_of_its_folder_makes_the_record_void() {
        for path in ["../x", "/etc/x", "a//b", "a/./b", "a/..", "", "a\0b"] {
            let artifact = Artifact::Folder(vec![(path.into(), blob("x"))]);
            let body = encode(
                &[Output {
                    port: "p".into(),
                    artifact,
                }],
                "",
                "",
            );
            assert_eq!(decoded(&body), None, "{path:?}");
        }
    }

    #[test]
    fn a_body_cut_short_or_with_bytes_too_many_is_void() {
        let body = encode(
            &[Output {
                port: "p".into(),
                artifact: Artifact::File(blob("x")),
            }],
            "m",
            "p",
        );
        for len in 0..body.len() {
            assert_eq!(decoded(&body[..len]), None, "{len} bytes");
        }
        assert_eq!(decoded(&[&body[..], b"x"].concat()), None);
    }

    proptest! {
        #[test]
        fn random_bodies_are_decoded_or_refused(body in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Some(action) = decoded(&body) {
                prop_assert_eq!(encode(&action.outputs, &action.manifest, &action.provenance), body);
            }
        }
    }
}
