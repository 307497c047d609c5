//! What `gliner_config.json` says, and what is refused of it.

use crate::error::LoadError;
use crate::files::Read;
use serde_json::Value;

/// What has to be known of a model to ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    /// How many words a span has at most.
    pub(super) max_width: usize,
    /// How many words the model was made for.
    pub(super) max_len: usize,
    /// Stands before each label.
    pub(super) ent_token: String,
    /// Stands behind the labels.
    pub(super) sep_token: String,
    /// The number that the model's graph has for `ent_token`, where it is said.
    pub(super) class_token: Option<i64>,
}

/// No model has more words.
const MOST: usize = 1 << 20;

/// What a key has to be, where it is there: the library's defaults are these too.
const ONLY: &[(&str, &[&str])] = &[
    ("model_type", &["gliner", "gliner_uni_encoder_span"]),
    ("span_mode", &["markerV0"]),
    ("words_splitter_type", &["whitespace"]),
    ("subtoken_pooling", &["first"]),
];
/// What makes other kinds of models of it.
const NONE: &[&str] = &["labels_encoder", "labels_decoder", "relations_layer", "precomputed_prompts_mode"];

impl Config {
    pub(super) fn read(file: &Read) -> Result<Self, LoadError> {
        let wrong = |why: String| LoadError::wrong(&file.path, why);
        let value: Value = serde_json::from_slice(&file.bytes).map_err(|e| wrong(e.to_string()))?;
        if !value.is_object() {
            return Err(wrong("it is not an object".to_owned()));
        }
        for (key, known) in ONLY {
            let said = &value[*key];
            if !said.is_null() && !said.as_str().is_some_and(|s| known.contains(&s)) {
                let known = known.join(" or ");
                return Err(wrong(format!("{key} is {said}: of this kind of GLiNER only {known} is supported")));
            }
        }
        for key in NONE {
            if !matches!(value[*key], Value::Null | Value::Bool(false)) {
                return Err(wrong(format!("{key} is set: this kind of GLiNER is not supported")));
            }
        }
        let unclear = |key: &str| wrong(format!("{key} is not understood"));
        let number = |key: &str, default: usize| match &value[key] {
            Value::Null => Ok(default),
            said => {
                let number = said.as_u64().and_then(|n| usize::try_from(n).ok());
                number.filter(|n| (1..=MOST).contains(n)).ok_or_else(|| unclear(key))
            }
        };
        let text = |key: &str, default: &str| match &value[key] {
            Value::Null => Ok(default.to_owned()),
            said => said.as_str().filter(|s| !s.is_empty()).map(str::to_owned).ok_or_else(|| unclear(key)),
        };
        let config = Self {
            max_width: number("max_width", 12)?,
            max_len: number("max_len", 384)?,
            ent_token: text("ent_token", "<<ENT>>")?,
            sep_token: text("sep_token", "<<SEP>>")?,
            class_token: value["class_token_index"].as_i64().filter(|id| *id >= 0),
        };
        // A span has to lie in one window at least.
        if config.max_len < 2 * config.max_width {
            return Err(wrong(format!("max_len {} leaves no room for max_width {}", config.max_len, config.max_width)));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn of(text: &str) -> Result<Config, String> {
        Config::read(&Read { path: CONFIG.into(), bytes: text.as_bytes().to_vec() }).map_err(|e| e.to_string())
    }

    const CONFIG: &str = "gliner_config.json";

    #[test]
    fn what_is_not_said_is_as_in_the_library() {
        let read = of(r#"{"model_type": "gliner", "labels_encoder": null, "class_token_index": -1}"#).unwrap();
        assert_eq!((read.max_width, read.max_len, read.class_token), (12, 384, None));
        assert_eq!((read.ent_token.as_str(), read.sep_token.as_str()), ("<<ENT>>", "<<SEP>>"));
        let own = r#"{"max_width": 8, "max_len": 100, "ent_token": "[E]", "sep_token": "[S]", "class_token_index": 7}"#;
        let read = of(own).unwrap();
        assert_eq!((read.max_width, read.max_len, read.class_token), (8, 100, Some(7)));
        assert_eq!((read.ent_token.as_str(), read.sep_token.as_str()), ("[E]", "[S]"));
    }

    #[test]
    fn other_kinds_are_refused_by_what_was_found() {
        for (text, said) in [
            (r#"{"span_mode": "token_level"}"#, "span_mode is \"token_level\": of this kind of GLiNER only markerV0"),
            (r#"{"span_mode": 1}"#, "span_mode is 1"),
            (r#"{"model_type": "gliner_streaming_span"}"#, "model_type is \"gliner_streaming_span\""),
            (r#"{"words_splitter_type": "spacy"}"#, "words_splitter_type is \"spacy\""),
            (r#"{"subtoken_pooling": "mean"}"#, "subtoken_pooling is \"mean\""),
            (r#"{"labels_encoder": "some/model"}"#, "labels_encoder is set"),
            (r#"{"labels_decoder": "some/model"}"#, "labels_decoder is set"),
            (r#"{"relations_layer": "biaffine"}"#, "relations_layer is set"),
            (r#"{"precomputed_prompts_mode": true}"#, "precomputed_prompts_mode is set"),
            (r#"{"max_width": 0}"#, "max_width is not understood"),
            (r#"{"max_len": "long"}"#, "max_len is not understood"),
            (r#"{"ent_token": ""}"#, "ent_token is not understood"),
            (r#"{"max_len": 23}"#, "max_len 23 leaves no room for max_width 12"),
            ("[]", "it is not an object"),
            ("x", "gliner_config.json: "),
        ] {
            let got = of(text).unwrap_err();
            assert!(got.starts_with("gliner_config.json: ") && got.contains(said), "{text}: {got}");
        }
    }
}
