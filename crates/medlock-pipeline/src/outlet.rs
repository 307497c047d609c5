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
    choices: Vec<Choice>,
    said: Zeroizing<Vec<u8>>,
    removed: ClassCounts,
}

struct Choice {
    /// Gone once the choice has ended.
    live: Option<(OutputFilter, Restorer)>,
    window: Window,
}

impl Outlet {
    pub(crate) fn new(
        detector: &'static Detector,
        surrogates: &Surrogates,
        on_leak: OnLeak,
        restore: bool,
        choices: u32,
    ) -> Self {
        let choices = (0..choices)
            .map(|_| Choice {
                live: Some((OutputFilter::new(detector, surrogates, on_leak), Restorer::new(surrogates, restore))),
                window: Window::default(),
            })
            .collect();
        Self {
            detector,
            surrogates: surrogates.clone(),
            on_leak,
            restore,
            choices,
            said: Zeroizing::default(),
            removed: ClassCounts::default(),
        }
    }

    /// Takes more of a choice; what is ready goes into the choice's window. A choice that does not
    /// exist, or has ended, is not heard.
    pub(crate) fn push(&mut self, choice: u32, text: ModelText) -> Result<(), BlockedOutput> {
        self.said.extend_from_slice(text.expose_unfiltered().as_bytes());
        let Some(Choice { live: Some((filter, restorer)), window }) = self.choices.get_mut(choice as usize) else {
            return Ok(());
        };
        for releasable in filter.push(text)? {
            window.push(restorer.push(releasable));
        }
        Ok(())
    }

    /// The choice has ended: what was held back comes out.
    pub(crate) fn finish(&mut self, choice: u32) -> Result<(), BlockedOutput> {
        self.said.extend_from_slice(b"\n");
        let Some(Choice { live, window }) = self.choices.get_mut(choice as usize) else { return Ok(()) };
        let Some((filter, mut restorer)) = live.take() else { return Ok(()) };
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
        window.push(self.whole(name.expose_unfiltered(), false)?);
        Ok(window)
    }

    /// A tool's arguments: every string of the JSON by itself, restored only where policy names the
    /// tool. What is not JSON is filtered as one text and never restored.
    pub(crate) fn tool_arguments(&mut self, arguments: &ModelText, named: bool) -> Result<Window, BlockedOutput> {
        let mut window = Window::default();
        match serde_json::from_str(arguments.expose_unfiltered()) {
            Ok(value) => {
                let json = Json::from_value(value, &Zeroizing::new);
                let filtered = json.try_map(&mut |text: &Zeroizing<String>| self.whole(text, named))?;
                window.push_json(filtered);
            }
            Err(_) => window.push(self.whole(arguments.expose_unfiltered(), false)?),
        }
        Ok(window)
    }

    fn whole(&mut self, text: &str, named: bool) -> Result<Vec<RestoredText>, BlockedOutput> {
        self.said.extend_from_slice(text.as_bytes());
        self.said.push(b'\n');
        let mut filter = OutputFilter::new(self.detector, &self.surrogates, self.on_leak);
        let mut restorer = Restorer::new(&self.surrogates, self.restore && named);
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
