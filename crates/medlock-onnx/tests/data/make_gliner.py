#!/usr/bin/env python3
"""Makes the GLiNER that the tests use, tests/data/gliner, with the gliner library itself: a tiny DeBERTa with an
LSTM and the span layers of GLiNER, trained for some minutes on sentences made below, exported by the library. What
the library then finds in TEXTS, by PyTorch and not by the export, is recorded in expected.json.

    pip install gliner==0.2.29 torch==2.15.0 transformers==5.23.0 onnx==1.23.2 onnxruntime==1.32.0
    python3 crates/medlock-onnx/tests/data/make_gliner.py

The weights are others with every run (the tokenizer's trainer is not deterministic); the record is made with them."""

import json
import os
import pathlib
import random
import shutil
import tempfile

import onnx
import torch
from gliner import GLiNER, GLiNERConfig
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import DebertaV2Config, DebertaV2Model, PreTrainedTokenizerFast

OUT = pathlib.Path(__file__).parent / "gliner"
LABELS = ["hospital", "medication", "person", "phone number"]  # in the order of the alphabet, as they are asked for
MAX_LEN = 48
THRESHOLDS = [0.3, 0.01]  # with the second many spans overlap
random.seed(5)
torch.manual_seed(5)
torch.set_num_threads(1)

BEGIN, MIDDLE, LAST = ["Ka", "Zwi", "Mo", "Šte", "Ør", "Lu", "Ben", "Tha"], ["ra", "lo", "vé", "ni", "qua"], ["bel", "nko", "ss", "dil", "mert"]
DRUGS = ["metoprolol", "lisinopril", "warfarin", "insulin", "atorvastatin"]
PLAIN = "the patient was seen by in and a cough with fever for two days , . ( ) ; then she he had no pain today".split()


def name():
    return random.choice(BEGIN) + random.choice(["", *MIDDLE]) + random.choice(LAST)


def person():
    return random.choice([[name()], [name(), name()], [name(), "-", name()], [name(), "'", name()], [name() + "-" + name()]])


def digits(n):
    return "".join(random.choice("0123456789") for _ in range(n))


PIECES = {
    "person": person,
    "hospital": lambda: [name(), random.choice(["Hospital", "Clinic"])],
    "medication": lambda: [random.choice(DRUGS)],
    "phone number": lambda: random.choice([[digits(3) + "-" + digits(4)], ["(", digits(3), ")", digits(3) + "-" + digits(4)]]),
}
CUES = {
    "person": [["Dr", "."], ["by"], ["Mrs"], []],
    "hospital": [["at"], ["from"], []],
    "medication": [["takes"], ["on"], []],
    "phone number": [["phone"], ["call"], []],
}


def sentence():
    words, spans = [], []
    for _ in range(random.randint(1, 4)):
        words += random.choices(PLAIN, k=random.randint(0, 5))
        label = random.choice(LABELS)
        words += random.choice(CUES[label])
        value = PIECES[label]()
        spans.append([len(words), len(words) + len(value) - 1, label])
        words += value
    words += random.choices(PLAIN, k=random.randint(0, 6))
    return words, spans


def tokenizer():
    """Unigram with U+2581 before each word, as DeBERTa v3 has it."""
    out = Tokenizer(models.Unigram())
    out.normalizer = normalizers.NFC()
    out.pre_tokenizer = pre_tokenizers.Metaspace()
    out.decoder = decoders.Metaspace()
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    lines = [" ".join(sentence()[0]) for _ in range(2000)] + LABELS * 50
    out.train_from_iterator(lines, trainers.UnigramTrainer(vocab_size=260, special_tokens=special, unk_token="[UNK]"))
    out.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(t, out.token_to_id(t)) for t in ("[CLS]", "[SEP]")]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=out, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


