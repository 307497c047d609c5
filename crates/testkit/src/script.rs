//! A model that says what a test tells it to.

use async_trait::async_trait;
use medlock_deid::ProtectedText;
use medlock_domain::{ModelName, ModelText};
use medlock_pipeline::chat::{Chat, Position, Role};
use medlock_pipeline::{About, Asker, Finish, GenerateError, Generator, ModelCard, Piece, Usage};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// The model's name where a test does not choose one.
pub const MODEL: &str = "script-1";

/// What the model says.
#[derive(Debug, Clone)]
pub enum Say {
    /// The last user message, just as the model was given it, so many characters at a time.
    Echo {
        /// Characters in a piece.
        chunk: usize,
    },
    /// These pieces.
    Pieces(Vec<String>),
    /// These pieces, then the model's process dies.
    PiecesThenFail(Vec<String>),
    /// One call of a tool.
    Call {
        /// The function.
        name: String,
        /// Its arguments, as JSON text.
        arguments: String,
    },
    /// Nothing, until nobody listens any more.
    Silence,
    /// Nothing at all: it is refused with this.
    Refuse(GenerateError),
    /// Nothing at all: what asks it panics.
    Panic,
}

impl Say {
    /// One text, in one piece.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Pieces(vec![text.into()])
    }

    /// One text, cut into pieces of `n` characters.
    pub fn cut(text: &str, n: usize) -> Self {
        Self::Pieces(pieces(text, n))
    }
}

/// One text that a model was given, with where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where it stood in the request.
    pub position: Position,
    /// The protected text.
    pub text: String,
}

/// A scripted model. Clones are the same model.
#[derive(Clone)]
pub struct Script(Arc<Inner>);

struct Inner {
    name: ModelName,
    say: Mutex<Say>,
    pause: Mutex<Duration>,
    given: Mutex<Vec<Vec<Given>>>,
    ready: AtomicBool,
    cancelled: AtomicU32,
}

impl Default for Script {
    fn default() -> Self {
        Self::named(MODEL)
    }
}

impl Script {
    /// A model of this name that echoes.
    ///
    /// # Panics
    /// When no model can have that name.
    pub fn named(name: &str) -> Self {
        Self(Arc::new(Inner {
            name: name.parse().expect("the test names its model by the grammar of model names"),
            say: Mutex::new(Say::Echo { chunk: 7 }),
            pause: Mutex::new(Duration::ZERO),
            given: Mutex::default(),
            ready: AtomicBool::new(true),
            cancelled: AtomicU32::new(0),
        }))
    }

    /// From now on the model says this.
    pub fn say(&self, say: Say) {
        *lock(&self.0.say) = say;
    }

    /// From now on the model waits so long before each piece.
    pub fn pause(&self, pause: Duration) {
        *lock(&self.0.pause) = pause;
    }

    /// Whether the model takes requests.
    pub fn set_ready(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::SeqCst);
    }

    /// Everything that the model has been given, by request.
    pub fn given(&self) -> Vec<Vec<Given>> {
        lock(&self.0.given).clone()
    }

    /// The texts of the last request.
    pub fn last_given(&self) -> Vec<Given> {
        lock(&self.0.given).last().cloned().unwrap_or_default()
    }

    /// How many requests ended because nobody listened any more.
    pub fn cancelled(&self) -> u32 {
        self.0.cancelled.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Generator for Script {
    fn models(&self) -> Vec<ModelCard> {
        let about = About {
            context: 4096,
            licence: "MIT".into(),
            intended_use: "tests".into(),
            note: "It says what it is told to.".into(),
        };
        vec![ModelCard { name: self.0.name.clone(), local: true, digest: Some([7; 32]), about: Some(about) }]
    }

    fn ready(&self) -> bool {
        self.0.ready.load(Ordering::SeqCst)
    }

    async fn generate(&self, chat: Chat<ProtectedText>, _asker: Asker) -> Result<mpsc::Receiver<Piece>, GenerateError> {
        let given = chat.texts().into_iter();
        let given = given.map(|p| Given { position: p.position, text: p.text.expose().to_string() }).collect();
        lock(&self.0.given).push(given);
        let say = lock(&self.0.say).clone();
        match say {
            Say::Refuse(error) => return Err(error),
            Say::Panic => panic!("a test wanted this"),
            _ => {}
        }
        let (tx, rx) = mpsc::channel(32);
        let script = self.clone();
        tokio::spawn(async move {
            if script.speak(&chat, say, &tx).await.is_none() {
                script.0.cancelled.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(rx)
    }
}

impl Script {
    /// `None` when nobody listens any more.
    async fn speak(&self, chat: &Chat<ProtectedText>, say: Say, tx: &mpsc::Sender<Piece>) -> Option<()> {
        let (texts, call, fails) = match say {
            Say::Echo { chunk } => (pieces(&last_user(chat), chunk), None, false),
            Say::Pieces(texts) => (texts, None, false),
            Say::PiecesThenFail(texts) => (texts, None, true),
            Say::Call { name, arguments } => (Vec::new(), Some((name, arguments)), false),
            Say::Silence => {
                tx.closed().await;
                return None;
            }
            Say::Refuse(_) | Say::Panic => return Some(()),
        };
        let pause = *lock(&self.0.pause);
        for choice in 0..chat.sampling.n {
            if let Some((name, arguments)) = &call {
                let call = Piece::ToolCall {
                    choice,
                    name: ModelText::new(name.as_str()),
                    arguments: ModelText::new(arguments.as_str()),
                };
                tx.send(call).await.ok()?;
            }
            for text in &texts {
                if !pause.is_zero() {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = tx.closed() => return None,
                    }
                }
                tx.send(Piece::Text { choice, text: ModelText::new(text.as_str()) }).await.ok()?;
            }
            if fails {
                return tx.send(Piece::Failed(GenerateError::Down)).await.ok();
            }
            let finish = if call.is_some() { Finish::ToolCalls } else { Finish::Stop };
            let completion_tokens = u32::try_from(texts.len()).unwrap_or(u32::MAX);
            let usage = Usage { prompt_tokens: 11, completion_tokens, cached_tokens: 0, ..Usage::default() };
            tx.send(Piece::Done { choice, finish, usage }).await.ok()?;
        }
        Some(())
    }
}

fn last_user(chat: &Chat<ProtectedText>) -> String {
    let last = chat.messages.iter().rev().find(|m| m.role == Role::User);
    last.map(|m| m.content.iter().map(ProtectedText::expose).collect::<Vec<_>>().join("\n")).unwrap_or_default()
}

fn pieces(text: &str, n: usize) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    all.chunks(n.max(1)).map(|c| c.iter().collect()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
