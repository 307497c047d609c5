use crate::error::Fault;
pub(crate) async fn list() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn create() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn disable() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn enable() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn reset_factor() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn set_roles() -> Result<(), Fault> { Err(Fault::internal()) }
