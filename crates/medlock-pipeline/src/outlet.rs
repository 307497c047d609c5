//! The way out of one request: per choice a filter, then a restorer, in that order by type.

use crate::chat::Json;
use crate::release::Window;
use medlock_deid::{BlockedOutput, Detector, OnLeak, OutputFilter, RestoredText, Restorer, Surrogates};
use medlock_domain::{ClassCounts, ModelText};
use zeroize::Zeroizing;

/// The ways out of a request's choices.
pub(crate) struct Outlet {
    detector: &'static Detector,
    surrogates: Surrogates,
    on_leak: OnLeak,
    restore: bool,
    /// The answers are JSON: each waits until it is whole, and then goes out value by value.
    json: bool,
    choices: Vec<Choice>,
    said: Zeroizing<Vec<u8>>,
    removed: ClassCounts,
}

struct Choice {
    /// Gone once the choice has ended.
    live: Option<(OutputFilter, Restorer)>,
    /// What was said so far of an answer in JSON.
    held: Zeroizing<String>,
    window: Window,
}

impl Outlet {
    pub(crate) fn new(
        detector: &'static Detector,
        surrogates: &Surrogates,
        on_leak: OnLeak,
        restore: bool,
        json: bool,
        choices: u32,
    ) -> Self {
        let choices = (0..choices)
            .map(|_| Choice {
                live: Some((OutputFilter::new(detector, surrogates, on_leak), Restorer::new(surrogates, restore))),
                held: Zeroizing::default(),
                window: Window::default(),
            })
            .collect();
        Self {
            detector,
            surrogates: surrogates.clone(),
            on_leak,
            restore,
            json,
            choices,
            said: Zeroizing::default(),
            removed: ClassCounts::default(),
        }
    }

    /// Takes more of a choice; what is ready goes into the choice's window. A choice that does not
    /// exist, or has ended, is not heard.
    pub(crate) fn push(&mut self, choice: u32, text: ModelText) -> Result<(), BlockedOutput> {
        self.said.extend_from_slice(text.expose_unfiltered().as_bytes());
        let Some(Choice { live: Some((filter, restorer)), held, window }) = self.choices.get_mut(choice as usize)
        else {
            return Ok(());
        };
        if self.json {
            held.push_str(text.expose_unfiltered());
            return Ok(());
        }
        for releasable in filter.push(text)? {
            window.push(restorer.push(releasable));
        }
        Ok(())
    }

    /// The choice has ended: what was held back comes out.
    pub(crate) fn finish(&mut self, choice: u32) -> Result<(), BlockedOutput> {
        self.said.extend_from_slice(b"\n");
        let Some(Choice { live, held, window }) = self.choices.get_mut(choice as usize) else { return Ok(()) };
        let Some((mut filter, mut restorer)) = live.take() else { return Ok(()) };
        let held = std::mem::take(held);
        if self.json
            && let Ok(value) = serde_json::from_str(&held)
        {
            let json = self.by_value(value, self.restore)?;
            if let Some(choice) = self.choices.get_mut(choice as usize) {
                choice.window.push_json(json);
            }
            return Ok(());
        }
        // It broke off, or is not JSON after all.
        for releasable in filter.push(ModelText::new(held.as_str()))? {
            window.push(restorer.push(releasable));
        }
        let (tail, removed) = filter.finish()?;
        self.removed.merge(&removed);
        for releasable in tail {
            window.push(restorer.push(releasable));
        }
        window.push(restorer.finish());
        Ok(())
    }

    /// Nothing more of this choice comes out, not even what was held back.
    pub(crate) fn shut(&mut self, choice: u32) {
        if let Some(c) = self.choices.get_mut(choice as usize) {
            c.live = None;
        }
    }

    /// A tool's name, never restored.
    pub(crate) fn tool_name(&mut self, name: &ModelText) -> Result<Window, BlockedOutput> {
        let mut window = Window::default();
        self.hear(name);
        window.push(self.whole(name.expose_unfiltered(), false)?);
        Ok(window)
    }

    /// A tool's arguments: every string of the JSON by itself, restored only where policy names the
    /// tool. What is not JSON is filtered as one text and never restored.
    pub(crate) fn tool_arguments(&mut self, arguments: &ModelText, named: bool) -> Result<Window, BlockedOutput> {
        let mut window = Window::default();
        self.hear(arguments);
        match serde_json::from_str(arguments.expose_unfiltered()) {
            Ok(value) => window.push_json(self.by_value(value, self.restore && named)?),
            Err(_) => window.push(self.whole(arguments.expose_unfiltered(), false)?),
        }
        Ok(window)
    }

    /// Every key and value of some JSON by itself, so that none breaks out of its place.
    fn by_value(&mut self, value: serde_json::Value, restore: bool) -> Result<Json<Vec<RestoredText>>, BlockedOutput> {
        Json::from_value(value, &Zeroizing::new).try_map(&mut |text: &Zeroizing<String>| self.whole(text, restore))
    }

    fn whole(&mut self, text: &str, restore: bool) -> Result<Vec<RestoredText>, BlockedOutput> {
        let mut filter = OutputFilter::new(self.detector, &self.surrogates, self.on_leak);
        let mut restorer = Restorer::new(&self.surrogates, restore);
        let mut out = Vec::new();
        for releasable in filter.push(ModelText::new(text))? {
            out.extend(restorer.push(releasable));
        }
        let (tail, removed) = filter.finish()?;
        self.removed.merge(&removed);
        for releasable in tail {
            out.extend(restorer.push(releasable));
        }
        out.extend(restorer.finish());
        Ok(out)
    }

    fn hear(&mut self, said: &ModelText) {
        self.said.extend_from_slice(said.expose_unfiltered().as_bytes());
        self.said.push(b'\n');
    }

    /// What is ready to be recorded of this choice.
    pub(crate) fn take(&mut self, choice: u32) -> Window {
        self.choices.get_mut(choice as usize).map(|c| std::mem::take(&mut c.window)).unwrap_or_default()
    }

    /// What the model said, unfiltered, for the sealed record only.
    pub(crate) fn said(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.said)
    }

    /// What the filter took out.
    pub(crate) fn removed(&self) -> &ClassCounts {
        &self.removed
    }
}
