//! The command line, as its users see it: streams, exit codes, words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use engine::run::{Event, RunStatus};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use support::{Finished, Project, wait_until};

const SMALL: &str = r#"
[pipeline]
name = "small"
seed = 3

[vars]
alpha = 0.5

[steps.lines]
op = "command"
command = "seq 1 20"

[steps.fit]
op = "command"
input = "lines"
command = "printf '{\"micro\": {\"f1\": 0.%s}, \"alpha\": ${vars.alpha}}' ${matrix.n} > $OUTPUT_scores; mkdir $OUTPUT_model; date +%N > $OUTPUT_model/x"
matrix = { n = [8, 16] }
outputs = { model = "model", scores = "metrics" }

[steps.drawing]
op = "command"
command = "echo '<svg xmlns=\"http://www.w3.org/2000/svg\"/>' > $OUTPUT_figure"
outputs = { figure = "figure" }
"#;

const FAILING: &str = r#"
[pipeline]
name = "failing"

[steps.good]
op = "command"
command = "echo fine"

[steps.bad]
op = "command"
input = "good"
command = "printf 'first\n\\033[31msecond\\033[0m\n' >&2; exit 3"

[steps.next]
op = "command"
input = "bad"
command = "cat $INPUT"

[steps.last]
op = "command"
input = "next"
command = "cat $INPUT"
"#;

fn small() -> Project {
    Project::new().file("small.toml", SMALL)
}

fn events(finished: &Finished) -> Vec<Event> {
    let lines = finished.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no event: {line}")))
        .collect()
}

#[test]
fn a_run_says_what_happens_on_stderr_and_what_came_out_on_stdout() {
    let project = small();
    let first = project.engine("run small.toml").success();
    assert!(
        first.stderr.starts_with("small: 4 steps\n"),
        "{}",
        first.stderr
    );
    for step in ["lines", "fit[n=8]", "fit[n=16]", "drawing"] {
        assert!(
            first.stderr.contains(&format!("✓ {step}")),
            "{}",
            first.stderr
        );
    }
    assert!(
        first.stdout.starts_with("✓ small succeeded in"),
        "{}",
        first.stdout
    );
    assert!(first.stdout.contains(": 4 ran\n"), "{}", first.stdout);
    let report = first.stdout.trim_end().rsplit("report: ").next().unwrap();
    assert!(project.path(report).is_file(), "{report}");
    assert!(!first.stdout.contains('\u{1b}') && !first.stderr.contains('\u{1b}'));
}

#[test]
fn a_second_run_has_nothing_to_do_and_says_only_that() {
    let project = small();
    project.engine("run small.toml").success();
    let second = project.engine("run small.toml").success();
    assert!(
        second
            .stdout
            .starts_with("✓ small: nothing to do, 4 steps cached\n"),
        "{}",
        second.stdout
    );
    assert_eq!(second.stderr, "");
}

