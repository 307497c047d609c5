pub(crate) mod key;
pub(crate) mod session;
pub(crate) mod state;
pub(crate) mod user;
