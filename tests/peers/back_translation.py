"""Makes tests/fixtures/back_translation.json: texts of made-up words, translated there and back by the small random M2M100 of
tests/fixtures/models/ (which models.py makes) as `transformers` generates. `python tests/peers/back_translation.py`"""

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForSeq2SeqLM

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
# Token 17 is the word `w17`; two tokens name the languages, and these have no words.
HERE, THERE, END = 0, 50, 2
WORDLESS = {0, 1, 2, 3, 4, 50}
LENGTH = 12
TEXTS = ["w38 w46 w52 w21 w24", "w10 w5", "w39 w48 w35 w30 w34 w11 w36 w17", "w9 w9 w20 w44 w31 w8 w41 w23 w6 w12 w13 w14"]


def translate(model, text, source, target, beams, ways):
    words = [int(word[1:]) for word in text.split()][: LENGTH - 2]
    output = model.generate(
        torch.tensor([[source, *words, END]]), do_sample=False, num_beams=beams, num_return_sequences=ways,
        max_new_tokens=LENGTH, forced_bos_token_id=target, eos_token_id=END, pad_token_id=1,
    )
    return [" ".join(f"w{token}" for token in row if token not in WORDLESS) for row in output.tolist()]


def main():
    torch.use_deterministic_algorithms(True)
    model = AutoModelForSeq2SeqLM.from_pretrained(FIXTURES / "models" / "m2m100", attn_implementation="eager").eval()
    plans = []
    for beams, copies in [(1, 1), (4, 2)]:
        back = []
        for text in TEXTS:
            [there] = translate(model, text, HERE, THERE, beams, 1)
            # What is left of nothing is the text.
            back.append([way or text for way in translate(model, there, THERE, HERE, beams, copies)])
        plans.append({"num_beams": beams, "copies": copies, "back": back})
    made_with = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}"
    fixture = {"made_with": made_with, "texts": TEXTS, "plans": plans}
    (FIXTURES / "back_translation.json").write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
