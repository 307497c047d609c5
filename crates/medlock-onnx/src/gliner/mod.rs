//! GLiNER: a model that is told in words what to look for, and says of every span of words how much it is that.
//! Those with spans (`markerV0`) and one encoder for labels and text.

mod config;
mod prompt;
mod spans;
mod words;

use crate::decode::whole;
use crate::error::LoadError;
use crate::files::Files;
use crate::labels;
use crate::runtime::{Given, Kind, Runtime};
use crate::source::{self, Source};
use crate::tokens::Tokens;
use config::Config;
use medlock_deid::{Guess, Recognizer, RecognizerError};
use medlock_domain::PhiClass;
use medlock_keys::digest::{hex, sha256};
use prompt::Prompt;
use spans::{Scored, best, flat};
use words::{Word, windows, words};

/// The file by which a GLiNER is known.
pub(crate) const CONFIG: &str = "gliner_config.json";

/// The inputs of the gliner library's exports.
const KIND: Kind = Kind {
    inputs: &["input_ids", "attention_mask", "words_mask", "text_lengths", "span_idx", "span_mask"],
    needed: &["input_ids", "words_mask", "span_idx"],
    masks: &["attention_mask", "span_mask"],
    hint: "is it a GLiNER with spans and one encoder? One of tokens, with two encoders or of GLiNER2 is not supported",
    misshapen: "the model's answer is not a figure per word, width and label: is its gliner_config.json another's?",
};

/// Lower than the 0.5 of the library, for recall: what is missed is told, and the scores of labels are not shared
/// out among them as a classifier's are, so that a right one is often low.
const THRESHOLD: f32 = 0.3;

/// A GLiNER with its tokenizer and the labels it is asked for, tried once.
pub struct Gliner {
    name: &'static str,
    digest: String,
    runtime: Runtime,
    tokens: Tokens,
    config: Config,
    prompt: Prompt,
    /// What each label of the prompt means; `None` for what identifies nobody.
    classes: Vec<Option<PhiClass>>,
    threshold: f32,
}

impl Gliner {
    /// Loads and tries a model. Its name is kept as long as the process lives.
    ///
    /// # Errors
    /// When a file is missing or not understood, the model is of another kind than those with spans and one encoder,
    /// or the runtime does not run it.
    pub fn load(source: &Source) -> Result<Self, LoadError> {
        let name = source::name(&source.dir)?;
        let files = Files::read(&source.dir, CONFIG)?;
        let config = Config::read(&files.config)?;
        let asked = labels::asked(files.labels.as_ref())?;
        let tokens = Tokens::new(&files.tokenizer, &files.config, "/encoder_config")?;
        let prompt = Prompt::new(&asked, &config, &tokens, &files)?;
        let runtime = Runtime::load(&source.library, &files.model, &KIND)?;
        let threshold = source.threshold.unwrap_or(THRESHOLD);
        let mut parts = files.digests();
        parts.push(runtime.library_digest());
        // What is asked for is a part of this program where no file says it.
        let each = asked.iter().map(|(label, class)| format!("{label}\t{}\n", class.map_or("ignore", PhiClass::label)));
        parts.push(sha256(&[each.collect::<String>().as_bytes()]));
        let bits = threshold.to_bits().to_be_bytes();
        let all: Vec<&[u8]> = parts.iter().map(<[u8; 32]>::as_slice).chain([bits.as_slice()]).collect();
        let digest = hex(&sha256(&all));
        let classes = asked.into_iter().map(|(_, class)| class).collect();
        let model = Self { name, digest, runtime, tokens, config, prompt, classes, threshold };
        // What would fail at the first long text fails now.
        let word = Word { start: 0, end: 0, ids: vec![model.prompt.separator()] };
        let trial = vec![word; model.config.max_len.min(model.prompt.room())];
        model.figures(&trial).map_err(|why| LoadError::wrong(&files.model.path, why))?;
        Ok(model)
    }

    /// What the model says of every span of a window's words: by first word, width and label.
    fn figures(&self, words: &[Word]) -> Result<Vec<f32>, &'static str> {
        let (n, widest) = (words.len(), self.config.max_width);
        let (ids, numbers) = self.prompt.with(words, &self.tokens);
        let tokens = ids.len();
        let spans = || (0..n).flat_map(|start| (0..widest).map(move |more| [start, start + more]));
        let give = |input: &str| match input {
            "input_ids" => Given { shape: vec![1, tokens], values: ids.clone() },
            "words_mask" => Given { shape: vec![1, tokens], values: numbers.clone() },
            "text_lengths" => Given { shape: vec![1, 1], values: vec![n as i64] },
            "span_idx" => {
                let values = spans().flatten().map(|word| word as i64).collect();
                Given { shape: vec![1, n * widest, 2], values }
            }
            "span_mask" => {
                let values = spans().map(|[_, last]| i64::from(last < n)).collect();
                Given { shape: vec![1, n * widest], values }
            }
            // `attention_mask`: every token is there.
            _ => Given { shape: vec![1, tokens], values: vec![1; tokens] },
        };
        self.runtime.run(give, &[1, n, widest, self.classes.len()])
    }

    /// The guesses of a segment, at its own offsets.
    fn segment(&self, text: &str) -> Result<Vec<Guess>, &'static str> {
        let words = words(text, &self.tokens, self.prompt.room() / 4)?;
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let lengths: Vec<usize> = words.iter().map(|w| w.ids.len()).collect();
        let windows = windows(&lengths, self.prompt.room(), &self.config);
        let mut found = Vec::new();
        for (number, window) in windows.iter().enumerate() {
            let figures = self.figures(&words[window.clone()])?;
            let scored = Scored::all(&figures, window, self.config.max_width, self.classes.len(), self.threshold);
            found.extend(scored.filter(|s| best(&windows, &s.words, words.len()) == number));
        }
        let guess = |s: Scored| {
            let (start, end) = (words[s.words.start].start, words[s.words.end - 1].end);
            let class = self.classes[s.label]?;
            whole(text, Guess { start, end, class, confidence: s.score })
        };
        Ok(flat(found, &self.classes, words.len()).into_iter().filter_map(guess).collect())
    }
}

impl Recognizer for Gliner {
    fn name(&self) -> &'static str {
        self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn recognize(&self, text: &str) -> Result<Vec<Guess>, RecognizerError> {
        source::search(self.name, text, |segment| self.segment(segment))
    }
}

impl std::fmt::Debug for Gliner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gliner({}@{})", self.name, self.digest)
    }
}
