//! The `engine` binary.

fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    ask_for_no_display();
    engine::cli::main()
}

/// Mesa asks the display which of several adapters it prefers, and where there is none prints that XDG_RUNTIME_DIR is
/// invalid. Adapters are sorted here, whatever the display prefers.
#[cfg(target_os = "linux")]
fn ask_for_no_display() {
    let has_runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .is_some_and(|folder| std::path::Path::new(&folder).is_dir());
    if !has_runtime && std::env::var_os("DISPLAY").is_none() {
        // SAFETY: no other thread is there yet that could read the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
