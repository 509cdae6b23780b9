//! Times sentence embeddings of real texts: `texts_bench MODEL_FOLDER TOKENS THREADS OUTPUT`. A line of the file of tokens is a
//! text, its token ids with spaces between. Texts are packed in the order of their lengths, about 4,096 tokens at a time.
//! Prints the seconds that all texts take, and writes their vectors, f32 in the order of the file. `tests/bench/bert_texts.py`
//! runs it in turn with PyTorch.

use std::error::Error;
use std::fs;
use std::time::Instant;

use nn::bert::{Pretrained, SentenceEncoder};
use nn::{Forward, Packed};
use tensor::{Device, RandomKey, no_grad};

const TOKENS_AT_ONCE: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, tokens, threads, output] = &arguments[..] else {
        return Err("takes MODEL_FOLDER TOKENS THREADS OUTPUT".into());
    };
    let device = Device::cpu_with_threads(threads.parse()?);
    let (model, _) = SentenceEncoder::from_folder(folder, RandomKey::new(0), &device)?;
    let texts: Vec<Vec<u32>> = fs::read_to_string(tokens)?
        .lines()
        .map(|line| line.split(' ').map(str::parse).collect())
        .collect::<Result<_, _>>()?;
    let warm = texts.len().min(64);
    no_grad(|| embed(&model, &texts[..warm], &device))?;
    let began = Instant::now();
    let vectors = no_grad(|| embed(&model, &texts, &device))?;
    println!("{}", began.elapsed().as_secs_f64());
    let bytes = vectors.iter().flatten().flat_map(|x| x.to_le_bytes());
    Ok(fs::write(output, bytes.collect::<Vec<u8>>())?)
}

fn embed(
    model: &SentenceEncoder,
    texts: &[Vec<u32>],
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
            tokens <= TOKENS_AT_ONCE
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
