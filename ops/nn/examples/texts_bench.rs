//! Times sentence embeddings of real texts: `texts_bench MODEL_FOLDER TOKENS THREADS OUTPUT [BATCH]`. A line of the file of tokens is a
//! text, its token ids with spaces between. Texts are packed in the order of their lengths, about BATCH tokens (4,096) at a time.
//! Prints the seconds that all texts take, and writes their vectors, f32 in the order of the file. `tests/bench/bert_texts.py`
//! runs it in turn with PyTorch.

use std::error::Error;
use std::fs;
use std::time::Instant;

use nn::bert::{Pretrained, SentenceEncoder};
use nn::{Forward, Packed};
use tensor::{Device, RandomKey, no_grad};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, tokens, threads, output, rest @ ..] = &arguments[..] else {
        return Err("takes MODEL_FOLDER TOKENS THREADS OUTPUT [BATCH]".into());
    };
    let at_once = rest.first().map_or(Ok(4096), |batch| batch.parse())?;
    let device = Device::cpu_with_threads(threads.parse::<usize>()?);
    let (model, _) = SentenceEncoder::from_folder(folder, RandomKey::new(0), &device)?;
    let texts: Vec<Vec<u32>> = fs::read_to_string(tokens)?
        .lines()
        .map(|line| line.split(' ').map(str::parse).collect())
        .collect::<Result<_, _>>()?;
    let warm = texts.len().min(64);
    no_grad(|| embed(&model, &texts[..warm], at_once, &device))?;
    let began = Instant::now();
    let vectors = no_grad(|| embed(&model, &texts, at_once, &device))?;
    println!("{}", began.elapsed().as_secs_f64());
    let bytes = vectors.iter().flatten().flat_map(|x| x.to_le_bytes());
    Ok(fs::write(output, bytes.collect::<Vec<u8>>())?)
}

fn embed(
    model: &SentenceEncoder,
    texts: &[Vec<u32>],
    at_once: usize,
    device: &Device,
) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&text| texts[text].len());
    let mut vectors = vec![Vec::new(); texts.len()];
    let mut rest = &order[..];
    while !rest.is_empty() {
        let mut tokens = 0;
        let more = |&&text: &&usize| {
            tokens += texts[text].len();
            tokens <= at_once
        };
        let count = rest.iter().take_while(more).count().max(1);
        let (batch, others) = rest.split_at(count);
        let ids: Vec<&[u32]> = batch.iter().map(|&text| &texts[text][..]).collect();
        let found = model.forward(&Packed::new(&ids, device)?, Forward::inference())?;
        let size = found.shape()[1];
        let found = found.to_vec::<f32>()?;
        for (&text, vector) in batch.iter().zip(found.chunks_exact(size)) {
            vectors[text] = vector.to_vec();
        }
        rest = others;
    }
    Ok(vectors)
}