#[test]
fn cached_steps_are_counted_and_not_listed() {
    let project = small();
    project.engine("run small.toml").success();
    let run = project
        .engine_with(&["run", "small.toml", "--set", "vars.alpha=2"])
        .success();
    assert!(
        run.stderr.starts_with("small: 4 steps, 2 cached\n"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("lines"), "{}", run.stderr);
    assert!(run.stdout.contains(": 2 ran, 2 cached\n"), "{}", run.stdout);
}

#[test]
fn as_json_stdout_holds_events_and_nothing_else() {
    let project = small().file("failing.toml", FAILING);
    let run = project.engine("run small.toml --log json").success();
    let all = events(&run);
    assert!(matches!(
        all.first(),
        Some(Event::RunStarted { instances: 4, .. })
    ));
    assert!(matches!(
        all.last(),
        Some(Event::RunFinished {
            ran: 4,
            status: RunStatus::Succeeded,
            ..
        })
    ));
    assert_eq!(run.stderr, "");

    let again = events(&project.engine("run small.toml --log json").success());
    assert!(matches!(
        again.as_slice(),
        [Event::RunFinished {
            cached: 4,
            ran: 0,
            ..
        }]
    ));

    let failed = events(&project.engine("--log json run failing.toml").exit(1));
    assert!(
        failed
            .iter()
            .any(|event| matches!(event, Event::StepFailed { step, .. } if step == "bad"))
    );
}

#[test]
fn a_failure_shows_message_output_help_what_was_skipped_and_how_to_retry() {
    let project = Project::new().file("failing.toml", FAILING);
    let run = project.engine("run failing.toml").exit(1);
    for words in [
        "✗ bad",
        "exit code 3",
        "│ first\n",
        "│ second\n",
        "help: it ran in",
        "skipped, because bad failed: next, last",
        "to try again: engine run failing.toml",
    ] {
        assert!(run.stderr.contains(words), "{words}\n{}", run.stderr);
    }
    assert!(run.stdout.contains("✗ failing failed in"), "{}", run.stdout);
    assert!(
        run.stdout.contains("1 ran, 1 failed, 2 left"),
        "{}",
        run.stdout
    );
}

#[test]
fn an_invalid_file_or_command_line_exits_with_2_and_prints_nothing_on_stdout() {
    let project = small().file(
        "bad.toml",
        "[pipeline]\nname = \"bad\"\n[steps.a]\nop = \"comand\"\n",
    );
    for arguments in [
        "run bad.toml",
        "run absent.toml",
        "plan small.toml --target fitt",
        "walk",
        "show small.toml x",
    ] {
        let finished = project.engine(arguments).exit(2);
        assert_eq!(finished.stdout, "", "{arguments}");
        assert!(!finished.stderr.is_empty(), "{arguments}");
    }
    let near = project.engine("plan small.toml --target fitt").exit(2);
    assert!(
        near.stderr.contains("did you mean `fit`?"),
        "{}",
        near.stderr
    );
}

#[test]
fn an_interrupted_run_exits_with_130_and_a_second_one_goes_on_from_there() {
    let project = Project::new().file(
        "slow.toml",
        r#"
        [pipeline]
        name = "slow"
        [steps.quick]
        op = "command"
        command = "echo quick"
        [steps.slow]
        op = "command"
        input = "quick"
        command = "touch started; test -e go || sleep 60"
        files = []
        "#,
    );
    let mut child = project
        .command(&["run", "slow.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the slow step runs", &mut child, || {
        project.path("started").exists()
    });
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let stopped = Finished::from(child.wait_with_output().unwrap()).exit(130);
    assert!(
        stopped.stderr.contains("press Ctrl-C again to end at once"),
        "{}",
        stopped.stderr
    );
    assert!(
        stopped
            .stderr
            .contains("to go on from here: engine run slow.toml"),
        "{}",
        stopped.stderr
    );
    assert!(
        stopped.stdout.contains("slow interrupted in"),
        "{}",
        stopped.stdout
    );
    project.write("go", "");
    let second = project.engine("run slow.toml").success();
    assert!(
        second.stdout.contains(": 1 ran, 1 cached"),
        "{}",
        second.stdout
    );
}

#[test]
fn nobody_reading_is_no_reason_to_panic() {
    let project = small();
    for arguments in [
        vec!["ops"],
        vec!["ops", "--markdown"],
        vec!["schema"],
        vec!["--help"],
        vec!["plan", "small.toml"],
        vec!["run", "small.toml"],
        vec![
            "run",
            "small.toml",
            "--set",
            "vars.alpha=3",
            "--log",
            "json",
        ],
        vec!["run", "absent.toml"],
    ] {
        let mut child = project
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        lines
            .take(1)
            .map_while(Result::ok)
            .for_each(|line| said.push_str(&line));
        let code = child.wait().unwrap().code();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        let expected = if arguments.contains(&"absent.toml") {
            2
        } else {
            0
        };
        assert_eq!(code, Some(expected), "{arguments:?}");
    }
    project.engine("runs").success();
}

#[test]
fn a_terminal_shows_bars_and_colours_unless_they_are_unwanted() {
    let project = Project::new().file(
        "slow.toml",
        "[pipeline]\nname = \"slow\"\n[vars]\nx = 1\n[steps.slow]\nop = \"command\"\ncommand = \"sleep 0.7; echo ${vars.x}\"\n",
    );
    let colours = project.in_terminal("run slow.toml", &[]);
    assert!(colours.contains("\u{1b}[32m✓\u{1b}[0m"), "{colours:?}");
    assert!(colours.contains("0 of 1 step, 1 running"), "{colours:?}");
    let plain = project.in_terminal("run slow.toml --set vars.x=2", &[("NO_COLOR", "1")]);
    assert!(plain.contains("0 of 1 step, 1 running"), "{plain:?}");
    for code in ["[3", "[2m", "[1m"] {
        assert!(!plain.contains(&format!("\u{1b}{code}")), "{plain:?}");
    }
    let dumb = project.in_terminal("run slow.toml --set vars.x=3", &[("TERM", "dumb")]);
    assert!(!dumb.contains('\u{1b}'), "{dumb:?}");
}

#[test]
fn the_plan_is_printed_for_people_and_for_programs() {
    let project = small();
    let plan = project.engine("plan small.toml").success();
    assert!(
        plan.stdout
            .contains("fit      may run: lines will be rebuilt (x2)\n"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains("drawing  will run: first run\n"),
        "{}",
        plan.stdout
    );
    project.engine("run small.toml").success();
    let json = project
        .engine("plan small.toml --json --force fit --target fit")
        .success();
    let json: Json = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["cached"], 1);
    assert_eq!(json["run"], 2);
    let states: Vec<&str> = json["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states
            .iter()
            .filter(|state| **state == "not_needed")
            .count(),
        1
    );
}

#[test]
fn runs_are_listed_compared_and_their_reports_found() {
    let project = small();
    assert!(
        project
            .engine("runs")
            .success()
            .stdout
            .contains("there is no run yet")
    );
    project.engine("run small.toml").success();
    project
        .engine_with(&["run", "small.toml", "--set", "vars.alpha=2"])
        .success();
    project.write(
        "other.toml",
        "[pipeline]\nname = \"other\"\n[steps.a]\nop = \"command\"\ncommand = \"true\"\n",
    );
    project.engine("run other.toml").success();

    let all = project.engine("runs").success().stdout;
    assert_eq!(all.lines().count(), 2 + 3, "{all}");
    for filter in ["small", "small.toml"] {
        let runs = project.engine_with(&["runs", filter]).success().stdout;
        assert_eq!(runs.lines().count(), 2 + 2, "{runs}");
    }
    assert!(
        project
            .engine("runs --limit 1")
            .success()
            .stdout
            .contains("and 2 more")
    );

    let diff = project
        .engine("diff latest~1 latest --pipeline small")
        .success()
        .stdout;
    assert!(diff.contains("vars.alpha  0.5  2"), "{diff}");
    assert!(diff.contains("~ fit[n=8]: fit.command: "), "{diff}");
    assert!(diff.contains("fit[n=8]   alpha   0.5  2   +1.5"), "{diff}");
    assert!(
        !diff.contains("micro.f1"),
        "equal metrics are left out: {diff}"
    );
    assert!(
        project
            .engine("diff latest latest")
            .success()
            .stdout
            .contains("no difference")
    );
    assert!(
        project
            .engine("diff latest~9 latest")
            .exit(2)
            .stderr
            .contains("only 3 runs")
    );

    let report = project.engine("report small.toml").success().stdout;
    assert!(project.path(report.trim()).is_file(), "{report}");
    assert_ne!(report, project.engine("report").success().stdout);
    project.engine("report nothing").exit(2);
}

#[test]
fn an_output_is_shown_by_its_type_and_can_be_taken_out() {
    let project = small();
    let early = project.engine("show small.toml lines").exit(2);
    assert!(
        early.stderr.contains("will run: first run"),
        "{}",
        early.stderr
    );
    assert!(
        early
            .stderr
            .contains("engine run small.toml --target 'lines'"),
        "{}",
        early.stderr
    );
    project.engine("run small.toml").success();

    let metrics = project
        .engine("show small.toml fit[n=16].scores")
        .success()
        .stdout;
    assert!(metrics.contains("micro.f1   0.16"), "{metrics}");
    let json = project
        .engine("show small.toml fit[n=16].scores --json")
        .success()
        .stdout;
    assert_eq!(serde_json::from_str::<Json>(&json).unwrap()["alpha"], 0.5);
    let figure = project.engine("show small.toml drawing").success().stdout;
    assert!(
        std::fs::read_to_string(figure.trim())
            .unwrap()
            .contains("<svg")
    );
    let several = project.engine("show small.toml fit").exit(2);
    assert!(
        several.stderr.contains("fit[n=8], fit[n=16]"),
        "{}",
        several.stderr
    );

    project
        .engine("show small.toml fit[n=8].model --export out/model")
        .success();
    assert!(project.path("out/model/x").is_file());
    project
        .engine("show small.toml fit[n=8].model --export out/model")
        .exit(2);
}

#[test]
fn the_cache_is_listed_verified_and_cleaned_with_pins_for_the_newest_runs() {
    let project = small();
    project.engine("run small.toml").success();
    project
        .engine_with(&["run", "small.toml", "--set", "vars.alpha=2"])
        .success();
    let path = project.engine("cache path").success().stdout;
    assert_eq!(
        path.trim(),
        project.path(".engine/cache").display().to_string()
    );
    let listed = project.engine("cache ls").success().stdout;
    assert!(listed.contains("6 results in"), "{listed}");
    assert!(
        project
            .engine("cache verify")
            .success()
            .stdout
            .contains("all sound")
    );

    let dry = project
        .engine("cache gc --max-size 0 --grace 0 --keep-runs 1 --dry-run")
        .success()
        .stdout;
    assert!(dry.starts_with("would remove 2 results"), "{dry}");
    let gc = project
        .engine("cache gc --max-size 0 --grace 0 --keep-runs 1")
        .success()
        .stdout;
    assert!(gc.starts_with("removed 2 results"), "{gc}");
    let kept = project
        .engine_with(&["plan", "small.toml", "--set", "vars.alpha=2"])
        .success()
        .stdout;
    assert!(kept.contains("4 cached, 0 will run"), "{kept}");
    project.engine("cache gc --max-size huge").exit(2);

    let blobs = project.path(".engine/cache/blobs");
    let blob = std::fs::read_dir(blobs)
        .unwrap()
        .flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap())
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, "damage").unwrap();
    assert!(
        project
            .engine("cache verify")
            .exit(1)
            .stdout
            .contains("damaged")
    );
}

