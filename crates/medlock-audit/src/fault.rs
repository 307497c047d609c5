//! **For tests**, here and in other crates: a disk in memory that keeps only what was synced, and
//! fails when it is told to.
//!
//! It is as unkind as a real one may be. At a power cut every sector that was not synced is kept or
//! lost by the toss of a coin, a file may be shorter than what was written, and names that were not
//! synced may be missing. After a failed sync, what it should have written is gone for good although
//! later syncs succeed: that is what Linux does.

use crate::medium::{Appender, Medium};
use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Half of the bytes are written, then an input/output error.
    ShortWrite,
    /// An input/output error, nothing done.
    InputOutput,
    /// No space left on the device.
    NoSpace,
    /// A sync fails and drops what it should have made durable.
    LostSync,
    /// The power goes: nothing works any more. See [`FaultDisk::after_power_cut`].
    PowerCut,
}

const SECTOR: usize = 512;

#[derive(Clone, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Bytes up to here that a failed sync has dropped.
    lost: usize,
}

impl Inode {
    fn sync(&mut self) {
        let kept = self.durable.len().min(self.live.len());
        let mut durable = self.live.clone();
        if let Some(dropped) = durable.get_mut(kept..self.lost.max(kept)) {
            dropped.fill(0);
        }
        self.durable = durable;
    }
}

#[derive(Clone)]
enum NameChange {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

impl NameChange {
    /// No name ever moves from one directory to another.
    fn is_in(&self, dir: &str) -> bool {
        self.path().rsplit_once('/').map_or("", |(dir, _)| dir) == dir
    }

    fn path(&self) -> &str {
        let (NameChange::Link(name, _) | NameChange::Unlink(name) | NameChange::Rename(name, _)) = self;
        name
    }
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    live: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Changes of names that no `sync_dir` has covered, in order.
    pending: Vec<NameChange>,
    operations: u64,
    plan: Option<(u64, Fault)>,
    broken: Option<Fault>,
    dead: bool,
    locked: bool,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct FaultDisk(Arc<Mutex<State>>);

impl FaultDisk {
    /// An empty disk on which nothing goes wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the operation number `after` from now (0 is the next) go wrong.
    pub fn fail_after(&self, after: u64, fault: Fault) {
        let mut state = self.state();
        state.plan = Some((state.operations + after, fault));
    }

    /// Every operation fails from now on: whichever thread comes first, none gets through.
    pub fn fail_always(&self, fault: Fault) {
        self.state().broken = Some(fault);
    }

    /// How many operations there have been that could go wrong.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The disk as it might be found after the power came back; `seed` chooses among the ways.
    /// The old one is dead from now on.
    pub fn after_power_cut(&self, seed: u64) -> Self {
        let mut coin = Coin(seed);
        let mut state = self.state();
        state.dead = true;
        let mut names = state.durable.clone();
        // A journal keeps changes of names in order: some first part of them made it.
        let kept = coin.below(state.pending.len() + 1);
        state.pending[..kept].iter().cloned().for_each(|change| apply(&mut names, change));
        let inodes = state.inodes.iter().map(|inode| survivor(inode, &mut coin)).collect();
        let next = State { inodes, live: names.clone(), durable: names, ..State::default() };
        Self(Arc::new(Mutex::new(next)))
    }

    /// Every file there is, with its bytes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        state.live.iter().map(|(name, inode)| (name.clone(), state.inodes[*inode].live.clone())).collect()
    }

