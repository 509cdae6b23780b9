//! What the driver reported outside of any call: a lost device, which stays lost, and errors that no one caught.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::{Result, TensorError};

/// Filled by wgpu's callbacks, read by every call.
pub(super) struct Faults {
    adapter: String,
    lost: OnceLock<String>,
    raised: AtomicBool,
    first: Mutex<Option<String>>,
}

impl Faults {
    pub fn new(adapter: String) -> Self {
        Self {
            adapter,
            lost: OnceLock::new(),
            raised: AtomicBool::new(false),
            first: Mutex::new(None),
        }
    }

    /// Marks the device as lost, for good.
    pub fn lose(&self, reason: impl Into<String>) {
        let _ = self.lost.set(reason.into());
    }

    /// Keeps an error for the next call; the first one is the cause, so later ones are only logged.
    pub fn raise(&self, message: String) {
        tracing::error!(adapter = self.adapter, "{message}");
        self.first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(message);
        self.raised.store(true, Ordering::Release);
    }

    /// # Errors
    /// If the device is lost, or if an error was raised since the last check, which ends it.
    pub fn check(&self, doing: &str) -> Result<()> {
        if let Some(reason) = self.lost.get() {
            return Err(TensorError::DeviceLost {
                doing: doing.to_owned(),
                adapter: self.adapter.clone(),
                reason: reason.clone(),
            });
        }
        if self.raised.load(Ordering::Acquire) {
            let message = self
                .first
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            self.raised.store(false, Ordering::Release);
            if let Some(reason) = message {
                return Err(TensorError::Gpu {
                    doing: doing.to_owned(),
                    reason,
                });
            }
        }
        Ok(())
    }
}