#[test]
fn a_graph_is_drawn_in_three_formats() {
    let project = small();
    let mermaid = project.engine("graph small.toml").success().stdout;
    assert!(mermaid.starts_with("flowchart"), "{mermaid}");
    let dot = project
        .engine("graph small.toml --format dot")
        .success()
        .stdout;
    assert!(dot.starts_with("digraph"), "{dot}");
    project
        .engine("graph small.toml --output graph.svg")
        .success();
    let svg = std::fs::read_to_string(project.path("graph.svg")).unwrap();
    assert!(svg.contains("<svg") && svg.contains("fit"), "{svg}");
}

#[test]
fn every_kind_is_in_the_reference_and_a_near_miss_is_named() {
    let project = Project::new();
    let list = project.engine("ops").success().stdout;
    for kind in engine::steps::kinds() {
        assert!(
            list.lines().any(|line| line.starts_with(&*kind.name())),
            "{}",
            kind.name()
        );
        let reference = project.engine_with(&["ops", &kind.name()]).success().stdout;
        assert!(reference.starts_with(&*kind.name()), "{reference}");
        assert!(reference.contains("\nparameters\n"), "{reference}");
    }
    let miss = project.engine("ops comand").exit(2);
    assert!(
        miss.stderr.contains("did you mean `command`?"),
        "{}",
        miss.stderr
    );
}

#[test]
fn the_reference_page_is_what_the_engine_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let printed = Project::new().engine("ops --markdown").success().stdout;
    assert!(
        page == printed,
        "run `engine ops --markdown > docs/reference.md`"
    );
}

#[test]
fn every_pipeline_of_the_repository_fits_the_schema() {
    let printed = Project::new().engine("schema").success().stdout;
    let mut compiler = boon::Compiler::new();
    compiler
        .add_resource("pipeline.json", serde_json::from_str(&printed).unwrap())
        .unwrap();
    let mut schemas = boon::Schemas::new();
    let schema = compiler.compile("pipeline.json", &mut schemas).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelines");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            let file: Json = toml::from_str(&text).unwrap();
            let checked = schemas.validate(&file, schema);
            assert!(
                checked.is_ok(),
                "{}: {:#}",
                path.display(),
                checked.unwrap_err()
            );
        }
    }
}

#[test]
fn shells_get_a_completion_script() {
    let script = Project::new().engine("completions bash").success().stdout;
    assert!(script.contains("_engine()"), "{script}");
}
