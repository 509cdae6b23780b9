//! Training that is killed, again and again, and goes on in another process to the same bits.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{cross_entropy, devices, expected, integers, model, texts};
use nn::bert::BertForSequenceClassification;
use nn::named_tensors;
use nn::optim::{AdamW, Decay, Optimizer, Schedule, decay_matrices};
use nn::training::{Checkpoints, DataPlace, TrainOptions, Trainer};
use tensor::{DType, Device, DeviceChoice, RandomKey, Tensor};

const STEPS: u64 = 12;
const FOLDER: &str = "NN_TEST_RESUME_IN";
const DEVICE: &str = "NN_TEST_RESUME_ON";
/// Where the last process leaves the bits of everything.
const RESULT: &str = "result";

const OPTIONS: TrainOptions = TrainOptions {
    schedule: Schedule {
        learning_rate: 1e-3,
        decay: Decay::Linear,
        warmup: 3,
        total: 20,
    },
    max_norm: Some(1.0),
    precision: DType::F32,
    recompute: false,
};

/// Not a test by itself: what the processes do that the test below starts and kills. Goes on from the newest checkpoint,
/// saves after each step and tells of it.
#[test]
#[ignore = "started by the other test"]
fn worker() {
    let (Some(folder), Ok(device)) = (std::env::var_os(FOLDER), std::env::var(DEVICE)) else {
        return;
    };
    let folder = Path::new(&folder);
    let choice: DeviceChoice = device.parse().expect("a device");
    let device = Device::open(choice, 2).expect("a device");
    let mut model: BertForSequenceClassification = model("classifier.safetensors", &device);
    let optimizer = AdamW::new(&model, decay_matrices(0.01)).expect("an optimiser");
    let mut trainer = Trainer::new(optimizer, OPTIONS, RandomKey::new(3));
    let checkpoints = Checkpoints::new(folder, 2);
    if let Some(newest) = checkpoints.newest().expect("a look") {
        Checkpoints::restore(newest, &mut model, &mut trainer).expect("a checkpoint");
    }
    let fixture = expected();
    let texts = texts(&fixture, &device);
    while trainer.state().step < STEPS {
        // The labels depend on the place in the data, which has to come back with everything else.
        let place = trainer.state().place;
        let mut labels = integers(&fixture["labels"]);
        labels.rotate_left((place.row % 4) as usize);
        let labels = Tensor::new(&labels, [4], &device).expect("labels");
        trainer
            .step(&mut model, 2, |model, _, forward| {
                Ok(cross_entropy(&model.forward(&texts, forward)?, &labels)?)
            })
            .expect("a step");
        trainer.set_place(DataPlace {
            row: place.row + 3,
            ..place
        });
        println!("\nstep {}", trainer.state().step);
        checkpoints.save(&model, &trainer).expect("a checkpoint");
    }
    let moments = trainer.optimizer().state().expect("moments");
    let all = named_tensors(&model)
        .expect("tensors")
        .into_iter()
        .chain(moments);
    let mut bits = format!("{:?}", trainer.state()).into_bytes();
    for (name, tensor) in all {
        bits.extend(name.as_bytes());
        bits.extend(tensor.bytes().expect("bytes"));
    }
    fs::write(folder.join(RESULT), bits).expect("a file");
}

fn start(folder: &Path, device: &str) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["worker", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(DEVICE, device)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

/// Lets a process go on until it has made `steps` steps, waits a little, and kills it.
fn kill_after(steps: u64, wait: Duration, folder: &Path, device: &str) {
    let mut child = start(folder, device);
    let output = child.stdout.take().expect("its output");
    let steps_made = BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .filter(|line| line.starts_with("step "));
    assert!(
        steps_made.take(steps as usize).count() == steps as usize,
        "it ended by itself"
    );
    std::thread::sleep(wait);
    child.kill().expect("a kill");
    child.wait().expect("its end");
}

fn finish(folder: &Path, device: &str) -> Vec<u8> {
    let mut child = start(folder, device);
    // Read to its end, so that the process does not wait for a reader.
    let output = child.stdout.take().expect("its output");
    let said: Vec<String> = BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .collect();
    assert!(child.wait().expect("its end").success(), "{said:?}");
    fs::read(folder.join(RESULT)).expect("its result")
}

#[test]
fn training_that_is_killed_goes_on_in_a_new_process_to_the_same_bits() {
    for device in devices() {
        let device = match device {
            Device::Cpu(_) => "cpu",
            Device::Gpu(_) => "gpu",
        };
        let straight = tempfile::tempdir().expect("a folder");
        let straight = finish(straight.path(), device);
        let folder = tempfile::tempdir().expect("a folder");
        // Within a step, within the writing of a checkpoint, and right after a start.
        for (steps, wait) in [(3, 0), (2, 1), (1, 3), (2, 8)] {
            kill_after(steps, Duration::from_millis(wait), folder.path(), device);
        }
        let steps = |path: &Path| -> Vec<String> {
            let entries = fs::read_dir(path).expect("a folder");
            let names = entries.map(|entry| entry.expect("an entry").file_name());
            names
                .map(|name| name.to_string_lossy().into_owned())
                .collect()
        };
        let before = steps(folder.path());
        assert!(
            before.iter().any(|name| name.starts_with("step-")),
            "{before:?}"
        );
        assert!(finish(folder.path(), device) == straight, "{device}");
        let mut after = steps(folder.path());
        after.sort();
        assert_eq!(after, [RESULT, "step-00000011", "step-00000012"]);
    }
}
