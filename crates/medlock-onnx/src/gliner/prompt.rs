//! What stands before the words: the labels that are asked for.

use super::config::Config;
use super::words::Word;
use crate::error::LoadError;
use crate::files::Files;
use crate::tokens::Tokens;
use medlock_domain::PhiClass;

/// A window has to have room for so many tokens of text.
const LEAST: usize = 128;

/// `<<ENT>> label <<ENT>> label … <<SEP>>`, in tokens.
pub(super) struct Prompt {
    ids: Vec<i64>,
    separator: i64,
    /// Tokens that a window's words may have.
    room: usize,
}

impl Prompt {
    pub(super) fn new(
        asked: &[(String, Option<PhiClass>)],
        config: &Config,
        tokens: &Tokens,
        files: &Files,
    ) -> Result<Self, LoadError> {
        let id = |token: &str| {
            let why = || LoadError::wrong(&files.tokenizer.path, format!("it has no token {token}"));
            tokens.id(token).ok_or_else(why)
        };
        let (entity, separator) = (id(&config.ent_token)?, id(&config.sep_token)?);
        if let Some(other) = config.class_token.filter(|n| *n != entity) {
            let why = format!("class_token_index is {other}, but {} is token {entity}", config.ent_token);
            return Err(LoadError::wrong(&files.config.path, why));
        }
        let mut ids = Vec::new();
        for (label, _) in asked {
            let label = tokens.of_word(label).map_err(|why| LoadError::wrong(&files.tokenizer.path, why))?;
            ids.push(entity);
            ids.extend(label);
        }
        ids.push(separator);
        let room = tokens.room().saturating_sub(ids.len());
        if room < LEAST {
            let path = files.labels.as_ref().map_or(&files.config.path, |labels| &labels.path);
            let (taken, all) = (ids.len(), tokens.room());
            return Err(LoadError::wrong(path, format!("the labels take {taken} of {all} tokens: ask for fewer")));
        }
        Ok(Self { ids, separator, room })
    }

    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn separator(&self) -> i64 {
        self.separator
    }

    /// The ids of a window, and beside each the number of the word that it begins, from 1 on, or 0.
    pub(super) fn with(&self, words: &[Word], tokens: &Tokens) -> (Vec<i64>, Vec<i64>) {
        let (before, after) = tokens.frame();
        let mut ids = [before, &self.ids].concat();
        let mut numbers = vec![0; ids.len()];
        for (word, number) in words.iter().zip(1..) {
            numbers.push(number);
            numbers.resize(ids.len() + word.ids.len(), 0);
            ids.extend(&word.ids);
        }
        ids.extend(after);
        numbers.resize(ids.len(), 0);
        (ids, numbers)
    }
}