def train(model, steps):
    core = model.model
    core.train()
    step = torch.optim.AdamW(core.parameters(), lr=3e-3)
    collator = model.data_collator_class(model.config, data_processor=model.data_processor, prepare_labels=True)
    for at in range(steps):
        for group in step.param_groups:
            group["lr"] = 3e-3 * (1 - at / steps)
        batch = []
        for _ in range(16):
            words, spans = sentence()
            asked = random.sample(LABELS, k=random.randint(2, len(LABELS)))
            spans = [s for s in spans if s[2] in asked]
            batch.append({"tokenized_text": words, "ner": spans, "ner_labels": asked})
        loss = core(**collator(batch)).loss
        step.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(core.parameters(), 1.0)
        step.step()
        if at % 100 == 0:
            print(at, round(loss.item(), 3), flush=True)
    core.eval()


def shorter(graph, kept, names):
    """Half of so small a model is the names of its parts: they become numbers. What it computes stays."""
    short = lambda name: name if not name or name in kept else names.setdefault(name, f"v{len(names)}")  # noqa: E731
    for constant in graph.initializer:
        constant.name = short(constant.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                shorter(attribute.g, kept, names)


# Names that the training cannot have made, marks, accents, spaces of all kinds, a text of no word, of one.
TEXTS = [
    "the patient was seen by Dr. Zwilobel Kamert today",
    "Šteniss-Ørbel had no pain ; call (555) 123-4567",
    "Mrs Lunibel from Benvéss Hospital takes warfarin and insulin .",
    "Kara O'Thamert,Zwinko;Modil\tat  Moqualmert\r\nClinic 555-0199",
    "by Vexley Ngata in Oxbow Clinic",
    "naïve 漢字 🙂 Štefan, a cough; x_y 3.14 %",
    "LUNIBEL KAMERT phone 5550199 metoprolol lisinopril",
    "cough",
    "Thaloss",
    "seen by Kanko and by Mordil and by Zwiquabel with Benss Clinic , phone 123-4567 and 765-4321 , on atorvastatin",
]


def main():
    work = pathlib.Path(tempfile.mkdtemp())
    os.chdir(work)  # so that the configuration names no directory of this machine
    fast = tokenizer()
    fast.save_pretrained("encoder")
    encoder = DebertaV2Config(
        vocab_size=len(fast), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=512, type_vocab_size=0, relative_attention=True, max_relative_positions=16,
        position_biased_input=False, pos_att_type=["p2c", "c2p"], pad_token_id=0, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    DebertaV2Model(encoder).save_pretrained("encoder")
    config = GLiNERConfig(
        model_name="encoder", encoder_config=encoder.to_dict(), max_width=6, hidden_size=16, dropout=0.0, span_mode="markerV0",
        max_len=MAX_LEN, num_rnn_layers=1, max_types=25, words_splitter_type="whitespace",
    )
    model = GLiNER.from_config(config)
    print(type(model).__name__, sum(p.numel() for p in model.model.parameters()))
    train(model, int(os.environ.get("STEPS", "1500")))
    model.export_to_onnx("export")
    OUT.mkdir(exist_ok=True)
    exported = onnx.load("export/model.onnx")
    shorter(exported.graph, {i.name for i in [*exported.graph.input, *exported.graph.output]}, {})
    onnx.checker.check_model(exported)
    onnx.save(exported, OUT / "model.onnx")
    for file in ["tokenizer.json", "gliner_config.json"]:
        shutil.copy(work / "export" / file, OUT / file)
    found = []
    for text in TEXTS:
        for threshold in THRESHOLDS:
            spans = [
                {"start": s["start"], "end": s["end"], "label": s["label"], "score": round(s["score"], 6)}
                for s in model.predict_entities(text, LABELS, threshold=threshold)
            ]
            found.append({"text": text, "threshold": threshold, "spans": spans})
    record = {"labels": LABELS, "offsets": "characters", "texts": found}
    (OUT / "expected.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for f in found:
        print(f["threshold"], f["text"], [(f["text"][s["start"]:s["end"]], s["label"], s["score"]) for s in f["spans"]])


main()