    /// A disk with these files, all durable.
    pub fn with_files(files: BTreeMap<String, Vec<u8>>) -> Self {
        let mut state = State::default();
        for (name, bytes) in files {
            state.live.insert(name, state.inodes.len());
            state.inodes.push(Inode { live: bytes.clone(), durable: bytes, lost: 0 });
        }
        state.durable = state.live.clone();
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation; gives the fault that is planned for it.
    fn step(&self) -> Result<(MutexGuard<'_, State>, Option<Fault>), io::Error> {
        let mut state = self.state();
        if state.dead {
            return Err(error("the power is off"));
        }
        let due = state.plan.is_some_and(|(at, _)| at == state.operations);
        state.operations += 1;
        let fault = if due { state.plan.take().map(|(_, fault)| fault) } else { state.broken };
        if fault == Some(Fault::PowerCut) {
            state.dead = true;
        }
        Ok((state, fault))
    }

    /// The same for an operation on names, which fails as a whole.
    fn whole_step(&self) -> io::Result<MutexGuard<'_, State>> {
        match self.step()? {
            (state, None) => Ok(state),
            (_, Some(Fault::NoSpace)) => Err(io::ErrorKind::StorageFull.into()),
            (_, Some(_)) => Err(error("planned")),
        }
    }
}

fn error(what: &'static str) -> io::Error {
    io::Error::other(what)
}

fn apply(names: &mut BTreeMap<String, usize>, change: NameChange) {
    match change {
        NameChange::Link(name, inode) => {
            names.insert(name, inode);
        }
        NameChange::Unlink(name) => {
            names.remove(&name);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(&from) {
                names.insert(to, inode);
            }
        }
    }
}

/// What is left of a file: all that was synced, and of the rest what the coin says.
fn survivor(inode: &Inode, coin: &mut Coin) -> Inode {
    let synced = inode.durable.len().min(inode.live.len());
    let more = inode.live.len() - synced;
    // Often all of it: the dangerous case is an end that made it over a middle that did not.
    let length = synced + if coin.below(2) == 1 { more } else { coin.below(more + 1) };
    let mut bytes = inode.durable[..synced].to_vec();
    while bytes.len() < length {
        let end = ((bytes.len() / SECTOR + 1) * SECTOR).min(length);
        let sector = &inode.live[bytes.len()..end];
        let kept = coin.below(2) == 1 && bytes.len() >= inode.lost;
        let zeros = vec![0; sector.len()];
        bytes.extend_from_slice(if kept { sector } else { &zeros });
    }
    Inode { live: bytes.clone(), durable: bytes, lost: 0 }
}

/// SplitMix64: the same seed, the same accident.
struct Coin(u64);

impl Coin {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

impl Medium for FaultDisk {
    fn make_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn Appender>> {
        let mut state = self.whole_step()?;
        if state.live.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.live.insert(path.to_owned(), inode);
        state.pending.push(NameChange::Link(path.to_owned(), inode));
        Ok(Box::new(FaultFile { disk: self.clone(), inode }))
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let state = self.state();
        let inode = *state.live.get(path).ok_or(io::ErrorKind::NotFound)?;
        let bytes = state.inodes[inode].live.clone();
        if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        let inode = *state.live.get(path).ok_or(io::ErrorKind::NotFound)?;
        let rest = state.inodes[inode].live.get(offset as usize..).unwrap_or_default();
        Ok(rest[..rest.len().min(length)].to_vec())
    }

    fn walk(&self, path: &str) -> io::Result<Vec<String>> {
        let dir = format!("{path}/");
        Ok(self.state().live.keys().filter(|n| n.starts_with(&dir)).cloned().collect())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let dir = if path.is_empty() { String::new() } else { format!("{path}/") };
        let state = self.state();
        Ok(state
            .live
            .keys()
            .filter_map(|n| n.strip_prefix(&dir))
            .filter(|n| !n.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        let mut state = self.whole_step()?;
        let inode = *state.live.get(path).ok_or(io::ErrorKind::NotFound)?;
        let file = &mut state.inodes[inode];
        file.live.truncate(usize::try_from(length).map_err(io::Error::other)?);
        file.sync();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.whole_step()?;
        if !state.live.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let change = NameChange::Rename(from.to_owned(), to.to_owned());
        apply(&mut state.live, change.clone());
        state.pending.push(change);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        if !self.state().live.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut state = self.whole_step()?;
        state.live.remove(path);
        state.pending.push(NameChange::Unlink(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_tree(&self, path: &str) -> io::Result<()> {
        let dir = format!("{path}/");
        let mut state = self.whole_step()?;
        let inodes: Vec<usize> = state.live.iter().filter(|(n, _)| n.starts_with(&dir)).map(|(_, i)| *i).collect();
        inodes.into_iter().for_each(|inode| state.inodes[inode].sync());
        let (here, elsewhere) =
            std::mem::take(&mut state.pending).into_iter().partition(|change| change.path().starts_with(&dir));
        state.pending = elsewhere;
        Vec::into_iter(here).for_each(|change| apply(&mut state.durable, change));
        Ok(())
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.whole_step()?;
        let (here, elsewhere) = std::mem::take(&mut state.pending).into_iter().partition(|change| change.is_in(path));
        state.pending = elsewhere;
        Vec::into_iter(here).for_each(|change| apply(&mut state.durable, change));
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Held(self.clone())))
    }

    fn in_use(&self) -> bool {
        self.state().locked
    }
}

struct Held(FaultDisk);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}

struct FaultFile {
    disk: FaultDisk,
    inode: usize,
}

impl Appender for FaultFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (mut state, fault) = self.disk.step()?;
        let file = &mut state.inodes[self.inode].live;
        match fault {
            None | Some(Fault::LostSync) => {
                file.extend_from_slice(bytes);
                Ok(())
            }
            // The power may go while the bytes are on their way.
            Some(Fault::ShortWrite) => {
                file.extend_from_slice(&bytes[..bytes.len() / 2]);
                Err(error("short write"))
            }
            Some(Fault::PowerCut) => {
                file.extend_from_slice(bytes);
                Err(error("the power is off"))
            }
            Some(Fault::NoSpace) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::InputOutput) => Err(error("planned")),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let (mut state, fault) = self.disk.step()?;
        let file = &mut state.inodes[self.inode];
        match fault {
            None => {
                file.sync();
                Ok(())
            }
            // Cut off, and no more: some of it may have reached the disk.
            Some(Fault::PowerCut) => Err(error("the power is off")),
            Some(_) => {
                file.lost = file.live.len();
                Err(error("the sync failed"))
            }
        }
    }
}
