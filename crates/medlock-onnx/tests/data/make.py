#!/usr/bin/env python3
"""Makes the token classifier that the tests use: tests/data/tiny. Needs the packages onnx and numpy.

    python3 crates/medlock-onnx/tests/data/make.py

A token's figures are a row of a table, plus a row of another table for the token before it (so that a
name is known by the `dr` before it, which a window must not cut off), plus a row for its position (of
which there are few, so that a window that is too long fails as a real model's does)."""

import json
import pathlib

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save_model

HERE = pathlib.Path(__file__).parent
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
POSITIONS = 64
# Of each word the pieces, and the label that the first piece asks for.
WORDS = {
    "zwirbel": (["zwir", "##bel"], "B-PER"),
    "quast": (["quast"], "I-PER"),
    "Štěpánková": (["Štěp", "##ánková"], "B-PER"),
    "Örlund": (["Örlund"], "B-LOC"),
    "upper": (["upper"], "I-LOC"),
    "dr": (["dr"], "O"),
}
PLAIN = ["the", "patient", "was", "seen", "by", "in", "and", "a", "cough", ",", ".", "é", "naïve"]


def rows(vocabulary, labelled):
    table = np.zeros((len(vocabulary), len(LABELS)), dtype=np.float32)
    for token, label in labelled.items():
        table[vocabulary.index(token), LABELS.index(label)] = 8.0
    return table


vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *PLAIN, *(p for pieces, _ in WORDS.values() for p in pieces)]
own = rows(vocabulary, {pieces[0]: label for pieces, label in WORDS.values()})
own[:, 0] += 4.0  # what nothing speaks for is nobody's
before = rows(vocabulary, {"dr": "B-PER"})


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


ids = ["input_ids", "attention_mask", "token_type_ids"]
graph = helper.make_graph(
    [
        helper.make_node("Gather", ["own", "input_ids"], ["of_token"]),
        helper.make_node("Slice", ["input_ids", "zero", "minus_one", "axes"], ["all_but_last"]),
        helper.make_node("Slice", ["input_ids", "zero", "one", "axes"], ["first"]),
        helper.make_node("Sub", ["first", "first"], ["padding"]),
        helper.make_node("Concat", ["padding", "all_but_last"], ["previous"], axis=1),
        helper.make_node("Gather", ["before", "previous"], ["of_previous"]),
        helper.make_node("CumSum", ["attention_mask", "axis"], ["counted"], exclusive=1),
        helper.make_node("Gather", ["position", "counted"], ["of_position"]),
        helper.make_node("Gather", ["type", "token_type_ids"], ["of_type"]),
        helper.make_node("Sum", ["of_token", "of_previous", "of_position", "of_type"], ["logits"]),
    ],
    "tiny",
    [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in ids],
    [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "tokens", len(LABELS)])],
    [
        constant("own", own),
        constant("before", before),
        constant("position", np.zeros((POSITIONS, len(LABELS)), dtype=np.float32)),
        constant("type", np.zeros((2, len(LABELS)), dtype=np.float32)),
        constant("zero", np.array([0], dtype=np.int64)),
        constant("one", np.array([1], dtype=np.int64)),
        constant("minus_one", np.array([-1], dtype=np.int64)),
        constant("axes", np.array([1], dtype=np.int64)),
        constant("axis", np.array(1, dtype=np.int64)),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="medlock")
checker.check_model(model)

special = [
    {"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    for i, t in enumerate(vocabulary[:4])
]
tokenizer = {
    "version": "1.0",
    # A real tokenizer cuts off what is too long: this must not be taken over.
    "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0},
    "padding": None,
    "added_tokens": special,
    "normalizer": {
        "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": False,
        "lowercase": False,
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            t: {"id": t, "ids": [vocabulary.index(t)], "tokens": [t]} for t in ("[CLS]", "[SEP]")
        },
    },
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        "vocab": {t: i for i, t in enumerate(vocabulary)},
    },
}
config = {
    "model_type": "bert",
    "max_position_embeddings": POSITIONS,
    "id2label": {str(i): label for i, label in enumerate(LABELS)},
}
out = HERE / "tiny"
out.mkdir(exist_ok=True)
save_model(model, out / "model.onnx")
for name, value in [("tokenizer.json", tokenizer), ("config.json", config)]:
    (out / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
