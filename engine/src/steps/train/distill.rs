//! `method = "distill"`: a small encoder that places texts as another model does.

use methods::{Distill as Options, Distillation, Session, Taught, Text, Vectors, distill};
use nn::SentenceEncoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::neighbours::vectors;
use super::super::{Check, ColumnType, InputPort, PortType, StepError};
use super::unlabelled::{Learned, Lesson, OnTexts};

/// Teaches a sentence encoder to place texts as another model does, whose vectors `embed` has written: a small model for what a
/// large one knows. No labels are needed.
///
/// The output is a folder that sentence-transformers reads. Of the rows of the port `valid`, the loss and the correlation of cosines
/// are measured.
///
/// A model may take several courses, each on other rows. With `objective = "cosine"` and a teacher of longer vectors, the later ones need
/// the rows of the first at the port `directions`: which directions of the teacher's vectors the model's numbers stand for is decided by
/// rows, and others would turn all that it has learned.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distill {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// The column of the teacher's vectors.
    #[serde(default = "vector_column")]
    vector: String,
    /// What the model's vectors are to have of the teacher's: the cosines between the texts of a batch (`relational`; Tung and Mori
    /// 2019), or their direction (`cosine`); longer vectors of a teacher are first brought to the model's length, by the directions that
    /// hold most of them.
    #[serde(default)]
    objective: Objective,
}

/// What a student is to have of its teacher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Objective {
    /// The cosines between the texts of a batch; the larger the batch, the more of them.
    #[default]
    Relational,
    /// The direction of each vector.
    Cosine,
}

fn text_column() -> String {
    "text".to_owned()
}

fn vector_column() -> String {
    "vector".to_owned()
}

/// The rows of a port, as the student reads them and as the teacher places them.
struct Rows {
    texts: Vec<Text>,
    vectors: Vec<f32>,
    width: usize,
}

impl Rows {
    fn taught(&self) -> Taught<'_> {
        Taught {
            texts: &self.texts,
            vectors: &self.vectors,
            width: self.width,
        }
    }
}

impl Distill {
    /// The vectors at a port, and how many numbers each has.
    fn vectors(&self, lesson: &Lesson<'_>, port: &str) -> Result<(Vec<f32>, usize), StepError> {
        let table = lesson.context.columns(port, &[&self.vector])?;
        vectors(&table, &self.vector)
    }

    fn rows(&self, lesson: &Lesson<'_>, port: &str) -> Result<Rows, StepError> {
        let (vectors, width) = self.vectors(lesson, port)?;
        Ok(Rows {
            texts: lesson.tokens.of_port(lesson.context, port, &self.text)?,
            vectors,
            width,
        })
    }
}

impl OnTexts for Distill {
    const NAME: &'static str = "distill";
    const VERSION: u32 = 1;
    type Network = SentenceEncoder;

    fn inputs() -> Vec<InputPort> {
        vec![InputPort::optional("directions", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("vector", "directions", &self.vector, ColumnType::Vectors);
        if self.objective == Objective::Relational && check.is_fed("directions") {
            check.problem(
                "objective",
                "the relations between texts keep no directions, and rows feed the port `directions`",
                Some("take objective = \"cosine\", or take `directions` out of the inputs".to_owned()),
            );
        }
        for port in ["train", "valid"] {
            check.require("text", port, &self.text, ColumnType::Text);
            check.require("vector", port, &self.vector, ColumnType::Vectors);
        }
    }

    fn learn(
        &self,
        network: SentenceEncoder,
        lesson: &Lesson<'_>,
        session: &mut Session<'_>,
    ) -> Result<Learned<SentenceEncoder>, StepError> {
        let training = self.rows(lesson, "train")?;
        let validation = match lesson.context.optional_path("valid") {
            Some(_) => Some(self.rows(lesson, "valid")?),
            None => None,
        };
        let directions_of = match lesson.context.optional_path("directions") {
            Some(_) => Some(self.vectors(lesson, "directions")?),
            None => None,
        };
        let options = Options {
            optimisation: lesson.tuning.optimisation(),
            objective: match self.objective {
                Objective::Relational => Distillation::Relational,
                Objective::Cosine => Distillation::Cosine,
            },
            selection: lesson.tuning.selection(),
        };
        let (network, outcome) = distill(
            network,
            training.taught(),
            validation.as_ref().map(Rows::taught),
            directions_of.as_ref().map(|(values, width)| Vectors {
                values,
                width: *width,
            }),
            &options,
            session,
        )?;
        Ok(Learned {
            network,
            rows: training.texts.len(),
            worth: outcome
                .last_metric("correlation")
                .map(|correlation| format!("correlation of cosines {correlation:.3}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use table::columns;

    use super::*;
    use crate::steps::embed::Embed;
    use crate::steps::joined::Joined;
    use crate::steps::testing::{Trial, labelled, word_model};
    use crate::steps::transformer::tuning::Tuning;

    type Student = Joined<Tuning, Distill>;

    fn taught() -> table::Table {
        let texts = ["w7 w9 w30", "w12 w44", "w7 w8 w30 w9", "w13 w44 w12"];
        let rows = labelled(&texts.map(|text| (text, "")));
        let vectors = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0]];
        let column = columns::vectors(vectors.concat(), 2).unwrap();
        rows.with_column("vector", column).unwrap()
    }

    #[test]
    fn the_student_is_a_folder_that_embeds_as_it_was_taught() {
        let rows = taught();
        let outcome = Trial::new::<Student>(json!({
            "max_steps": 60, "batch_size": 4, "learning_rate": 1e-2, "best_by": "loss", "eval_steps": 20,
        }))
        .kept("model", word_model("roberta_masked_lm", &[]))
        .input("train", &rows)
        .input("valid", &rows)
        .run();
        let embedded = Trial::new::<Embed>(json!({}))
            .artifact("model", &outcome.path("model"), &[])
            .input("table", &rows)
            .run();
        let column = embedded.table("embedded").column("vector").unwrap();
        let (vectors, size) = columns::vector_values(&column).unwrap();
        let cosine = |first: usize, second: usize| -> f32 {
            let at = |row: usize| &vectors.values()[row * size..(row + 1) * size];
            at(first).iter().zip(at(second)).map(|(x, y)| x * y).sum()
        };
        assert!(cosine(0, 2) > 0.8, "{}", cosine(0, 2));
        assert!(cosine(0, 1) < 0.4, "{}", cosine(0, 1));
    }

    #[test]
    fn vectors_that_are_shorter_than_the_models_say_too_little_of_its_direction() {
        let said = Trial::new::<Student>(json!({ "objective": "cosine", "max_steps": 1 }))
            .kept("model", word_model("roberta_masked_lm", &[]))
            .input("train", &taught())
            .fails();
        assert!(said.contains("relational"), "{said}");
    }

    #[test]
    fn directions_are_for_the_cosine_objective() {
        for (objective, expected) in [("relational", &["objective"][..]), ("cosine", &[])] {
            let trial = Trial::new::<Student>(json!({ "objective": objective, "max_steps": 1 }))
                .kept("model", word_model("roberta_masked_lm", &[]))
                .input("train", &taught())
                .input("directions", &taught());
            let places: Vec<String> = trial.problems().into_iter().map(|p| p.parameter).collect();
            assert_eq!(places, expected);
        }
    }
}
