use crate::error::Fault;
pub(crate) async fn reload_policy() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn checkpoint() -> Result<(), Fault> { Err(Fault::internal()) }
