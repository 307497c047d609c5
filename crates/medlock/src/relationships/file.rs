//! Who treats whom, from a file that another system writes: lines of a person (name or id), a comma, a patient.

use medlock_domain::PatientRef;
use medlock_pipeline::Relationships;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The pairs, by the person as they are written.
type Pairs = HashSet<(String, PatientRef)>;

/// The file. Clones are the same.
#[derive(Clone)]
pub(crate) struct File(Arc<Kept>);

/// As it was when it was last read.
struct Kept {
    path: PathBuf,
    read: Mutex<Option<(Stamp, Arc<Pairs>)>>,
}

/// What tells that a file is another one.
type Stamp = (SystemTime, u64);

impl File {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Kept { path, read: Mutex::new(None) }))
    }

    /// The pairs as the file has them now. A file with a mistake gives none: half of it would deny care to those whose
    /// line comes after.
    fn pairs(&self) -> Result<Arc<Pairs>, String> {
        let Kept { path, read } = &*self.0;
        let failed = |e: std::io::Error| format!("{}: {e}", path.display());
        let meta = std::fs::metadata(path).map_err(failed)?;
        let stamp = (meta.modified().map_err(failed)?, meta.len());
        let mut known = read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, pairs)) = &*known
            && *then == stamp
        {
            return Ok(pairs.clone());
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let pairs = parse(&text)
            .map_err(|line| format!("{}:{line}: expected a person (name or id), a comma, a patient", path.display()))?;
        let pairs = Arc::new(pairs);
        *known = Some((stamp, pairs.clone()));
        Ok(pairs)
    }
}

/// Or the number of the line that is wrong.
fn parse(text: &str) -> Result<Pairs, usize> {
    let lines = text.lines().map(str::trim).enumerate();
    let pair = |(at, line): (usize, &str)| {
        let (who, patient) = line.split_once(',').ok_or(at + 1)?;
        let who = who.trim();
        let patient = patient.trim().parse().map_err(|_| at + 1)?;
        if who.is_empty() { Err(at + 1) } else { Ok((who.to_owned(), patient)) }
    };
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(pair).collect()
}

#[async_trait::async_trait]
impl Relationships for File {
    async fn treats(&self, who: &[String; 2], patient: &PatientRef) -> Result<bool, String> {
        let file = self.clone();
        let pairs = tokio::task::spawn_blocking(move || file.pairs()).await.map_err(|e| e.to_string())??;
        Ok(who.iter().any(|name| pairs.contains(&(name.clone(), patient.clone()))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn lines_are_pairs_and_a_mistake_is_named() {
        let pairs = parse("# of tonight\n\ndr-lee, MRN 48213377\nusr_00000000000000000000000000,Patient/9\n").unwrap();
        assert_eq!(pairs.len(), 2);
        assert!(pairs.contains(&("dr-lee".to_owned(), "48213377".parse().unwrap())), "in one spelling");
        assert_eq!((parse("dr-lee 4"), parse("a,1\n,2"), parse("a,--")), (Err(1), Err(2), Err(1)));
    }

    #[test]
    fn it_is_read_again_when_it_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("on-duty.csv");
        let file = File::new(path.clone());
        assert!(file.pairs().is_err());
        std::fs::write(&path, "a,1\n").unwrap();
        assert_eq!(file.pairs().unwrap().len(), 1);
        std::fs::write(&path, "a,1\nb,2\n").unwrap();
        assert_eq!(file.pairs().unwrap().len(), 2);
        std::fs::write(&path, "a,1\nb,2\nwrong\n").unwrap();
        let why = file.pairs().unwrap_err();
        assert!(why.contains(":3:") && !why.contains("wrong"), "{why}");
    }
}
