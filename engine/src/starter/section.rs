//! The parts that pipelines are put together from.

use super::text::Plan;

/// A variable of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Var {
    /// Its name.
    pub name: &'static str,
    /// Its value, as TOML.
    pub value: String,
    /// What it means.
    pub comment: &'static str,
}

/// Steps with their comments.
#[derive(Clone, Copy)]
pub struct Section {
    /// Its name, that of its file.
    pub name: &'static str,
    /// The text, with `@name@` where the plan says something.
    pub text: &'static str,
    /// The variables that it reads.
    pub vars: &'static [fn(&Plan<'_>) -> Var],
    /// The lines that it has in the comparison, and the steps that give them.
    pub lines: &'static [(&'static str, &'static str)],
}

macro_rules! section {
    ($($name:ident: $file:literal, [$($var:ident),*], [$($line:expr),*];)+) => {
        $(pub const $name: Section = Section {
            name: $file,
            text: include_str!(concat!("sections/", $file, ".toml")),
            vars: &[$($var),*],
            lines: &[$($line),*],
        };)+
    };
}

section! {
    DISTINCT: "distinct", [], [];
    STATS: "stats", [], [];
    WORDS: "words", [], [];
    PARTS: "parts", [sizes, seeds], [];
    BASELINES: "baselines", [], [("naive Bayes", "bayes_scores"), ("logistic regression", "logistic_scores")];
    ENCODER: "encoder", [model], [];
    LOOK_UP: "look_up", [max_length], [("look-up", "look_up_scores")];
    SETFIT: "setfit", [max_length, steps], [("SetFit", "setfit_scores")];
    MASKED: "masked", [masked_model], [];
    PROMPTS: "prompts", [max_length, steps], [("prompts", "prompts_scores")];
    AUGMENTATION: "augmentation", [], [("logistic regression + augmentation", "augmented_logistic_scores")];
    ADAPTATION: "adaptation", [max_length, mlm_epochs], [];
    FINE_TUNING: "fine_tuning", [start, max_length, measure, learning_rate], [("fine-tuning", "supervised_scores")];
    UDA: "uda", [steps], [("UDA", "uda_scores")];
    UST: "ust", [steps], [("UST", "ust_scores")];
    SAMPLE: "sample", [], [];
    ZERO_SHOT: "zero_shot", [model, labels, hypothesis, max_length], [];
    FILL_MASK: "fill_mask", [masked_model, max_length], [];
    DISTILLED: "distilled", [], [];
}

fn var(name: &'static str, value: impl Into<String>, comment: &'static str) -> Var {
    Var {
        name,
        value: value.into(),
        comment,
    }
}

fn sizes(plan: &Plan<'_>) -> Var {
    let sizes = plan.sizes().map(|size| size.to_string());
    let sizes: Vec<String> = sizes.chain(["\"all\"".to_owned()]).collect();
    var(
        "sizes",
        format!("[{}]", sizes.join(", ")),
        "rows to train on",
    )
}

fn seeds(plan: &Plan<'_>) -> Var {
    match plan.is_large() {
        false => var(
            "seeds",
            "[0, 1, 2]",
            "what differs between them is chance; [0] takes a third of the time",
        ),
        true => var(
            "seeds",
            "[0]",
            "[0, 1, 2] shows what is chance, and takes three times as long",
        ),
    }
}

fn model(plan: &Plan<'_>) -> Var {
    var("model", plan.model(), "of the hub, or a folder")
}

fn masked_model(_: &Plan<'_>) -> Var {
    var(
        "masked_model",
        "\"distilbert-base-uncased\"",
        "a masked language model of the hub, or a folder",
    )
}

fn max_length(plan: &Plan<'_>) -> Var {
    var(
        "max_length",
        plan.max_length().to_string(),
        "tokens of a text; what is longer is cut",
    )
}

fn steps(_: &Plan<'_>) -> Var {
    var("steps", "120", "of each training")
}

fn measure(plan: &Plan<'_>) -> Var {
    match plan.has_unlabelled() {
        true => steps(plan),
        false => var(
            "epochs",
            "5",
            "how often the rows are read; fewer rows want more",
        ),
    }
}

fn mlm_epochs(_: &Plan<'_>) -> Var {
    var("mlm_epochs", "3", "how often the texts are read")
}

fn learning_rate(_: &Plan<'_>) -> Var {
    var(
        "learning_rate",
        "2e-4",
        "MiniLM takes 1e-4 to 3e-4; larger models 2e-5 to 5e-5",
    )
}

fn start(plan: &Plan<'_>) -> Var {
    match plan.has_unlabelled() {
        true => var(
            "start",
            "\"adapted\"",
            "or \"base\": to see what adaptation brings",
        ),
        false => var("start", "\"base\"", "the step whose model it begins with"),
    }
}

fn labels(plan: &Plan<'_>) -> Var {
    var(
        "labels",
        plan.candidates(),
        "YOURS: the labels that a text may get",
    )
}

fn hypothesis(_: &Plan<'_>) -> Var {
    var(
        "hypothesis",
        "\"This text is about {}.\"",
        "a label stands in place of {}",
    )
}
