//! No op without a case and a checked gradient, and no shader that the cases do not run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Case;
use crate::Device;

fn names(folder: &str, extension: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read_to_string(&path).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

/// Masks and indices have no gradient.
fn gives_no_numbers(case: &Case) -> bool {
    super::outputs_of(case)
        .iter()
        .all(|output| !output.dtype().is_float())
}

#[test]
fn every_op_is_listed_with_cases_and_a_checked_gradient() {
    let listed: BTreeSet<&str> = crate::ops::ROOMS.iter().map(|(name, _)| *name).collect();
    for (name, _) in names("src/ops", "rs") {
        if name == "mod" {
            continue;
        }
        assert!(
            listed.contains(name.as_str()),
            "ops/{name}.rs is not in the list of ops"
        );
        let cases = crate::ops::ROOMS
            .iter()
            .find(|(listed, _)| *listed == name)
            .map(|(_, cases)| cases());
        let cases = cases.unwrap_or_default();
        assert!(!cases.is_empty(), "ops/{name}.rs has no cases");
        let checked = cases
            .iter()
            .any(|case| case.inputs.iter().any(|input| input.has_gradient));
        assert!(
            checked || cases.iter().all(gives_no_numbers),
            "no case of ops/{name}.rs checks a gradient"
        );
    }
}

/// `cargo fmt` does not see files whose modules a macro declares.
#[test]
fn files_behind_lists_are_formatted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src/ops", "src/in_place"].map(|folder| {
        let names = names(folder, "rs").into_iter();
        names.map(move |(name, _)| root.join(folder).join(name).with_extension("rs"))
    });
    let checked = std::process::Command::new("rustfmt")
        .args(["--check", "--edition", "2024"])
        .args(files.into_iter().flatten())
        .output();
    match checked {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "run `rustfmt --edition 2024 ops/tensor/src/{{ops,in_place}}/*.rs`:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => eprintln!("ignored: there is no rustfmt: {error}"),
    }
}

#[test]
fn every_update_in_place_is_listed_with_cases() {
    for (name, _) in names("src/in_place", "rs") {
        let listed = crate::in_place::ROOMS
            .iter()
            .find(|(listed, _)| *listed == name);
        let has_cases = listed.is_some_and(|(_, cases)| !cases().is_empty());
        assert!(
            has_cases || name == "mod",
            "in_place/{name}.rs is not in the list, or has no cases"
        );
    }
}

/// Entry points that tests of the runtime run, not the cases of an op: the shader, the entry point, the source of the test
/// and what stands in it.
const TESTED_ELSEWHERE: [(&str, &str, &str, &str); 6] = [
    ("probe", "affine", RUNTIME, "entry: \"affine\""),
    ("probe", "count", RUNTIME, "entry: \"count\""),
    ("probe", "grid", RUNTIME, "entry: \"grid\""),
    ("probe", "multiply_add", RUNTIME, "entry: \"multiply_add\""),
    (
        "matmul",
        "tiled",
        include_str!("../gpu/multiply.rs"),
        "fn every_tile_gives_the_product_of_f64",
    ),
    (
        "matmul",
        "cooperative",
        include_str!("../gpu/cooperative.rs"),
        "fn the_shader_of_cooperative_matrices_is_right_with_matrices_in_software",
    ),
];
const RUNTIME: &str = include_str!("../../tests/gpu_runtime.rs");

/// After all cases ran on `device`.
pub(crate) fn every_entry_point_ran(device: &Device) {
    let Device::Gpu(gpu) = device else { return };
    let ran = gpu.compiled();
    for (name, source) in names("../../shaders", "wgsl") {
        for (place, _) in source.match_indices("@compute") {
            let entry = source[place..]
                .split("fn ")
                .nth(1)
                .and_then(|rest| rest.split('(').next());
            let entry = entry.expect("an entry point has a name");
            // What several shaders begin with is a file of its own.
            let is_it = |(text, ran): &(&str, &str)| text.ends_with(&source) && *ran == entry;
            let elsewhere = TESTED_ELSEWHERE.iter().any(|(shader, other, test, part)| {
                (*shader, *other) == (&name, entry) && test.contains(part)
            });
            assert!(
                elsewhere || ran.iter().any(is_it),
                "no case runs {entry} of shaders/{name}.wgsl"
            );
        }
    }
}
