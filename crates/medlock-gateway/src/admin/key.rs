use crate::error::Fault;
pub(crate) async fn list() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn create() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn revoke() -> Result<(), Fault> { Err(Fault::internal()) }
